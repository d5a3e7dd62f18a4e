"""`diagram`: a machine as Mermaid."""

from __future__ import annotations

import sys

import typer

from ops.arguments.kinds import KindArgument, check_kind
from ops.render.output import DataOption, JsonOption, write_json

__all__ = ["register"]


def register(app: typer.Typer) -> None:
    app.command()(diagram)


def diagram(kind: KindArgument, data: DataOption = None, as_json: JsonOption = False) -> None:
    """Print the machine of a kind as a Mermaid diagram, drawn from its table."""
    check_kind(kind)
    from statemachine import MACHINES
    from statemachine.diagram import mermaid

    drawn = mermaid(MACHINES[kind])
    if as_json:
        write_json({"kind": kind, "mermaid": drawn})
    else:
        sys.stdout.write(drawn)
