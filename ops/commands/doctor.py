"""`doctor`: a check of every part, with what to do about it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING

import typer

from ops.refused import Refused
from ops.render.output import DataOption, JsonOption, load, write_json

if TYPE_CHECKING:
    from ops.doctor.checks import Check
    from settings import Settings

__all__ = ["examine", "register"]


def register(app: typer.Typer) -> None:
    app.command()(doctor)


def doctor(data: DataOption = None, as_json: JsonOption = False) -> None:
    """Check every part and say what to do about it. Exit code 1 when any part fails."""
    from ops.doctor.checks import Check
    from ops.render.tables import progress
    from settings import SettingsError

    try:
        settings = load(data)
    except SettingsError as error:
        text = "; ".join(str(error).splitlines())
        checks = [Check("settings", "fail", text, "Correct it: nothing else can be checked before.")]
    else:
        with progress("checking", len(_parts())) as advance:
            checks = list(examine(settings, advance))
    failed = [check.name for check in checks if check.status == "fail"]
    if as_json:
        names = ("name", "status", "text", "todo")
        documents = [{name: getattr(check, name) for name in names} for check in checks]
        write_json({"ok": not failed, "checks": documents})
    else:
        _print(checks)
    if failed:
        raise Refused(f"failed: {', '.join(failed)}")


def examine(settings: Settings, advance: Callable[[int], None]) -> Iterator[Check]:
    """Every check. A part that raises is a failure of that part, and the others are checked all the same."""
    from errors import describe
    from ops.doctor.checks import Check

    for name, part in _parts():
        try:
            yield from part(settings)
        except Exception as error:  # a doctor that falls over its patient helps nobody
            yield Check(name, "fail", f"the check failed: {describe(error)}", "Report this line.")
        advance(1)


def _parts() -> list[tuple[str, Callable[[Settings], Iterable[Check]]]]:
    from ops.doctor import checks
    from ops.doctor.database import database
    from ops.doctor.loss import unconfirmed_pushes
    from ops.doctor.pulls import pulls
    from ops.doctor.services import broker_and_worker, receiver
    from ops.doctor.silence import silences

    return [
        ("settings", lambda settings: [checks.required(settings)]),
        ("secrets", lambda settings: [checks.secrets(settings)]),
        ("signatures", checks.signatures),
        ("postgresql", database),
        ("broker", broker_and_worker),
        ("receiver", lambda settings: [receiver(settings)]),
        ("spool", lambda settings: [checks.spool(settings)]),
        ("pulls", pulls),
        ("silence", silences),
        ("unconfirmed", unconfirmed_pushes),
    ]


def _print(checks: list[Check]) -> None:
    from ops.render.tables import print_table

    rows: list[tuple[str, str, str]] = []
    for check in checks:
        rows.append((check.status, check.name, check.text))
        if check.todo is not None:
            rows.append(("", "", f"→ {check.todo}"))
    print_table(("", "part", "what was found"), rows, fold=("what was found",))
