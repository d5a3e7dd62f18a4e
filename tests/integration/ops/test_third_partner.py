"""A partner from a folder beside ours, and nothing else touched: what is made of it, from its webhook on.

The folder is the one of docs/adding-a-partner.md.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import orjson
import pytest

from partners.registry import others_about, partners_of
from settings import Settings
from store.pulls import poll_schedule
from store.pulls.record_schedule import due_records
from store.reports import pushes
from tests.support.commandline import Cli
from tests.support.factories import OrderSuccess
from tests.support.keys import tools_at
from tests.support.ledger import Ledger
from tests.support.receiver import Running, serve
from workers.apply.batch import apply_queued
from workers.celery.runtime import tools
from workers.pull.puller import partner_about
from workers.pull.requests import waiting_states
from workers.reports.callback_types import callback_types
from workers.reports.loss_days import recount

FOLDER = Path(__file__).parents[2] / "data" / "partners"
TOKEN = "a-token-of-mailorder-0123456789"
ORDER = "mo-1001"


@pytest.fixture
def mailorder(cli: Cli) -> Cli:
    """The command line of an installation that has it."""
    cli.setenv(
        RXLEDGER_PARTNER_FOLDERS=str(FOLDER),
        RXLEDGER_MAILORDER_WEBHOOK_TOKENS=TOKEN,
        RXLEDGER_ALLOW_SHORT_SECRETS="yes",
    )
    cli.ledger = Ledger(cli.ledger.conn, tools_at(lambda: datetime.now(UTC), (FOLDER,)))
    return cli


@pytest.fixture
def receiver(mailorder: Cli) -> Iterator[Running]:
    with serve(Settings.load(), clock=lambda: datetime.now(UTC)) as running:
        yield running


def status(of: str, order: str = ORDER, **more: Any) -> dict[str, Any]:
    return {"order_id": order, "status": of, **more}


LIFE = [
    status("received"),
    status("filled"),
    status("shipped", tracking_number="1Z999", carrier="ups"),
    status("delivered", tracking_number="1Z999", carrier="ups"),
]


def post(receiver: Running, body: dict[str, Any], token: str = TOKEN) -> int:
    headers = {"Authorization": f"Bearer {token}"}
    return receiver.request("POST", "/webhooks/mailorder", orjson.dumps(body), headers).status


def checks(cli: Cli) -> dict[str, tuple[str, str]]:
    rows = cli.run("doctor", "--json").document["checks"]
    return {row["name"]: (row["status"], row["text"]) for row in rows}


def test_its_webhook_is_there_under_its_own_secret(receiver: Running, mailorder: Cli) -> None:
    assert post(receiver, LIFE[0]) == 200
    assert post(receiver, LIFE[1], token="another-token-of-nobody") == 401
    answer = receiver.request("POST", "/webhooks/truepill", b"{}", {"Authorization": f"Bearer {TOKEN}"})
    assert answer.status == 404  # without a secret of its own
    assert mailorder.one("SELECT array_agg(partner) FROM events") == ["mailorder"]


def test_the_worker_applies_what_came_and_every_command_speaks_of_it(
    receiver: Running, mailorder: Cli
) -> None:
    for body in LIFE:
        assert post(receiver, body) == 200
    settings = Settings.load()
    assert apply_queued(mailorder.ledger.conn, mailorder.ledger.queued(), tools(settings)).applied == 4

    found = mailorder.run("show", "fill_request", ORDER, "--details", "--json").document
    assert (found["state"], found["review"]) == ("delivered", None)
    assert {fact["dated_by"] for fact in found["facts"]} == {"receipt"}
    (parcel,) = found["parcels"]
    assert (parcel["tracking"], parcel["carrier"], parcel["state"]) == ("1Z999", "ups", "delivered")
    story = mailorder.run("trace", ORDER, "--json").document["story"]
    assert [entry["signal"] for entry in story][-1] == "shipment:delivered"
    events = mailorder.run("events", "--partner", "mailorder", "--json").document["events"]
    assert {event["type"] for event in events} == {"STATUS"}
    sources = mailorder.run("stats", "--json").document
    assert "mailorder" in orjson.dumps(sources).decode()


def test_its_losses_its_drift_and_its_silence_are_told_under_its_name(mailorder: Cli) -> None:
    ledger = mailorder.ledger
    ledger.apply(*LIFE, status("lost at sea"), partner="mailorder", timeless=True)
    at = int(datetime.now(UTC).timestamp())
    ledger.apply(dict(OrderSuccess(request_id="fill_1", timestamp=at)))

    def pushed(*arguments: str) -> list[tuple[str, str, int]]:
        types = mailorder.run("loss", "--json", *arguments).document["types"]
        return [(row["partner"], row["type"], row["pushed"]) for row in types]

    # Both speak of fills in the same words: a copy tells whose each fact is.
    assert pushed() == [("mailorder", "STATUS", 4), ("truepill", "ORDER", 1)]
    assert pushed("--partner", "mailorder") == pushed("--type", "status") == [("mailorder", "STATUS", 4)]
    (row,) = mailorder.run("drift", "--partner", "mailorder", "--json").document["drift"]
    assert (row["what"], row["type"], row["name"]) == ("code", "STATUS", "free text")
    assert ledger.reasons() == ["unknown_status"]

    pushes.learn(ledger.conn, datetime.now(UTC))
    recount(ledger.conn, 3600, callback_types((FOLDER,)), seconds=60)
    told = checks(mailorder)
    assert told["pushes of mailorder"][0] == "ok"
    assert told["unconfirmed"] == ("ok", "none is doubtful, 0 wait to be confirmed; 0 were lost")
    assert mailorder.one("SELECT sum(pushed) FROM losses WHERE partner = 'mailorder'") == 4


def test_whatever_the_order_and_however_often_the_parcel_is_where_it_was_last_said_to_be(
    mailorder: Cli,
) -> None:
    for number, order_of in enumerate([(0, 1, 2, 3), (3, 2, 1, 0), (2, 0, 3, 1)]):
        for place in (*order_of, *order_of):
            body = {**LIFE[place], "order_id": f"mo-{number}"}
            mailorder.ledger.apply(body, partner="mailorder", timeless=True)
        story = mailorder.ledger.story(f"mo-{number}")
        assert (story.stored, story.stored.state) == (story.folded, "delivered")
        assert len(story.steps) == 4


def test_its_short_secret_is_told_by_the_name_of_its_setting(mailorder: Cli) -> None:
    mailorder.setenv(RXLEDGER_MAILORDER_WEBHOOK_TOKENS="short")
    assert checks(mailorder)["secrets"] == ("warn", "short secrets in RXLEDGER_MAILORDER_WEBHOOK_TOKENS")


def test_what_one_installation_asked_for_is_no_partner_of_another(tmp_path: Path) -> None:
    assert set(partners_of((FOLDER,))) == {"healnow", "mailorder", "truepill"}
    partners_of.cache_clear()
    assert set(partners_of()) == {"healnow", "truepill"}
    twin = tmp_path / "truepill"
    twin.mkdir()
    (twin / "partner.py").write_text("")
    with pytest.raises(ValueError, match="two partners are called truepill"):
        partners_of((tmp_path,))


def test_another_pharmacy_is_not_asked_about_its_orders(mailorder: Cli) -> None:
    """Its ids would stand in a URL of the other, and be refused in every round."""
    ledger = mailorder.ledger
    long_ago = datetime.now(UTC) - timedelta(days=9)
    ledger.apply(LIFE[1], partner="mailorder", timeless=True, received_at=long_ago)
    ledger.apply(dict(OrderSuccess(request_id="fill_1", timestamp=int(long_ago.timestamp()))))
    ledger.conn.execute("UPDATE entities SET first_seen = first_seen - interval '9 days'")
    now = poll_schedule.server_time(ledger.conn)
    kinds, waiting = ["fill_request"], waiting_states(["fill_request"])

    def asked(others: tuple[str, ...]) -> tuple[set[str], int, set[str]]:
        polls = poll_schedule.due(ledger.conn, kinds, waiting, 3600.0, now, 9, None, others)
        left = poll_schedule.left(ledger.conn, kinds, waiting, 3600.0, None, others)
        hour = timedelta(hours=1)
        # A packed fill has news in its events alone: let it be one that waits for its order.
        ledger.conn.execute("UPDATE entities SET state = 'pending'")
        records = due_records(ledger.conn, now, kinds=kinds, quiet=hour, limit=9, others=others)
        ledger.conn.execute("UPDATE entities SET state = 'completed'")
        return {one.key for one in polls}, left.due, {one.key for one in records}

    assert others_about("truepill", (FOLDER,)) == ("mailorder",)
    assert asked(("mailorder",)) == ({"fill_1"}, 1, {"fill_1"})
    assert asked(()) == ({"fill_1", ORDER}, 2, {"fill_1", ORDER})
    assert others_about("truepill") == others_about("healnow") == ()
    assert partner_about(Settings.load(), "fill_request") == "truepill"


def test_the_page_about_adding_one_has_its_files() -> None:
    page = (Path(__file__).parents[3] / "docs" / "adding-a-partner.md").read_text(encoding="utf-8")
    blocks = page.split("```python\n")[1:]
    printed = [block.partition("```")[0] for block in blocks]
    files = [FOLDER / "mailorder" / name for name in ("partner.py", "callbacks.py")]
    assert printed == [file.read_text(encoding="utf-8") for file in files]
