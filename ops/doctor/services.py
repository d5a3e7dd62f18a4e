"""The checks of `doctor` that ask other processes: broker, worker, receiver."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from kombu.connection import Connection
from redis.exceptions import ResponseError

from errors import describe
from ops.doctor.checks import Check
from ops.http import Unanswered, request
from settings import Settings

__all__ = ["broker_and_worker", "receiver"]

#: A worker answers at once; one on a machine under load gets a second, longer chance.
PING_SECONDS = (1.0, 3.0)
#: What to do about a broker that answers with an error, by the name that redis-py or amqp has for it.
_REFUSALS = {
    "AuthenticationError": "Correct user and password in its address, and restart what uses it.",
    "AccessRefused": "Correct user and password in BROKER_URL, or its permissions, and restart what uses it.",
    "NotAllowed": "Correct the virtual host in BROKER_URL, or the user's permissions on it.",
    "PreconditionFailed": "Its queue `rxledger` is not as we make it (type, arguments): delete it, and the "
    "policy or the application that makes it so. No event is in it.",
    "ReadOnlyError": "It is a replica: point REDIS_URL to the primary. Events are applied late meanwhile.",
    "OutOfMemoryError": "Give it memory (maxmemory), or empty it. Events are applied late meanwhile.",
    "NoPermissionError": "Give its user the commands on lists, sets and channels of our keys.",
}


def broker_and_worker(settings: Settings) -> Iterator[Check]:
    if settings.broker_url is None:
        return
    try:
        with _connect(settings.broker_url, settings.broker_prefix) as connection:
            connection.ensure_connection(max_retries=1, interval_start=0, timeout=3)
            if not settings.broker_url.startswith(("redis", "valkey")):
                # As workers and beat do: a RabbitMQ refuses it where there is another one of that name.
                connection.SimpleQueue("rxledger").close()
            yield Check("broker", "ok", "it answers")
            yield _worker(connection)
    except ResponseError as error:
        yield _refused(error)
    except Exception as error:  # each transport raises errors of its own, with addresses in their texts
        cause = error.__cause__ or error  # kombu wraps some of them
        if type(cause).__name__ in _REFUSALS:
            yield _refused(cause)
            return
        todo = "Start it, or correct BROKER_URL or REDIS_URL. Events are kept and applied late meanwhile."
        yield Check("broker", "fail", f"it does not answer: {describe(error)}", todo)


def _refused(error: BaseException) -> Check:
    """It is there and does not take what is sent."""
    name = type(error).__name__
    todo = _REFUSALS.get(name, "See its log. Events are kept and applied late meanwhile.")
    return Check("broker", "fail", f"it answers with an error: {describe(error).partition(' ')[0]}", todo)


def _connect(url: str, prefix: str) -> Any:
    redis = {
        "socket_timeout": 5,
        "socket_connect_timeout": 3,
        "global_keyprefix": prefix,
        # To close, kombu waits until the last of its polls is over: each takes so many seconds, by default 1.
        "polling_interval": 0.1,
    }
    options = (
        redis if url.startswith(("redis", "rediss", "valkey")) else {"read_timeout": 5, "write_timeout": 5}
    )
    connect: Any = Connection  # it has no types
    return connect(url, connect_timeout=3, transport_options=options)


def _worker(connection: Any) -> Check:
    from workers.celery.app import app

    for seconds in PING_SECONDS:
        answers: list[dict[str, Any]] = app.control.ping(timeout=seconds, connection=connection) or []
        names = sorted(name for answer in answers for name in answer)
        if names:
            return Check("worker", "ok", f"{len(names)} answered: {', '.join(names)}")
    return Check("worker", "fail", "none answers", "Start one: `rxledger worker`.")


def receiver(settings: Settings) -> Check:
    url = settings.receiver_url
    if not url:
        todo = "Set RXLEDGER_RECEIVER_URL to where the receiver listens, to have it checked."
        return Check("receiver", "warn", "its address is not known here", todo)
    try:
        answer = request("GET", f"{url.rstrip('/')}/readyz")
    except Unanswered as error:
        return Check("receiver", "fail", f"{url} {error}", "Start it: `rxledger web`.")
    if answer.status == 200:
        return Check("receiver", "ok", f"{url} is ready")
    todo = "Neither PostgreSQL nor the spool can take an event: see those checks."
    return Check("receiver", "fail", f"{url} answers {answer.status}", todo)
