"""Which entity is meant: the arguments KIND and KEY, and whether there is such a kind."""

from __future__ import annotations

from typing import Annotated

import typer

__all__ = ["KeyArgument", "KindArgument", "check_kind"]

KindArgument = Annotated[str, typer.Argument(help="The kind, such as fill_request.", metavar="KIND")]
KeyArgument = Annotated[
    str, typer.Argument(help="Its key, such as the request_id, or another name of it.", metavar="KEY")
]


def check_kind(kind: str) -> str:
    """The kind, when this version has a machine for it. Raises typer.BadParameter."""
    from statemachine import MACHINES

    if kind not in MACHINES:
        raise typer.BadParameter(f"{kind} is not a kind: there is {', '.join(sorted(MACHINES))}")
    return kind
