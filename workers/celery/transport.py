"""kombu's Redis transport, that no message breaks, and sparing with clients.

kombu takes what it finds in a list for one of its own messages: what is not ends the worker.

kombu makes a client of redis-py for every command that it sends: a facade over the channel's pool, with a
table of 169 callbacks that is filled anew each time. That was a third of what sending a hint costs, and a
tenth of what a worker's main process does. Here a channel keeps one as long as its pool lives.
"""

from __future__ import annotations

import logging
from queue import Empty
from typing import Any
from uuid import uuid4

from kombu.transport import TRANSPORT_ALIASES, redis, virtual
from redis.exceptions import RedisError

from errors import describe

__all__ = ["Channel", "Message", "Transport", "register"]

log = logging.getLogger("rxledger.worker")


class Message(virtual.Message):
    """A message; an empty one, which is no task, where there is something else."""

    def __init__(self, payload: Any, channel: Any = None, **options: Any) -> None:
        try:
            super().__init__(payload, channel=channel, **options)  # type: ignore[no-untyped-call]
            hash(self.delivery_tag)  # its channel keeps it by that
        except Exception as error:
            log.error("a message is none of ours: %s", describe(error))
            empty = {"properties": {"delivery_tag": str(uuid4()), "delivery_info": {}}, "headers": {}}
            super().__init__(empty, channel=channel, **options)  # type: ignore[no-untyped-call]


class Channel(redis.Channel):
    """Sends commands through one client; those that the event loop waits on have theirs from kombu."""

    Message = Message
    _kept: Any = None

    def _create_client(self, asynchronous: bool = False) -> Any:
        if asynchronous:
            return super()._create_client(asynchronous=True)  # type: ignore[no-untyped-call]
        # kombu drops the pool when a connection is lost.
        if self._kept is None or self._kept.connection_pool is not self.pool:
            self._kept = super()._create_client()  # type: ignore[no-untyped-call]
        return self._kept

    def _brpop_read(self, **options: Any) -> Any:
        """Take what the server popped. It left the list with that, so what is dropped does not come again."""
        self.connection.delivering = False
        try:
            return super()._brpop_read(**options)  # type: ignore[no-untyped-call]
        except Exception as error:
            if self.connection.delivering or isinstance(error, RedisError | OSError | Empty):
                raise
            log.error("a message was dropped, it is not JSON: %s", describe(error))
            return True


class Transport(redis.Transport):
    """What `redis://` and `rediss://` stand for, once registered."""

    Channel = Channel
    #: Whether what was read last has got as far as to whom it is for.
    delivering = False

    def _deliver(self, message: Any, queue: str) -> None:
        self.delivering = True
        super()._deliver(message, queue)  # type: ignore[no-untyped-call]


def register() -> None:
    """Have kombu use this transport for its own names, so that settings and banners stay as they are."""
    for name in ("redis", "rediss"):
        TRANSPORT_ALIASES[name] = f"{__name__}:{Transport.__name__}"
