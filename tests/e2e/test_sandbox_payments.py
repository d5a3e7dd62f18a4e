"""Loads with payments through the whole service: once all was pulled, each payment is where it belongs."""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ops.local.ports import claim
from ops.local.readiness import answers
from settings import read_env_file
from tests.e2e.conftest import Up, clean_environment, start_up

SHORT = pytest.param(60, id=pytest.HIDDEN_PARAM)
LONG = pytest.param(400, id="long", marks=pytest.mark.soak)


class Desk:
    """A sandbox beside `up`, whose clock runs fast, and the commands that are pointed at it."""

    def __init__(self, up: Up, port: int) -> None:
        self.url = f"http://127.0.0.1:{port}"
        self._data = up.data
        (key,) = read_env_file(up.data / "env")["RXLEDGER_SANDBOX_KEYS"].split(",")
        self._environment = {
            **clean_environment(),
            "RXLEDGER_SANDBOX_URL": self.url,
            "RXLEDGER_TRUEPILL_BASE_URL": self.url,
            "RXLEDGER_HEALNOW_BASE_URL": f"{self.url}/healnow",
            **{f"RXLEDGER_{name}_API_KEY": key for name in ("TRUEPILL", "HEALNOW")},
            **{f"RXLEDGER_{name}_CALLS_PER_MINUTE": "60000" for name in ("TRUEPILL", "HEALNOW")},
        }
        self._process = subprocess.Popen(
            # With the live contract, as `up` has it: without, nothing tells of a fill that was never heard
            # of.
            self._command(
                "sandbox",
                "--port",
                str(port),
                "--speed",
                "3600x",
                "--callback-timeout",
                "2",
                "--live-contract",
            ),
            env=self._environment,
            stdin=subprocess.DEVNULL,
        )

    def _command(self, first: str, *rest: str) -> list[str]:
        return [sys.executable, "-m", "ops.cli", first, *rest, "--data", str(self._data)]

    def run(self, *arguments: str) -> tuple[int, Any, str]:
        """Exit code, document and what stands on stderr."""
        done = subprocess.run(
            [*self._command(*arguments), "--json"],
            env=self._environment,
            capture_output=True,
            text=True,
            timeout=500,
            check=False,
        )
        assert done.stdout, done.stderr
        return done.returncode, json.loads(done.stdout), done.stderr

    def end(self) -> None:
        self._process.terminate()
        self._process.wait(30)


@pytest.fixture(scope="module")
def partner(short_tmp: Path) -> Iterator[Desk]:
    up = start_up(short_tmp / "payments" / "data", "--no-sandbox")
    with contextlib.ExitStack() as stack:
        stack.callback(up.process.wait, 60)
        stack.callback(up.process.terminate)
        desk = Desk(up, stack.enter_context(claim([])))
        stack.callback(desk.end)
        deadline = time.monotonic() + 30
        while not answers(f"{desk.url}/_sandbox/ready"):
            assert time.monotonic() < deadline
            time.sleep(0.05)
        yield desk


@pytest.mark.parametrize("journeys", [SHORT, LONG])
def test_every_payment_is_where_it_belongs_once_all_was_pulled(partner: Desk, journeys: int) -> None:
    load = ("load", "--journeys", str(journeys), "--rate", "1000", "--profile", "hostile", "--with-payments")
    code, driven, said = partner.run("sandbox", *load)
    assert code == 0, said
    assert driven["journeys"]["payment"] > journeys // 5
    assert driven["journeys"]["ambiguous_payment"] > 0

    _, before, _ = partner.run("sandbox", "check")
    assert before["wrong"] == []
    code, _, said = partner.run("pull")
    assert code == 0, said
    code, found, said = partner.run("sandbox", "check")
    assert code == 0, (said, found["wrong"], found["states"], found["joins"])

    payments = found["payments"]
    assert payments["joined"] > journeys // 10
    sums = payments["cents"]
    assert sums["fills"] > journeys // 10
    assert sums["known"] == sums["true"]
    assert sums["true"]["owed"] == sums["true"]["paid"] + sums["true"]["open"]
    assert min(sums["true"].values()) > 0


def test_a_copay_its_checkout_its_payment_and_its_fill_are_one_story(partner: Desk) -> None:
    code, found, said = partner.run("demo", "--payment")
    assert code == 0, said
    told = {entity["kind"]: entity["state"] for entity in found["entities"]}
    assert {"copay", "checkout", "payment", "fill_request", "prescription"} <= told.keys()
    assert (told["copay"], told["payment"]) == ("completed", "paid")
    assert "rxledger checkout" in said, "each step names the command that shows it"
