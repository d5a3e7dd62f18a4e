"""After a bad day of the partner, `rxledger pull` has all that it still offers, though the day goes on."""

from __future__ import annotations

import contextlib
import json
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
from settings import read_env_file
from tests.e2e.conftest import start_up
from tests.e2e.test_sandbox_check import LONG, OFFERED, SHORT, Desk

#: What only makes the test wait: no answer for 12 s, and for 3 s of each 30 none at all.
WITHOUT_WAITS = "answer_stall=0; dark_seconds=0"
#: The command line, trying again as often as ever without a pause between its tries.
WITHOUT_PAUSES = """
import ops.cli, partners.wire, stamina
stamina.set_testing(True, attempts=partners.wire.ATTEMPTS)
ops.cli.main()
"""


@pytest.fixture(scope="module", params=[SHORT, LONG])
def partner(request: pytest.FixtureRequest, short_tmp: Path) -> Iterator[Desk]:
    """One for both days: the second begins when all of the first is settled."""
    up = start_up(short_tmp / f"settle-{request.param}" / "data", "--no-sandbox")
    with contextlib.ExitStack() as stack:
        stack.callback(up.process.wait, 60)
        stack.callback(up.process.terminate)
        desk = Desk(up, stack.enter_context(claim([])), "--live-contract", journeys=request.param)
        stack.callback(desk.end)
        deadline = time.monotonic() + 30
        while not answers(f"{desk.url}/_sandbox/ready"):
            assert time.monotonic() < deadline
            time.sleep(0.05)
        yield desk


def lend(desk: Desk, profile: str) -> None:
    body = json.dumps({"profile": profile, "seconds": 600}).encode()
    asked = urllib.request.Request(f"{desk.url}/_sandbox/profile", body, method="POST")
    with urllib.request.urlopen(asked) as answer:
        assert answer.status == 200


def pull(desk: Desk) -> tuple[int, Any, str]:
    key = read_env_file(desk.data / "env")["RXLEDGER_SANDBOX_KEYS"].split(",")[0]
    environment = {
        **desk._environment,
        "RXLEDGER_TRUEPILL_BASE_URL": desk.url,
        "RXLEDGER_TRUEPILL_API_KEY": key,
        "RXLEDGER_TRUEPILL_CALLS_PER_MINUTE": "60000",
    }
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT_PAUSES, "pull", "--data", str(desk.data), "--json"],
        env=environment,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.stdout, done.stderr
    return done.returncode, json.loads(done.stdout), done.stderr


@pytest.mark.parametrize("profile", [pytest.param("lossy", marks=pytest.mark.soak), "hostile"])
def test_one_pull_brings_all_that_the_partner_still_offers(partner: Desk, profile: str) -> None:
    partner.load(profile)
    code, before, _ = partner.run("check")
    assert (code, before["wrong"]) == (1, [])
    assert before["recoverable"]

    lend(partner, f"{profile}; {WITHOUT_WAITS}")
    code, told, said = pull(partner)
    assert code == 0, said
    assert told["settled"]
    assert told["left"]["due"] == 0

    code, after, said = partner.run("check")
    assert code == 0, (said, after["wrong"])
    assert [after[name] for name in ("wrong", "recoverable")] == [[], []]
    gone = {(row["kind"], row["key"]) for row in after["unrecoverable"]}
    assert {(row["kind"], row["key"]) for row in after["states"]} <= gone
    assert after["entities"]["agree"] == after["entities"]["of_the_sandbox"] - len(gone)
    # No pull brings what is told by no copy, which are steps of a consult, nor a request, other than a fill,
    # of which not one callback has arrived: a copy does not say whose it is.
    heard = {(event["kind"], event["key"]) for event in partner.truth() if event["delivered"]}
    assert {kind for kind, _ in gone & heard} <= {"consult"}
    assert OFFERED.isdisjoint(kind for kind, _ in gone)
