"""`rxledger diagram`."""

from __future__ import annotations

import pytest

from statemachine import MACHINES
from statemachine.diagram import mermaid
from tests.support.commandline import Cli


@pytest.mark.parametrize("kind", sorted(MACHINES))
def test_the_diagram_of_every_kind_is_drawn_from_its_table(cli: Cli, kind: str) -> None:
    drawn = mermaid(MACHINES[kind])

    plain = cli.run("diagram", kind)
    as_json = cli.run("diagram", kind, "--json")

    assert (plain.code, plain.out, plain.err) == (0, drawn, "")
    assert as_json.document == {"kind": kind, "mermaid": drawn}


def test_an_unknown_kind_is_a_usage_error_and_names_those_there_are(cli: Cli) -> None:
    ran = cli.run("diagram", "spaceship")

    assert (ran.code, ran.out) == (2, "")
    assert "fill_request" in ran.err
