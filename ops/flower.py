"""Flower, as a window: read-only, everything behind the password, nothing kept on disk.

Flower 2.2 leaves /metrics and /healthcheck open and checks its other pages one by one, so the password is
asked for here, before any page is chosen. Its own `read_only` hides the buttons and refuses control calls;
here, no request that could change anything gets as far.

While the broker is away its pause between tries doubles without an end, so that it stays blind for as long
again as the broker was gone, and it does not stop: its threads wait for an answer. Here both have an end.
"""

from __future__ import annotations

import base64
import binascii
import hmac
import logging
import os
import signal
import sys
import time
from typing import Any

import tornado.web
from celery.events.receiver import EventReceiver
from flower.app import Flower
from flower.events import Events
from flower.options import default_options
from flower.urls import settings as page_settings
from tornado.httputil import HTTPServerRequest
from tornado.ioloop import IOLoop

from errors import describe
from settings import Settings

__all__ = ["PatientEvents", "ReadOnlyFlower", "make", "run"]

#: The task list asks for its rows by POST; it changes nothing.
READING_POSTS = frozenset({"/tasks/datatable"})
TASKS_IN_MEMORY = 10_000
#: The longest pause between two tries to hear the workers, in seconds.
LONGEST_PAUSE = 30.0
# What people look for and where (tornado), and that no worker has answered yet, once for each question.
QUIET_LOGGERS = ("tornado.access", "tornado.general", "flower.inspector")
log = logging.getLogger("rxledger.flower")
log.setLevel(logging.INFO)


class Denied(tornado.web.RequestHandler):
    """Answers what is not let through."""

    def initialize(self, status: int) -> None:
        self.status = status

    def check_xsrf_cookie(self) -> None:
        """Nothing to protect: this only says no."""

    def prepare(self) -> None:
        self.set_status(self.status)
        if self.status == 401:
            self.set_header("WWW-Authenticate", 'Basic realm="rxledger", charset="UTF-8"')
        self.finish("a password is needed\n" if self.status == 401 else "this is for reading only\n")


class PatientEvents(Events):  # type: ignore[misc]  # the package ships no types
    """The thread that hears what workers say of themselves."""

    def run(self) -> None:
        pause = 1.0
        while True:
            try:
                with self.capp.connection() as connection:
                    receiver = EventReceiver(connection, handlers={"*": self.on_event}, app=self.capp)
                    pause = 1.0
                    receiver.capture(limit=None, timeout=None, wakeup=True)
            except Exception as error:  # each transport raises errors of its own
                log.error("the broker is not heard, next try in %d s: %s", pause, describe(error))
                time.sleep(pause)
                pause = min(2 * pause, LONGEST_PAUSE)


class ReadOnlyFlower(Flower):  # type: ignore[misc]  # the package ships no types
    """Flower behind one password that lets reading requests through."""

    def find_handler(self, request: HTTPServerRequest, **kwargs: Any) -> Any:
        if not _is_authorized(request.headers.get("Authorization", ""), self.options.basic_auth):
            return self.get_handler_delegate(request, Denied, {"status": 401})
        if request.method not in ("GET", "HEAD") and not (
            request.method == "POST" and request.path in READING_POSTS
        ):
            return self.get_handler_delegate(request, Denied, {"status": 405})
        return super().find_handler(request, **kwargs)


def _is_authorized(header: str, passwords: list[str]) -> bool:
    scheme, _, encoded = header.partition(" ")
    try:
        given = base64.b64decode(encoded.strip(), validate=True)
    except (binascii.Error, ValueError):
        return False
    # Every password is compared, so that the time says nothing about which one came close.
    matches = [hmac.compare_digest(given, password.encode()) for password in passwords]
    return scheme.lower() == "basic" and any(matches)


def make(settings: Settings, celery_app: Any, *, address: str, port: int) -> ReadOnlyFlower:
    """The application, not listening yet. `settings` has the password and the cookie's secret."""
    options = default_options
    options.address = address
    options.port = port
    options.basic_auth = [settings.flower_basic_auth]
    options.read_only = True
    options.persistent = False
    options.max_tasks = TASKS_IN_MEMORY
    options.purge_offline_workers = 3600
    pages = {**page_settings, "cookie_secret": settings.flower_cookie_secret, "debug": False}
    loop = IOLoop.current()
    events = PatientEvents(
        celery_app,
        loop,
        max_tasks_in_memory=TASKS_IN_MEMORY,
        max_workers_in_memory=options.max_workers,
    )
    return ReadOnlyFlower(capp=celery_app, options=options, events=events, io_loop=loop, **pages)


def run(settings: Settings, *, address: str, port: int) -> None:
    """Serve until SIGTERM or SIGINT. Raises OSError when the port is taken."""
    from workers.celery.app import app as celery_app

    logging.basicConfig(level=logging.WARNING, format="%(levelname)s %(name)s: %(message)s")
    for name in QUIET_LOGGERS:
        logging.getLogger(name).setLevel(logging.ERROR)
    flower = make(settings.require("broker", "flower"), celery_app, address=address, port=port)
    flower.start_http_server()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: flower.io_loop.add_callback_from_signal(flower.stop))
    log.info("watching at http://%s:%d", address, port)
    flower.start()
    # Python would wait for the threads that ask the workers, and they for a broker that may be away.
    logging.shutdown()
    sys.stdout.flush()
    os._exit(0)
