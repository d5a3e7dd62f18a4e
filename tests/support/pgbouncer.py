"""PgBouncer before a PostgreSQL, in transaction mode, for as long as a block lasts."""

from __future__ import annotations

import os
import pwd
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from psycopg.conninfo import conninfo_to_dict

from settings import Database

__all__ = ["PROGRAM", "pgbouncer"]

PROGRAM = shutil.which("pgbouncer", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin")

#: The start-up parameters that it does not know are refused, as usual: nothing here is tuned to us.
_CONFIGURATION = """
[databases]
* = host={host} port={port} user=postgres
[pgbouncer]
pool_mode = transaction
auth_type = any
unix_socket_dir = {folder}
listen_port = 6432
default_pool_size = 40
max_client_conn = 1000
logfile = {folder}/log
"""


@contextmanager
def pgbouncer(server: str, more: str = "") -> Iterator[Database]:
    """The database at this address, through a PgBouncer of our own; `more` are lines of its configuration."""
    assert PROGRAM is not None
    given = conninfo_to_dict(server)
    folder = Path(tempfile.mkdtemp(prefix="rxledger-pgbouncer-"))
    # It refuses to be root, and a socket may be its owner's alone.
    owner = pwd.getpwuid(Path(str(given["host"])).stat().st_uid) if os.geteuid() == 0 else None
    configuration = folder / "ini"
    configuration.write_text(
        _CONFIGURATION.format(host=given["host"], port=given.get("port", 5432), folder=folder) + more
    )
    if owner:
        for path in (folder, configuration):
            shutil.chown(path, owner.pw_uid, owner.pw_gid)
    process = subprocess.Popen(
        [PROGRAM, "-q", str(configuration)],
        user=owner.pw_uid if owner else None,
        group=owner.pw_gid if owner else None,
        extra_groups=[] if owner else None,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        _wait(process, folder)
        yield Database(f"postgresql://postgres@/{given['dbname']}?host={folder}&port=6432", pooled=True)
    finally:
        process.terminate()
        process.wait(30)
        shutil.rmtree(folder, ignore_errors=True)


def _wait(process: subprocess.Popen[bytes], folder: Path) -> None:
    end = time.monotonic() + 30
    while True:
        assert process.poll() is None, f"PgBouncer ended: {(folder / 'log').read_text()}"
        try:
            with socket.socket(socket.AF_UNIX) as probe:
                probe.connect(str(folder / ".s.PGSQL.6432"))
                return
        except OSError:
            assert time.monotonic() < end, "PgBouncer does not listen"
            time.sleep(0.01)
