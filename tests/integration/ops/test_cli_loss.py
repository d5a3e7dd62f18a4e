"""`rxledger loss`, and what `doctor`, `worklist` and `show` say of what came by push alone."""

from __future__ import annotations

import json
import stat
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from store.inbox.deliveries import DeliveryRow, note_deliveries
from store.reports import loss_days
from store.reports.loss_days import DayRow
from tests.support.commandline import Cli
from tests.support.factories import NotifyRx, OrderSuccess, Shipment
from tests.support.payments import HEALNOW, callback, prescription, record
from tests.support.payments import order as of_payments

#: Noon of the day before yesterday: within the last 30 days, and long past.
AT = datetime.now(UTC).replace(hour=12, minute=0, second=0, microsecond=0) - timedelta(days=2)
SECOND = int(AT.timestamp())
DAY = AT.date().isoformat()


def order(number: int, at: int = SECOND) -> dict[str, Any]:
    return dict(OrderSuccess(request_id=f"fill_{number}", timestamp=at, details__metadata="Jane Canary"))


@pytest.fixture
def both_lost_and_alone(cli: Cli) -> Cli:
    """Of three orders one came both ways, one by pull, one by push: of that the partner tells nothing."""
    one, two, three = order(1), order(2), order(3)
    cli.ledger.apply(one, three)
    cli.ledger.apply(one, two, via="pull")
    lost = cli.ledger.arrival(two, via="pull").id
    note_deliveries(cli.ledger.conn, [DeliveryRow(lost, "error", 503)])
    cli.ledger.conn.execute(
        "INSERT INTO streams (partner, name, completed_at) "
        "VALUES ('truepill', 'fill_request', clock_timestamp() - interval '1 minute')"
    )
    cli.ledger.conn.execute(
        "INSERT INTO lookups (entity_id, looked_at, next_at, state, fruitless) "
        "SELECT id, clock_timestamp() - interval '1 minute', now(), state, 1 FROM entities"
    )
    return cli


def test_loss_counts_by_day_and_type_what_came_how(both_lost_and_alone: Cli) -> None:
    ran = both_lost_and_alone.run("loss", "--json")

    assert (ran.code, ran.err) == (0, "")
    (row,) = ran.document["days"]
    assert (row["day"], row["type"]) == (DAY, "ORDER")
    names = ("pushed", "pulled_only", "both", "unconfirmed", "flagged")
    assert [row[name] for name in names] == [2, 1, 1, 1, 1]
    assert row["partner_says"] == {"pulled_only": {"error 503": 1}, "both": {"success": 1}}
    assert 2 * 86_400 - 43_200 <= row["push_delay"]["most"] <= 3 * 86_400
    assert row["push_delay"]["median"] <= row["push_delay"]["p95"] <= row["push_delay"]["most"]
    (total,) = ran.document["types"]
    assert total == {name: value for name, value in row.items() if name != "day"}
    assert (ran.document["records"], ran.document["judged"]) == ([], True)


def test_loss_tells_people_the_same(both_lost_and_alone: Cli) -> None:
    ran = both_lost_and_alone.run("loss")

    assert ran.code == 0
    assert DAY in ran.out
    assert "error 503: 1" in ran.out
    assert "1 came by push alone though the partner was asked since" in ran.err


def test_the_time_and_the_type_can_be_narrowed(both_lost_and_alone: Cli) -> None:
    cli = both_lost_and_alone
    cli.ledger.apply(dict(Shipment(request_id="fill_1", timestamp=SECOND - 86_400)))

    def types(*arguments: str) -> list[tuple[str, int]]:
        found = cli.run("loss", "--json", *arguments).document["types"]
        return [(row["type"], row["pushed"]) for row in found]

    assert types() == [("ORDER", 2), ("SHIPMENT", 1)]
    assert types("--type", "shipment") == [("SHIPMENT", 1)]
    assert types("--since", AT.isoformat()) == [("ORDER", 2)]
    assert types("--until", AT.isoformat()) == [("SHIPMENT", 1)]
    assert types("--until", "90d") == []
    cli.ledger.apply(order(4, at=SECOND - 40 * 86_400))
    assert types("--until", "31d") == [("ORDER", 1)]  # of the 30 days before
    assert "no callback occurred since" in cli.run("loss", "--since", "1s").out
    nothing = cli.run("loss", "--since", "80d", "--until", "2026-01-01").out
    assert nothing.endswith("and before 2026-01-01 00:00:00Z\n")
    refused = cli.run("loss", "--type", "LETTER")
    assert (refused.code, "TRANSFER_CONTACT" in refused.err) == (2, True)


def test_the_evidence_holds_counts_and_ids_and_nothing_of_a_body(
    both_lost_and_alone: Cli, tmp_path: Path
) -> None:
    file = tmp_path / "evidence.json"

    ran = both_lost_and_alone.run("loss", "--evidence", str(file))

    assert ran.code == 0
    assert "the evidence is written" in ran.err
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    text = file.read_text()
    assert "Canary" not in text
    found = json.loads(text)
    (lost,), (alone,) = found["never_pushed"], found["pushed_and_not_given"]
    assert (lost["type"], lost["kind"], lost["id"]) == ("ORDER", "fill_request", "fill_2")
    assert lost["delivery"] == {"status": "error", "status_code": 503}
    assert lost["occurred_at"] == AT.strftime("%Y-%m-%dT%H:%M:%SZ")
    assert (alone["kind"], alone["id"], len(alone["event"])) == ("fill_request", "fill_3", 32)
    assert both_lost_and_alone.run("events", "show", alone["event"]).code == 0
    assert found["types"][0]["pulled_only"] == 1


def test_evidence_that_cannot_be_written_is_refused(both_lost_and_alone: Cli, tmp_path: Path) -> None:
    ran = both_lost_and_alone.run("loss", "--evidence", str(tmp_path / "no" / "folder.json"))
    assert ran.code == 1
    assert "the evidence cannot be written: No such file or directory" in ran.err


def test_show_marks_what_came_by_push_alone(both_lost_and_alone: Cli) -> None:
    def marks(key: str) -> list[str | None]:
        found = both_lost_and_alone.run("show", "fill_request", key, "--json").document
        return [fact["unconfirmed"] for fact in found["facts"]]

    assert [marks(f"fill_{number}") for number in (1, 2, 3)] == [[None], [None], ["flagged"]]
    assert (
        "1 of its facts came by push alone" in both_lost_and_alone.run("show", "fill_request", "fill_3").out
    )
    both_lost_and_alone.ledger.conn.execute("UPDATE lookups SET trouble = '404'")
    assert marks("fill_3") == ["waiting"]


def test_a_request_of_which_a_copy_cannot_be_read_excuses_no_other(both_lost_and_alone: Cli) -> None:
    """Copies of consults, that name themselves, are the other case: `test_loss_sandbox` has them."""
    bare = {"callback_type": "ORDER", "timestamp": AT.timestamp(), "details": {"order_token": "t0k3n"}}
    both_lost_and_alone.ledger.apply({**bare, "request_id": "fill_9"}, via="pull")
    assert both_lost_and_alone.ledger.reasons() == ["missing_status"]
    found = both_lost_and_alone.run("show", "fill_request", "fill_3", "--json").document
    assert [fact["unconfirmed"] for fact in found["facts"]] == ["flagged"]


def test_the_partner_is_told_and_can_be_asked_for(both_lost_and_alone: Cli, tmp_path: Path) -> None:
    cli = both_lost_and_alone
    cli.ledger.apply(callback("paid", id="rx1"), received_at=AT, **HEALNOW)
    paid = record("order", of_payments("o1", prescription("rx1"), prescription("rx2")))
    cli.ledger.apply(paid, via="snapshot", partner="healnow", received_at=AT)

    def told(*arguments: str) -> list[tuple[str, str, int, int, int]]:
        names = ("partner", "type", "pushed", "pulled_only", "both")
        document = cli.run("loss", "--json", *arguments).document
        return [tuple(row[name] for name in names) for row in document["types"]]

    pharmacy, payments = ("truepill", "ORDER", 2, 1, 1), ("healnow", "prescription::paid", 1, 1, 1)
    assert told() == [payments, pharmacy]
    assert told("--partner", "truepill") == [pharmacy]
    assert told("--partner", "healnow") == told("--type", "prescription::paid") == [payments]
    assert told("--type", "ORDER") == [pharmacy]
    assert cli.run("loss", "--partner", "nobody").code == 2
    assert cli.run("loss", "--partner", "healnow", "--type", "ORDER").code == 2
    assert "healnow" in cli.run("loss").out

    file = tmp_path / "evidence.json"
    cli.run("loss", "--partner", "healnow", "--evidence", str(file))
    found = json.loads(file.read_text())
    (lost,) = found["never_pushed"]
    assert (lost["partner"], lost["kind"], lost["id"]) == ("healnow", "payment", "rx2")
    assert (lost["occurred_at"], found["pushed_and_not_given"]) == (AT.strftime("%Y-%m-%dT%H:%M:%SZ"), [])


def test_show_marks_a_payment_that_the_orders_do_not_have(cli: Cli) -> None:
    cli.ledger.apply(callback("paid", id="rx1"), received_at=AT, **HEALNOW)
    cli.ledger.conn.execute(
        "INSERT INTO streams (partner, name, watermark, completed_at) VALUES ('healnow', 'orders', "
        "clock_timestamp() - interval '1 hour', clock_timestamp() - interval '1 minute')"
    )
    (fact,) = cli.run("show", "payment", "rx1", "--json").document["facts"]
    assert fact["unconfirmed"] == "flagged"


def keep(cli: Cli, *, flagged: int) -> None:
    row = DayRow(AT.date(), "truepill", "NOTIFY_RX", 9, 3, 4, 5, flagged)
    loss_days.replace_day(cli.ledger.conn, AT.date(), [row])


def test_doctor_warns_of_what_is_flagged_and_says_what_to_do(cli: Cli) -> None:
    def check() -> tuple[str, str, str | None]:
        (found,) = [
            row for row in cli.run("doctor", "--json").document["checks"] if row["name"] == "unconfirmed"
        ]
        return found["status"], found["text"], found["todo"]

    keep(cli, flagged=0)
    assert check() == ("ok", "none is doubtful, 5 wait to be confirmed; 3 were lost", None)
    keep(cli, flagged=2)
    status, text, todo = check()
    assert (status, "NOTIFY_RX 2" in text) == ("warn", True)
    assert "rxledger loss --evidence" in str(todo)


def test_doctor_says_when_nobody_counts(cli: Cli) -> None:
    """An old count would look well for ever."""

    def found() -> dict[str, tuple[str, str]]:
        rows = cli.run("doctor", "--json").document["checks"]
        return {row["name"]: (row["status"], row["text"]) for row in rows}

    assert found()["unconfirmed"] == ("ok", "nobody has counted yet what came by push alone")
    keep(cli, flagged=0)
    assert "loss ledger" not in found()
    cli.ledger.conn.execute("UPDATE losses_counted SET counted_at = counted_at - interval '3 hours'")
    assert found()["loss ledger"] == ("warn", "it was last counted 3.0 h ago: what came since is not in it")


def test_the_worklist_has_one_item_for_all_that_is_flagged(cli: Cli) -> None:
    assert cli.run("worklist", "--json").document == {"worklist": []}
    keep(cli, flagged=2)
    (item,) = cli.run("worklist", "--json").document["worklist"]
    assert (item["what"], item["kind"], item["at"]) == ("unconfirmed", None, f"{DAY}T00:00:00Z")
    assert item["why"].startswith("2 callbacks came by push alone")
    assert cli.run("worklist", "--json", "--kind", "copay").document == {"worklist": []}


def test_what_is_pulled_just_now_is_not_judged_yet(cli: Cli) -> None:
    cli.ledger.apply(dict(NotifyRx(timestamp=SECOND)))
    cli.ledger.conn.execute(
        "INSERT INTO streams (partner, name, covered_from, watermark, completed_at) "
        "VALUES ('truepill', 'notify_rx', now() - interval '9 days', now(), clock_timestamp())"
    )
    ran = cli.run("loss")
    assert "what was pulled just now is not applied yet" in ran.err
    document = cli.run("loss", "--json").document
    assert [(row["unconfirmed"], row["flagged"]) for row in document["types"]] == [(1, 0)]
