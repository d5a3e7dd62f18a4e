"""kombu's Redis transport, sparing with clients.

kombu makes a client of redis-py for every command that it sends: a facade over the channel's pool, with a
table of 169 callbacks that is filled anew each time. That was a third of what sending a hint costs, and a
tenth of what a worker's main process does. Here a channel keeps one as long as its pool lives.
"""

from __future__ import annotations

from typing import Any

from kombu.transport import TRANSPORT_ALIASES, redis

__all__ = ["Channel", "Transport", "register"]


class Channel(redis.Channel):
    """Sends commands through one client; those that the event loop waits on have theirs from kombu."""

    _kept: Any = None

    def _create_client(self, asynchronous: bool = False) -> Any:
        if asynchronous:
            return super()._create_client(asynchronous=True)  # type: ignore[no-untyped-call]
        # kombu drops the pool when a connection is lost.
        if self._kept is None or self._kept.connection_pool is not self.pool:
            self._kept = super()._create_client()  # type: ignore[no-untyped-call]
        return self._kept


class Transport(redis.Transport):
    """What `redis://` and `rediss://` stand for, once registered."""

    Channel = Channel


def register() -> None:
    """Have kombu use this transport for its own names, so that settings and banners stay as they are."""
    for name in ("redis", "rediss"):
        TRANSPORT_ALIASES[name] = f"{__name__}:{Transport.__name__}"
