"""Loads of each profile through the whole service, and what the check says of them, with pulls off."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ops.local.ports import claim
from ops.local.readiness import answers
from tests.e2e.conftest import Up, clean_environment, start_up

#: So many journeys lose something of each kind; many more are for `make soak`.
SHORT = pytest.param(40, id=pytest.HIDDEN_PARAM)
LONG = pytest.param(120, id="long", marks=pytest.mark.soak)
OFFERED = {"fill_request", "prescription"}


class Desk:
    """A sandbox beside `up`, whose clock runs so fast that a fill takes a tenth of a second."""

    def __init__(self, up: Up, port: int, *more: str, journeys: int) -> None:
        self.journeys = journeys
        self.url = f"http://127.0.0.1:{port}"
        self.data = up.data
        self._environment = {**clean_environment(), "RXLEDGER_SANDBOX_URL": self.url}
        self._process = subprocess.Popen(
            self._command(
                "sandbox", "--port", str(port), "--speed", "3600x", "--callback-timeout", "2", *more
            ),
            env=self._environment,
            stdin=subprocess.DEVNULL,
        )

    def _command(self, *arguments: str) -> list[str]:
        first, *rest = arguments
        return [sys.executable, "-m", "ops.cli", first, *rest, "--data", str(self.data)]

    def run(self, *arguments: str) -> tuple[int, Any, str]:
        """Exit code, document and what stands on stderr."""
        done = subprocess.run(
            [*self._command("sandbox", *arguments), "--json"],
            env=self._environment,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert done.stdout, done.stderr
        return done.returncode, json.loads(done.stdout), done.stderr

    def load(self, profile: str) -> dict[str, Any]:
        code, document, said = self.run(
            "load", "--journeys", str(self.journeys), "--rate", "1000", "--profile", profile
        )
        assert code == 0, said
        assert sum(document["journeys"].values()) == self.journeys
        return dict(document)

    def truth(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = []
        after: int | None = 0
        while after is not None:
            with urllib.request.urlopen(f"{self.url}/_sandbox/truth?after={after}") as answer:
                page = json.load(answer)
            found, after = found + page["events"], page["next"]
        return found

    def end(self) -> None:
        self._process.terminate()
        self._process.wait(30)


@pytest.fixture(scope="module", params=[SHORT, LONG])
def partner(request: pytest.FixtureRequest, short_tmp: Path) -> Iterator[Desk]:
    up = start_up(short_tmp / f"desk-{request.param}" / "data", "--no-sandbox")
    with contextlib.ExitStack() as stack:
        stack.callback(up.process.wait, 60)
        stack.callback(up.process.terminate)
        desk = Desk(up, stack.enter_context(claim([])), journeys=request.param)
        stack.callback(desk.end)
        deadline = time.monotonic() + 30
        while not answers(f"{desk.url}/_sandbox/ready"):
            assert time.monotonic() < deadline
            time.sleep(0.05)
        yield desk


def test_the_check_finds_exactly_what_was_never_delivered(partner: Desk) -> None:
    load = partner.load("calm")
    assert load["callbacks"]["generated"] == load["callbacks"]["delivered"] > 3 * partner.journeys
    code, calm, _ = partner.run("check")
    assert code == 0
    assert [calm[name] for name in ("wrong", "recoverable", "unrecoverable", "states")] == [[], [], [], []]
    assert calm["entities"]["agree"] == calm["entities"]["of_the_sandbox"] > 2 * partner.journeys

    for profile in ("lossy", "hostile", "black-friday"):
        partner.load(profile)
        code, found, said = partner.run("check")
        told = partner.truth()
        assert found["wrong"] == []
        missing = {
            (row["kind"], row["key"], row["signal"], row["occurred_at"])
            for row in found["recoverable"] + found["unrecoverable"]
        }
        never, perhaps = _undelivered(told)
        assert never <= missing <= never | perhaps
        assert found["events"]["never_delivered"] == sum(map(_never_left, told)) > 0
        # The reference offers every event of a fill and every NOTIFY_RX again, and none of the others.
        assert {row["kind"] for row in found["recoverable"]} <= OFFERED
        assert OFFERED.isdisjoint(row["kind"] for row in found["unrecoverable"])
        assert all(row["surfaces"] for row in found["states"] if row["kind"] in OFFERED)
        assert code == 1
        assert "0 differences are wrong" in said


def _never_left(event: dict[str, Any]) -> bool:
    """Whether an event that says something was lost for certain."""
    return event["surprise"] != "type" and not event["delivered"] and not event["perhaps"]


def _undelivered(told: list[dict[str, Any]]) -> tuple[set[tuple[str, ...]], set[tuple[str, ...]]]:
    """What the events say that never left, and what those say whose arrival nobody knows."""
    never: set[tuple[str, ...]] = set()
    perhaps: set[tuple[str, ...]] = set()
    for event in told:
        if not event["delivered"]:
            second = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(event["timestamp"]))
            names = {(row["kind"], row["key"], row["signal"], second) for row in event["says"]}
            (perhaps if event["perhaps"] else never).update(names)
    return never, perhaps


def test_what_was_lost_on_our_side_is_told_apart_from_what_the_partner_lost(partner: Desk) -> None:
    """A fact is taken away behind the service's back."""
    import psycopg

    from settings import read_env_file

    url = read_env_file(partner.data / "env")["DATABASE_URL"]
    with psycopg.connect(url) as conn:
        row = conn.execute(
            "DELETE FROM facts WHERE (entity_id, fact_id) = (SELECT entity_id, fact_id FROM facts"
            " WHERE signal = 'shipment:delivered' AND via = '{push}' LIMIT 1) RETURNING entity_id"
        ).fetchone()
        assert row is not None
        (key,) = conn.execute("SELECT key FROM entities WHERE id = %s", row).fetchone() or ("",)
    code, found, _ = partner.run("check")
    assert code == 1
    assert [(row["what"], row["key"], row["signal"]) for row in found["wrong"]] == [
        ("lost", key, "shipment:delivered")
    ]


def test_a_check_without_a_sandbox_says_where_it_looked(partner: Desk) -> None:
    done = subprocess.run(
        partner._command("sandbox", "check"),
        env={**os.environ, **partner._environment, "RXLEDGER_SANDBOX_URL": "http://127.0.0.1:9"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 1
    assert "the sandbox at http://127.0.0.1:9: does not answer" in done.stderr
