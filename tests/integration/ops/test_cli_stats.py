"""`rxledger stats`."""

from __future__ import annotations

from pathlib import Path

import pytest

from store.reports import figures
from tests.support.commandline import Cli
from tests.support.factories import OrderSuccess, Shipment

AT = 1_590_800_000


def fill(cli: Cli, count: int) -> None:
    for n in range(count):
        cli.ledger.apply(OrderSuccess(request_id=f"fill_request_{n}", timestamp=AT))


def test_stats_counts_every_part(cli: Cli) -> None:
    fill(cli, 2)
    cli.ledger.apply(Shipment(request_id="fill_request_0", timestamp=AT + 60))
    cli.ledger.apply(b"junk")
    cli.ledger.admit(Shipment(request_id="fill_request_1", timestamp=AT + 60))
    cli.ledger.conn.execute("UPDATE queue SET attempts = 1, due_at = now() - interval '70 seconds'")

    ran = cli.run("stats", "--json")

    assert (ran.code, ran.err) == (0, "")
    found = ran.document
    events = found["events"]
    assert (events["count"], events["estimated"]) == (5, False)
    assert events["last_minute"] == events["last_hour"] == {"count": 5, "estimated": False}
    assert {(b["partner"], b["via"], b["type"], b["count"]) for b in events["by"]} == {
        ("truepill", "push", "ORDER", 2),
        ("truepill", "push", "SHIPMENT", 1),
        ("truepill", "push", None, 2),
    }
    queue = found["queue"]
    assert (queue["depth"], queue["due"], queue["retrying"]) == (1, 1, 1)
    assert 70 <= queue["overdue_seconds"] < 100
    assert 0 <= queue["oldest_seconds"] < 30
    assert found["quarantine"] == {"count": 1, "reasons": {"not_json": 1}}
    assert {(b["kind"], b["state"], b["count"]) for b in found["entities"]["by"]} == {
        ("fill_request", "completed", 1),
        ("fill_request", "in_transit", 1),
    }
    assert found["facts"] == {"count": 3, "estimated": False}
    assert found["spool"] == {"files": 0, "bytes": 0, "damaged": 0}


def test_the_spool_is_counted_over_the_folders_of_all_processes(cli: Cli, tmp_path: Path) -> None:
    for name in ("one/1.batch", "one/lock", "one/2.partial", "two/1.batch", "two/2.damaged"):
        path = tmp_path / "spool" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"1234")

    assert cli.run("stats", "--json").document["spool"] == {"files": 2, "bytes": 8, "damaged": 1}


def test_large_tables_are_estimated_and_marked_so(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    fill(cli, 30)
    cli.ledger.conn.execute("ANALYZE events, entities")
    monkeypatch.setattr(figures, "EXACT_UP_TO", 10)
    monkeypatch.setattr(figures, "_RECENT", 20)

    found = cli.run("stats", "--json").document

    assert (found["events"]["count"], found["events"]["estimated"]) == (30, True)
    assert found["events"]["last_hour"]["estimated"]
    assert found["events"]["last_hour"]["count"] >= 20
    # A page is the least that a sample takes, and these rows are fewer than a page holds.
    assert found["events"]["by"] == [
        {"partner": "truepill", "via": "push", "type": "ORDER", "count": 30, "estimated": False}
    ]
    assert "about 30" in cli.run("stats").out


def test_an_empty_ledger_has_stats_too(cli: Cli) -> None:
    ran = cli.run("stats")

    assert ran.code == 0
    assert "quarantine" in ran.out
    found = cli.run("stats", "--json").document
    assert (found["events"]["count"], found["queue"]["oldest_seconds"]) == (0, None)
