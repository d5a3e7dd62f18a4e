"""`rxledger track`, and the same as a Python function."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import orjson
import pytest

from ops.tracking import NotAccepted, track
from store.ledger.registration import Registered
from tests.support.commandline import Cli
from tests.support.factories import CopaySuccess, FilledMedication, OrderSuccess, PriorAuth, TransferContact
from tests.support.ledger import every_text

NOW = datetime(2020, 6, 1, 12, 0, 0, 600_000, tzinfo=UTC)
DAY = 86_400
ANSWER = {
    "request_id": "t1",
    "timestamp": 1564608647,
    "status": "success",
    "details": {
        "message": "Your transfer request has been received.",
        "transfer_token": "tok1",
        "transfer_medications": [
            {"transfer_medication_token": "med1", "medication_name": "Finasteride, 1 mg"},
            {"transfer_medication_token": "med2", "medication_name": "Sucralfate"},
        ],
        "patient_token": "pat1",
    },
}


def answer(tmp_path: Path, content: object) -> str:
    file = tmp_path / "answer.json"
    file.write_bytes(content if isinstance(content, bytes) else orjson.dumps(content))
    return str(file)


def test_a_request_without_news_is_an_entity_in_its_first_state_with_a_deadline(cli: Cli) -> None:
    before = datetime.now(UTC)
    ran = cli.run("track", "copay", "c1", "--json")

    assert (ran.code, ran.err) == (0, "")
    found = ran.document
    assert {name: found[name] for name in ("kind", "key", "state", "registered", "known")} == {
        "kind": "copay",
        "key": "c1",
        "state": "pending",
        "registered": True,
        "known": False,
    }
    due = datetime.fromisoformat(found["deadline"])
    assert DAY - 1 <= (due - before).total_seconds() <= DAY + 60
    shown = cli.run("show", "copay", "c1", "--json")
    assert (shown.document["state"], shown.document["facts"]) == ("pending", [])
    assert (shown.document["deadline"], shown.err) == (found["deadline"], "")
    assert cli.one("SELECT (from_state IS NULL, to_state)::text FROM changes_unplaced") == "(t,pending)"


def test_registering_twice_changes_nothing_and_says_so(cli: Cli) -> None:
    first = cli.run("track", "copay", "c1", "--json").document
    second = cli.run("track", "copay", "c1", "--json")

    assert second.code == 0
    assert (second.document["registered"], second.document["known"]) == (False, True)
    assert second.document["deadline"] == first["deadline"]
    assert cli.ledger.count("changes_unplaced") == 1
    assert "was registered before" in cli.run("track", "copay", "c1").out


def test_the_earliest_registration_counts(cli: Cli) -> None:
    def register(now: datetime) -> Registered:
        return track(cli.ledger.conn, cli.ledger.tools.keyed_hash, "copay", "c1", now=now)

    first = register(NOW)
    earlier = register(NOW.replace(hour=6))
    later = register(NOW.replace(hour=18))

    start = int(NOW.timestamp())
    assert first == Registered("copay", "c1", "pending", True, False, start + DAY)
    assert earlier.deadline == later.deadline == start - 6 * 3600 + DAY
    assert cli.one("SELECT registered_at FROM entities") == NOW.replace(hour=6, microsecond=0)


def test_what_is_known_by_callbacks_keeps_its_state_and_clock(cli: Cli) -> None:
    cli.ledger.apply(OrderSuccess(request_id="f1", timestamp=1_590_800_000))
    deadline = cli.one("SELECT deadline FROM entities")
    told = cli.ledger.count("changes_unplaced")

    found = track(cli.ledger.conn, cli.ledger.tools.keyed_hash, "fill_request", "f1", now=NOW)

    assert (found.state, found.registered, found.known) == ("completed", True, True)
    assert cli.one("SELECT deadline FROM entities") == deadline
    assert cli.ledger.count("changes_unplaced") == told


def test_the_clock_of_what_never_moved_runs_from_its_registration(cli: Cli) -> None:
    cli.ledger.apply(PriorAuth(request_id="pa1", status="new", timestamp=1_590_800_000))

    found = track(cli.ledger.conn, cli.ledger.tools.keyed_hash, "prior_auth", "pa1", now=NOW)

    assert found.state == "new"
    assert found.deadline is not None
    assert found.deadline > NOW.timestamp()


def test_news_of_a_registered_request_moves_it(cli: Cli) -> None:
    cli.run("track", "copay", "c1")
    cli.ledger.apply(CopaySuccess(request_id="c1"))

    assert cli.ledger.story("c1", "copay").stored.state == "completed"
    assert cli.one("SELECT count(*) FROM changes_unplaced WHERE from_state IS NULL") == 1


def test_the_partners_answer_brings_links_and_aliases(cli: Cli, tmp_path: Path) -> None:
    file = answer(tmp_path, ANSWER)

    ran = cli.run("track", "transfer", "t1", "--metadata", "customer 7", "--answer", file, "--json")

    assert ran.code == 0
    assert cli.one("SELECT (kind, alias, key)::text FROM aliases") == "(transfer,tok1,t1)"
    domains = cli.one("SELECT array_agg(domain ORDER BY domain) FROM postings")
    assert domains == ["medication", "medication", "metadata", "patient", "request", "transfer"]
    for token in ("tok1", "med1", "pat1", "customer 7", "t1"):
        assert [one["key"] for one in cli.run("trace", token, "--json").document["entities"]] == ["t1"]
    document = cli.run("trace", "pat1", "--json").document
    assert (document["entities"][0]["state"], document["story"]) == ("pending", [])


def test_an_answer_with_a_byte_order_mark_and_half_a_character_is_read(cli: Cli, tmp_path: Path) -> None:
    raw = b"\xef\xbb\xbf" + orjson.dumps({**ANSWER, "note": "CUT"}).replace(b"CUT", rb"\ud83d")
    ran = cli.run("track", "transfer", "t1", "--answer", answer(tmp_path, raw), "--json")
    assert (ran.code, ran.err) == (0, "")
    assert cli.one("SELECT (kind, alias, key)::text FROM aliases") == "(transfer,tok1,t1)"


def test_an_answer_and_a_callback_meet_in_the_same_names(cli: Cli, tmp_path: Path) -> None:
    cli.run(
        "track", "copay", "c1", "--answer", answer(tmp_path, {"details": {"copay_request_token": "cop1"}})
    )
    cli.ledger.apply(PriorAuth(request_id="pa1", details__copay_token="cop1"))

    links = cli.run("show", "copay", "c1", "--json").document["links"]

    assert links == [{"kind": "prior_auth", "key": "pa1", "by": "copay"}]


def test_an_alias_given_by_hand_is_an_alias_and_a_link(cli: Cli) -> None:
    cli.run("track", "transfer", "t1", "--alias", "tok1", "--alias", "tok2", "--alias", "t1")
    cli.ledger.apply(TransferContact(request_id="t2", details__transfer_token="tok1"))

    assert cli.one("SELECT count(*) FROM aliases WHERE key = 't1'") == 2
    links = cli.run("show", "transfer", "t1", "--json").document["links"]
    assert links == [{"kind": "transfer", "key": "t2", "by": "transfer"}]


@pytest.mark.parametrize(("kind", "domain"), [("consult", "consult"), ("prescription", "prescription")])
def test_the_own_key_stands_in_the_domain_that_callbacks_use(cli: Cli, kind: str, domain: str) -> None:
    cli.run("track", kind, "k1")

    assert cli.one("SELECT domain FROM postings") == domain
    assert cli.one("SELECT hash FROM postings").bytes == cli.ledger.tools.keyed_hash.link(domain, "k1")


@pytest.mark.parametrize(
    "arguments",
    [
        ("parcel", "1"),
        ("copay", "Jane Doe"),
        ("copay", ""),
        ("copay", "a" * 129),
        ("copay", "c1", "--alias", "Jane Doe"),
    ],
)
def test_an_unknown_kind_or_what_is_no_name_is_a_usage_error(cli: Cli, arguments: tuple[str, ...]) -> None:
    ran = cli.run("track", *arguments)

    assert (ran.code, ran.out) == (2, "")
    assert "Jane" not in ran.err
    assert cli.ledger.count("entities") == 0


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b'{"patient": "Jane Doe"', "the answer is not JSON"),
        (b"\xff", "the answer is not JSON"),
        (["Jane Doe"], "the answer is not a JSON object"),
        ({"statusCode": 400, "error": "Jane Doe"}, "by its answer the partner did not accept the request"),
        ({"status": "error", "message": "Jane"}, "by its answer the partner did not accept the request"),
        (
            {"order_tokens": "Jane", "prescription_tokens": [f"rx{n}" for n in range(6000)]},
            "what was given holds more",
        ),
        (b" " * (1 << 20) + b"{}", "the answer is larger than 1 MiB"),
    ],
)
def test_an_answer_that_cannot_be_used_is_one_line_without_its_content(
    cli: Cli, tmp_path: Path, content: object, why: str
) -> None:
    ran = cli.run("track", "copay", "c1", "--answer", answer(tmp_path, content))

    assert (ran.code, ran.out) == (1, "")
    assert ran.err.startswith(f"rxledger: {why}")
    assert ran.err.count("\n") == 1
    assert "Jane" not in ran.err
    assert cli.ledger.count("entities") == 0


def test_a_missing_answer_is_one_line(cli: Cli, tmp_path: Path) -> None:
    ran = cli.run("track", "copay", "c1", "--answer", str(tmp_path / "nothing.json"))

    assert (ran.code, ran.err) == (1, "rxledger: the answer cannot be read: No such file or directory\n")


def test_from_python_what_cannot_be_registered_raises_without_repeating_it(cli: Cli) -> None:
    conn, keyed_hash = cli.ledger.conn, cli.ledger.tools.keyed_hash

    with pytest.raises(ValueError, match="has no machine"):
        track(conn, keyed_hash, "parcel", "k1", now=NOW)
    with pytest.raises(ValueError, match="wants 1 to 128 characters"):
        track(conn, keyed_hash, "copay", "Jane Doe", now=NOW)
    with pytest.raises(NotAccepted):
        track(conn, keyed_hash, "copay", "c1", answer={"status": "error"}, now=NOW)


def test_a_registration_stands_and_falls_with_the_transaction_of_the_caller(cli: Cli) -> None:
    conn = cli.ledger.conn

    with conn.transaction(force_rollback=True):
        track(conn, cli.ledger.tools.keyed_hash, "copay", "c1", metadata="  ", aliases=["tok1"], now=NOW)
        assert cli.ledger.count("postings") == 2

    assert [cli.ledger.count(table) for table in ("entities", "postings", "aliases", "changes_unplaced")] == [
        0
    ] * 4


SENT = {
    "patient_token": "4526d90a",
    "medications": [
        {"prescription_token": "z3q2jr", "quantity": 90},
        {"prescription_token": "3cs873", "quantity": "15"},
        {"prescription_token": "wz25v2"},
    ],
}


def dispensed(*quantities: object) -> dict[str, Any]:
    tokens = ("z3q2jr", "3cs873", "wz25v2")
    content: dict[str, Any] = OrderSuccess(
        request_id="f1",
        timestamp=1_590_800_000,
        details__medications=[
            FilledMedication(prescription_token=token, quantity=quantity)
            for token, quantity in zip(tokens, quantities, strict=True)
        ],
    )
    return content


@pytest.mark.parametrize("first", ["the request", "the order", "both copies"])
@pytest.mark.parametrize(
    ("quantities", "statuses", "outcome"),
    [
        ((90, 15, 30), ["filled", "filled", "filled"], "full"),
        ((30, 15, 30), ["short", "filled", "filled"], "partial"),
        (("30", "14.5", 1), ["short", "short", "filled"], "partial"),
        ((120, None, None), ["filled", "filled", "filled"], "full"),
    ],
)
def test_a_fill_of_which_less_was_sent_than_its_request_asked_for_is_partial(
    cli: Cli, tmp_path: Path, first: str, quantities: Any, statuses: list[str], outcome: str
) -> None:
    file = tmp_path / "request.json"
    file.write_bytes(orjson.dumps(SENT))
    order = dispensed(*quantities)
    pulled = {name: value for name, value in order.items() if name != "status"}
    if first != "the request":
        cli.ledger.apply(order)
    if first == "both copies":
        cli.ledger.apply(pulled, via="pull")
    for _ in range(2):
        assert cli.run("track", "fill_request", "f1", "--request", str(file)).code == 0
    if first == "the request":
        cli.ledger.apply(order)

    shown = cli.run("show", "fill_request", "f1", "--json").document
    assert [line["status"] for line in shown["lines"]] == statuses
    assert shown["outcome"] == outcome
    told = cli.run("replay", "--all", "--json").document
    assert (told["changed"], told["unchanged"]) == ([], 1)
    assert len(shown["facts"]) == 1
    assert "z3q2jr" not in every_text(cli.ledger.conn, ("entities",))
