"""Every size and time the receiver keeps to, in one place, so that tests can make them small."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["Limits"]


@dataclass(frozen=True)
class Limits:
    """Sizes in bytes, times in seconds."""

    #: The largest body taken, and how long it may take to arrive.
    body_bytes: int = 1 << 20
    body_seconds: float = 10.0
    #: What is read off behind a refusal, so that the answer reaches a client that is still sending.
    drain_bytes: int = 16 << 20
    drain_seconds: float = 5.0
    #: What all bodies that arrive in pieces may hold together: they are not verified yet.
    held_bytes: int = 64 << 20
    #: How long a batch waits for its COMMIT before it is spooled.
    commit_seconds: float = 2.0
    batch_rows: int = 256
    batch_bytes: int = 4 << 20
    connections: int = 2
    #: How often PostgreSQL is tried while it is away, how often it is asked while nothing comes in,
    #: and how often the folders of dead processes are looked for.
    probe_seconds: float = 0.5
    idle_seconds: float = 10.0
    adopt_seconds: float = 30.0
    #: How long the outcome of a trial write to the spool is taken for granted.
    check_seconds: float = 5.0
