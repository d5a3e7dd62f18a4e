"""Tables and texts for people. What a partner sent is shown without markup or control characters."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime

from rich import box
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table
from rich.text import Text

from ops.render.console import notes, screen

__all__ = [
    "age",
    "cell",
    "moment",
    "note",
    "occurred",
    "plain",
    "print_fields",
    "print_table",
    "progress",
    "seconds",
]

_WIDEST = 10_000
#: How wide a table is where there is no terminal, and what a folded column has at least.
PIPED, FOLDED = 100, 20
STYLES = {
    "moved": "green",
    "late": "yellow",
    "conflict": "bold red",
    "queued": "yellow",
    "quarantined": "red",
    "ok": "green",
    "warn": "yellow",
    "fail": "bold red",
}


def plain(text: str) -> str:
    """The text with everything that a terminal might obey spelled out."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def cell(value: object, style: str | None = None) -> Text:
    """A value as a table shows it; nothing for None."""
    if value is None:
        return Text("")
    if isinstance(value, datetime):
        value = moment(value)
    elif isinstance(value, list | tuple):
        value = ", ".join(map(str, value))
    shown = plain(str(value))
    return Text(shown, style=STYLES.get(shown, "") if style is None else style)


def note(text: str) -> None:
    """One line on stderr."""
    notes.print(cell(text, ""), soft_wrap=True)


def print_fields(title: str, of: Mapping[str, object]) -> None:
    """Names and values on stdout, one pair a line, under their title."""
    screen.print(cell(title, "bold"), soft_wrap=True)
    for name, value in of.items():
        screen.print(cell(f"  {name}: {value}", ""), soft_wrap=True)


def print_table(headers: Sequence[str], rows: Iterable[Sequence[object]], *, fold: Sequence[str]) -> None:
    """A table on stdout, and an empty line. Where it is too wide, the columns named by `fold` are folded.

    It is as wide as the terminal, and 100 characters in a pipe or file, or wider where the other columns
    alone are: nothing is cut.
    """
    listed = [list(row) for row in rows]
    others = [
        ["" if header in fold else value for header, value in zip(headers, row, strict=True)]
        for row in listed
    ]
    least = screen.measure(_table(headers, others, fold), options=screen.options.update(max_width=_WIDEST))
    width = shutil.get_terminal_size((PIPED, 24)).columns
    wide = max(width, least.maximum + FOLDED * len(fold))
    Console(highlight=False, width=wide).print(_table(headers, listed, fold))


def _table(headers: Sequence[str], rows: Iterable[Sequence[object]], fold: Sequence[str]) -> Table:
    result = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False, collapse_padding=True)
    for header in headers:
        result.add_column(header, no_wrap=header not in fold, overflow="fold")
    for row in rows:
        result.add_row(*[value if isinstance(value, Text) else cell(value) for value in row])
    return result


def seconds(at: int) -> datetime:
    """Unix seconds as an aware time in UTC."""
    return datetime.fromtimestamp(at, UTC)


def moment(at: datetime | None) -> str | None:
    """A time to the second, as people read it; always UTC."""
    return None if at is None else at.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%SZ")


def occurred(at: datetime, dated_by: str) -> str:
    """When a fact occurred; where its partner prints no time, that this is when it was first received."""
    return f"{moment(at)} (received)" if dated_by == "receipt" else moment(at) or ""


def age(of: float | None) -> str:
    """A span of seconds in its largest fitting unit."""
    if of is None:
        return "-"
    for size, unit in ((86_400, "d"), (3_600, "h"), (60, "min")):
        if of >= size:
            return f"{of / size:.1f} {unit}"
    return f"{of:.1f} s"


@contextmanager
def progress(text: str, total: int | None) -> Iterator[Callable[[int], None]]:
    """A bar on stderr while the block lasts, moved on by what it gives; only where a person can see it."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=notes, transient=True, disable=not notes.is_terminal) as bar:
        task = bar.add_task(text, total=total)
        yield lambda steps: bar.advance(task, steps)
