"""What `doctor` and `worklist` say of silence."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from store.inbox.admit import admit_now
from store.reports import pushes
from tests.support.commandline import Cli
from tests.support.factories import NotifyRx


@pytest.fixture
def now() -> datetime:
    """What a command will take for now, give or take seconds."""
    return datetime.now(UTC).replace(microsecond=0)


def checks(cli: Cli) -> dict[str, dict[str, Any]]:
    document = cli.run("doctor", "--json").document
    return {check["name"]: check for check in document["checks"]}


def pushed(cli: Cli, now: datetime, ago: timedelta) -> None:
    event = NotifyRx(timestamp=int((now - ago).timestamp()))
    admit_now(cli.ledger.conn, [cli.ledger.arrival(dict(event), received_at=now - ago)])
    cli.ledger.settle()


def pulled(cli: Cli, now: datetime, ago: timedelta) -> None:
    cli.ledger.apply(dict(NotifyRx(timestamp=int((now - ago).timestamp()))), via="pull")


def learnt(cli: Cli, now: datetime) -> None:
    """A worker looked at pushes every six hours, of which the last was 29 hours ago."""
    for hours in range(29 + 5 * 24, 28, -6):
        pushed(cli, now, timedelta(hours=hours))
    with cli.ledger.conn.transaction():
        pushes.learn(cli.ledger.conn, now)


def test_before_a_worker_has_looked_nothing_is_claimed(cli: Cli) -> None:
    found = checks(cli)
    assert (found["pushes"]["status"], found["silence"]["status"]) == ("ok", "ok")
    assert "five minutes" in found["pushes"]["todo"]


def test_a_partner_that_pushes_as_usual_is_fine(cli: Cli, now: datetime) -> None:
    learnt(cli, now)
    pushed(cli, now, timedelta(hours=2))
    check = checks(cli)["pushes of truepill"]
    assert (check["status"], check["todo"]) == ("ok", None)
    assert check["text"].startswith("the last one 2.0 h ago; up to ")


def test_a_partner_that_is_silent_while_pulls_show_events_is_a_warning_and_on_the_worklist(
    cli: Cli, now: datetime
) -> None:
    learnt(cli, now)
    quiet = checks(cli)["pushes of truepill"]
    assert (quiet["status"], quiet["text"]) == (
        "ok",
        "none for 1.2 d, up to 6.0 h is usual; pulls brought none of that time",
    )
    pulled(cli, now, timedelta(hours=20))
    pulled(cli, now, timedelta(hours=3))

    told = checks(cli)["pushes of truepill"]

    line = "none for 1.2 d, up to 6.0 h is usual; pulls brought 2 facts of that time"
    assert (told["status"], told["text"]) == ("warn", line)
    assert "callbacks" in told["todo"]
    (item,) = cli.run("worklist", "--json").document["worklist"]
    assert item == {
        "what": "partner",
        "kind": None,
        "key": None,
        "state": None,
        "at": (now - timedelta(hours=29)).isoformat().replace("+00:00", "Z"),
        "why": f"pushes of truepill: {line}",
    }
    # As of then it was not yet longer than usual.
    before = (now - timedelta(hours=25)).isoformat()
    assert cli.run("worklist", "--json", "--at", before).document["worklist"] == []
    assert cli.run("worklist", "--json", "--kind", "copay").document["worklist"] == []


def test_a_setting_says_how_long_a_partner_may_be_silent_in_any_case(cli: Cli, now: datetime) -> None:
    learnt(cli, now)
    pulled(cli, now, timedelta(hours=3))
    cli.setenv(RXLEDGER_SILENCE_PUSH=str(40 * 3600))
    assert checks(cli)["pushes of truepill"]["status"] == "ok"


def test_a_partner_that_never_pushed_is_told_after_a_day(cli: Cli, now: datetime) -> None:
    pulled(cli, now, timedelta(days=9))
    with cli.ledger.conn.transaction():
        pushes.learn(cli.ledger.conn, now - timedelta(hours=26))
    pulled(cli, now, timedelta(hours=3))
    told = checks(cli)["pushes of truepill"]
    assert (told["status"], told["text"]) == (
        "warn",
        "none in the 1.1 d that this is watched, up to 1.0 d is usual; pulls brought 1 fact of that time",
    )


def test_silent_entities_are_a_warning_by_state_with_what_it_means(cli: Cli, now: datetime) -> None:
    for key, state, days in (("a", "completed", 1), ("b", "completed", 2), ("c", "triage", 9)):
        cli.ledger.conn.execute(
            "INSERT INTO entities (kind, key, state, deadline) VALUES ('fill_request', %s, %s, %s)",
            (key, state, now - timedelta(days=days)),
        )
    check = checks(cli)["silence"]
    assert (check["status"], check["text"]) == (
        "warn",
        "2 fill_request completed, the first for 2.0 d "
        "(no shipment: a lost callback, or a parcel that was never handed over)",
    )
    assert "rxledger worklist" in check["todo"]
    cli.setenv(RXLEDGER_SILENCE_AFTER="fill_request.completed=30")
    assert checks(cli)["silence"]["text"] == "nothing has been silent for too long"
    assert {item["what"] for item in cli.run("worklist", "--json").document["worklist"]} == {"deadline"}


def test_a_schema_that_is_behind_is_told_once(cli: Cli, servers: Any) -> None:
    from alembic import command

    from store.db.migrate import config
    from tests.support.backends import fresh_database

    with fresh_database(servers.database_url) as url:
        command.downgrade(config(url), "0006")
        cli.setenv(DATABASE_URL=url)
        found = checks(cli)
    assert "rxledger migrate" in found["schema"]["todo"]
    assert "silence" not in found
