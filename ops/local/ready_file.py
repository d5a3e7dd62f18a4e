"""What `up` tells once everything answers: the ready file, and where to look.

Whenever a process was started again the ready file is written anew, so that its pids are living ones.
"""

from __future__ import annotations

import contextlib
import json
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console

from ops.files import write_private
from ops.local.data_folder import ENV_FILE
from ops.local.readiness import Readiness
from ops.refused import Refused
from ops.render.output import write_json
from settings import Settings

__all__ = ["ReadyFile", "Run"]

READY_SECONDS = 120.0


@dataclass(frozen=True)
class Run:
    """What is told of one `up`: its settings, its worker's name, what its processes are given."""

    settings: Settings
    node: str
    variables: Mapping[str, str]


class ReadyFile:
    """Give `look` the pids now and then. `target` is the ready file; `say` prints a line."""

    def __init__(
        self, run: Run, console: Console, say: Callable[[str], object], target: Path | None, as_json: bool
    ) -> None:
        self._run = run
        self._console = console
        self._say = say
        self._target = target
        self._as_json = as_json
        self._deadline = time.monotonic() + READY_SECONDS
        self._told: dict[str, int] = {}
        self._asked: dict[str, int] = {}
        self._readiness: Readiness | None = None

    @property
    def told(self) -> bool:
        """Whether all have answered once."""
        return bool(self._told)

    def look(self, pids: Mapping[str, int]) -> None:
        """Ask around when these are not the pids told last; tell when all have answered.

        Raises Refused when the first time does not come in READY_SECONDS. Later there is no such limit:
        what works must not be ended because something else does not.
        """
        if pids == self._told:
            return
        if self._readiness is None or pids != self._asked:
            if self._readiness:
                self._readiness.abandon()
            self._asked, self._readiness = dict(pids), Readiness(self._run.settings, self._run.node)
        if missing := self._readiness.missing:
            if not self._told and time.monotonic() > self._deadline:
                raise Refused(f"{', '.join(missing)} did not answer in {READY_SECONDS:.0f} s")
            return
        first, self._told = not self._told, self._asked
        if first:
            self._tell()
        else:
            self._tell_again()

    def _tell_again(self) -> None:
        try:
            self._write_ready_file(self._document())
        except OSError as error:
            self._say(f"the ready file is out of date: it cannot be written ({error.strerror})")
        self._say("everything answers again")

    def _tell(self) -> None:
        document = self._document()
        self._write_ready_file(document)
        if self._as_json:
            write_json(document)
        self._say("everything answers")
        for name, text in self._rows().items():
            self._console.print(f"  [bold]{name:<10}[/bold]", end="", soft_wrap=True)
            self._console.print(text, markup=False, soft_wrap=True)

    def _write_ready_file(self, document: Mapping[str, object]) -> None:
        if self._target:
            write_private(self._target, f"{json.dumps(document, indent=2)}\n".encode())

    def _document(self) -> dict[str, object]:
        settings = self._run.settings
        return {
            "receiver": settings.receiver_url,
            "flower": settings.flower_url,
            "sandbox": settings.sandbox_url,
            "database": settings.database_url,
            "broker": settings.broker_url,
            "env": self._run.variables,
            "pids": self._told,
        }

    def _rows(self) -> dict[str, str]:
        settings = self._run.settings
        data = "" if settings.data_dir == Path("var").resolve() else f" --data {settings.data_dir}"
        rxledger = _own_name()
        sandbox = f"{settings.sandbox_url}  (its API keys are in {settings.data_dir / ENV_FILE})"
        return {
            **{
                f"webhook of {partner.name}": f"{settings.receiver_url}/webhooks/{partner.name}"
                for partner in settings.partners
                if partner.has_secret
            },
            "flower": f"{settings.flower_url}  (the password is in {settings.data_dir / ENV_FILE})",
            **({"sandbox": sandbox} if settings.sandbox_url else {}),
            "database": _without_password(str(settings.database_url)),
            "broker": _without_password(str(settings.broker_url)),
            "try": f"{rxledger} demo{data}",
            "then": f"{rxledger} show fill_request REQUEST_ID{data}",
            "stop": "Ctrl-C",
        }


def _own_name() -> str:
    """How this shell would call us again."""
    script = Path(sys.argv[0])
    if script.name != "rxledger":
        return "rxledger"
    with contextlib.suppress(ValueError):
        return str(script.absolute().relative_to(Path.cwd()))
    return str(script)


def _without_password(url: str) -> str:
    credentials, at, rest = url.rpartition("@")
    scheme, _, login = credentials.partition("://")
    user, colon, _ = login.partition(":")
    return f"{scheme}://{user}:…@{rest}" if at and colon else url
