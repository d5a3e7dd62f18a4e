"""Restarts an embedded server that has died, where it was and when `ops.local.restart_policy` says."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Mapping
from typing import Protocol

from ops.local.processes import EmbeddedError, ending
from ops.local.restart_policy import RestartPolicy

__all__ = ["Server", "ServerRestarter"]


class Server(Protocol):
    """What is kept up; `start` may be called again, and then takes the same address or raises."""

    process: subprocess.Popen[bytes] | None

    def start(self) -> None: ...


class ServerRestarter:
    """Looks after servers that have been started; `say` is told what happens to them."""

    def __init__(self, servers: Mapping[str, Server], say: Callable[[str], None]) -> None:
        self._servers = servers
        self._say = say
        self._policy = RestartPolicy()

    def mend(self) -> bool:
        """Notice what has died, start again what has waited long enough. True when one came back.

        One that cannot be started is tried for ever, with growing pauses: the receiver goes on without it.
        """
        for name, server in self._servers.items():
            code = server.process.poll() if server.process else None
            if code is not None and not self._policy.pending(name):
                self._put_off(name, ending(code))
        came_back = False
        for name in self._policy.due():
            try:
                self._servers[name].start()
            except (EmbeddedError, OSError) as error:
                # A port may be taken for a moment only, a disk be full for a while.
                self._put_off(name, f"cannot be started: {error}")
            else:
                self._say(f"the embedded {name} server is back")
                came_back = True
        return came_back

    def _put_off(self, name: str, how: str) -> None:
        self._say(f"the embedded {name} server {how}; started again in {self._policy.died(name):g} s")
