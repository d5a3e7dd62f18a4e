"""Every callback that the partner's reference prints, sent over HTTP to the running service."""

from __future__ import annotations

import json
import time
from typing import Any

import psycopg
import pytest

from tests.e2e.conftest import Up
from tests.e2e.test_no_leak import post
from tests.support.commandline import run
from tests.support.printed import CALLBACKS

#: What each file makes of a fill of its own: state, outcome, and the code of its last fact.
FILLS = {
    "order.success.1": ("completed", "full", None),
    "order.success.2": ("completed", "partial", None),
    "order.success.3": ("completed", "partial", None),
    "order.success.4": ("completed", "full", None),
    "order.triage.1": ("triage", None, "T001"),
    "order.triage.2": ("triage", None, "T005"),
    "order.error.1": ("rejected", "none", "NR"),
    "order.error.2": ("rejected", "none", "R009"),
    "order.error.3": ("cancelled", "none", "R028"),
    "order.error.4": ("rejected", "none", "passing in error message"),
    "shipment.success.1": ("delivered", None, None),
    "shipment.success.2": ("in_transit", None, None),
    "shipment.success.3": ("in_transit", None, None),
}


def send(up: Up, content: bytes) -> None:
    token = up.ready["env"]["RXLEDGER_TRUEPILL_WEBHOOK_TOKENS"]
    status, answer = post(up, content, {"Authorization": f"Bearer {token}"})
    assert status == 200
    assert set(json.loads(answer)) == {"event", "duplicate"}


def applied(up: Up) -> None:
    deadline = time.monotonic() + 30
    with psycopg.connect(up.ready["database"], autocommit=True) as conn:
        while conn.execute("SELECT count(*) FROM queue").fetchone() != (0,):
            assert time.monotonic() < deadline, "the queue was not emptied"
            time.sleep(0.05)


def show(up: Up, key: str) -> dict[str, Any]:
    done = up.rxledger("show", "fill_request", key, "--json")
    assert done.returncode == 0, done.stderr
    shown: dict[str, Any] = json.loads(done.stdout)
    return shown


def test_each_printed_callback_is_accepted_and_orders_and_shipments_move_fills(
    up: Up, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    files = sorted(CALLBACKS.glob("*.json"))
    assert len(files) > 50
    for file in files:
        content = json.loads(file.read_bytes())
        if file.stem in FILLS:
            content["request_id"] = f"fill_request_{file.stem}"
        send(up, json.dumps(content).encode())
    applied(up)
    # Set, so that what a command sets is taken back with it.
    monkeypatch.setenv("RXLEDGER_DATA", str(up.data))
    for name, (state, outcome, code) in FILLS.items():
        # In this process: a second shell for each of them would take most of the test's time.
        ran = run(monkeypatch, capsys, "show", "fill_request", f"fill_request_{name}", "--json")
        assert ran.code == 0, ran.err
        shown = ran.document
        assert (shown["state"], shown["outcome"], shown["facts"][-1]["code"]) == (state, outcome, code), name
    quarantine = json.loads(up.rxledger("quarantine", "list", "--json", "--limit", "1000").stdout)
    assert quarantine["reasons"]["page"]["count"] >= 2


def test_the_printed_life_of_one_fill_ends_delivered_whatever_its_order(up: Up) -> None:
    life = ["shipment.success.1", "order.success.4", "shipment.success.3", "shipment.success.2"]
    for name in life:
        send(up, (CALLBACKS / f"{name}.json").read_bytes())
    applied(up)
    shown = show(up, "fill_request_991e90fa6b367cf72032")
    assert (shown["state"], shown["since"], shown["outcome"]) == ("delivered", "2020-05-30T00:57:02Z", "full")
    signals = ["order:success", "shipment:transit", "shipment:transit", "shipment:delivered"]
    assert [fact["signal"] for fact in shown["facts"]] == signals
    assert [line["token"] for line in shown["lines"]] == ["7cb7d8ea418d", "e9549cca9639"]
