"""Every printed callback by a table written by hand: what it states, and where that alone brings an entity.

Each file is read by itself: the printed ids collide, and samples of one id and time exclude each other.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import NamedTuple

import orjson
import pytest

from partners.reading import Stated
from partners.truepill.callbacks import read
from statemachine import MACHINES
from tests.support.printed import CALLBACKS
from tests.support.reading import keyed, reason


class Expected(NamedTuple):
    """One fact. `lines` are its tokens, statuses and codes; `due` is the date that it carries."""

    kind: str
    key: str
    second: int
    signal: str
    code: str | None
    state: str
    lines: str = ""
    due: str | None = None


FIRST, SECOND, THIRD = (
    "fill_request_2c069215483bb6676a9b",
    "fill_request_991e90fa6b367cf72032",
    "fill_request_0fbbde7492c8b024d800",
)
COPAY, COPAY_2, COPAY_3 = (
    "cnpsa8ms8vbs7f52c8y2xchd77tza3nv",
    "c5e0baede8e5efe91c5811e2e67c17b7",
    "914b810e56445e6ca2ab025c9c96d254",
)
AUTH = "8y2xc7tp93nc2csacn2hd7afka3nv"
CONSULT = "6dcf35ee85c869d281d85d43"
COVERAGE = "skhsyq83rkd3uht9"
DIRECT = "c973dab3c2d8b8ea3ca2e30f14c72149"
TRANSFER, TRANSFER_2 = "transfer_request_9a813a5a8782d15923da", "ae030bc915541154932aad14e622c292"

BOTH_REJECTED = "z3q2jr rejected, 3cs873 rejected"
BOTH_TRIAGED = "z3q2jr triage, 3cs873 triage"
DISPENSED = "7cb7d8ea418d filled, e9549cca9639 filled"
ONE_REFUSED = "z3q2jr filled, 3cs873 filled, 7ebc894e rejected"
NO_CODE = "#"  # free text in the place of a code: only its hash stands in the clear
ETA = "2020-06-02T00:54:31"

# fmt: off
PRINTED: dict[str, list[Expected]] = {
    "consult.assigned.1": [
        Expected("consult", CONSULT, 1597777734, "consult:assigned", None, "assigned")],
    "consult.completed.1": [
        Expected("consult", CONSULT, 1597777734, "consult:completed", None, "completed", "- rx_prescribed")],
    "consult.rejected.1": [
        Expected("consult", CONSULT, 1597777734, "consult:rejected", None, "rejected")],
    "consult.review.1": [
        Expected("consult", CONSULT, 1597777734, "consult:review", None, "review")],
    "copay.error.1": [
        Expected("copay", COPAY, 1563916377, "copay:rejected", "BAD_INSURANCE_DETAILS", "rejected")],
    "copay.success.1": [
        Expected("copay", COPAY, 1563916377, "copay:success", None, "completed",
                 "z3q2jr completed, 3cs873 completed")],
    "copay.success.2": [
        Expected("copay", COPAY, 1563916377, "copay:success", None, "completed",
                 "z3q2jr rejected 79, 3cs873 completed", "2020-05-10")],
    "copay.success.3": [
        Expected("copay", COPAY, 1563916377, "copay:success", None, "completed", "z3q2jr completed")],
    "copay.success.4": [
        Expected("copay", COPAY, 1563916377, "copay:success", None, "completed", "z3q2jr completed")],
    "copay.success.5": [
        Expected("copay", COPAY_2, 1590797193, "copay:success", None, "completed", "7cb7d8ea418d completed")],
    "copay.success.6": [
        Expected("copay", COPAY_2, 1590797193, "copay:success", None, "completed",
                 "7cb7d8ea418d rejected 79")],
    "copay.triage.1": [
        Expected("copay", COPAY_3, 1585608018, "copay:triage", "CT004", "triage", "", "2020-08-21")],
    "coverage.error.1": [
        Expected("coverage", COVERAGE, 1567026972, "coverage:not_found", None, "not_found")],
    "coverage.error.2": [
        Expected("coverage", COVERAGE, 1567026972, "coverage:not_checked", None, "not_checked")],
    "coverage.error.3": [
        Expected("coverage", COVERAGE, 1567026972, "coverage:not_found", None, "not_found")],
    "coverage.success.1": [
        Expected("coverage", COVERAGE, 1567026972, "coverage:found", None, "found", "0db029 found")],
    "coverage.success.2": [
        Expected("coverage", COVERAGE, 1596137150, "coverage:found", None, "found",
                 "9502a8162af55927 found")],
    "direct_transfer.error.1": [
        Expected("direct_transfer", "c91f2af0a847271bdc0b", 1502304584, "direct_transfer:error", None,
                 "rejected")],
    "direct_transfer.error.2": [
        Expected("direct_transfer", DIRECT, 1591035261, "direct_transfer:error", None, "rejected",
                 "dfb23987c12e rejected")],
    "direct_transfer.success.1": [
        Expected("direct_transfer", "9a813a5a8782d15923da", 1564611968, "direct_transfer:success", None,
                 "completed", "z3q2jr transferred")],
    "direct_transfer.success.2": [
        Expected("direct_transfer", DIRECT, 1591035261, "direct_transfer:success", None, "completed",
                 "dfb23987c12e transferred")],
    "file.none.1": [
        Expected("consult", "60a81aca1b9368001c503783", 1625237490, "file:received", None, "unassigned",
                 "60df27f1b5f815001c74b84d UPLOADED, 60df27f1b5f815001c74b84e UPLOADED")],
    "notify_rx.none.1": [
        Expected("prescription", "z3q2jr", 1581019462, "rx:superseded", None, "superseded"),
        Expected("prescription", "z3q2jr23", 1581019462, "rx:received", None, "received")],
    "notify_rx.none.2": [
        Expected("prescription", "z3q2jr", 1590784899, "rx:received", None, "received")],
    "notify_rx.none.3": [
        Expected("prescription", "7cb7d8ea418d", 1590784899, "rx:received", None, "received")],
    "notify_rx.none.4": [
        Expected("prescription", "e9549cca9639", 1590382349, "rx:received", None, "received")],
    "order.error.1": [
        Expected("fill_request", FIRST, 1585608018, "order:rejected", "NR", "rejected", BOTH_REJECTED)],
    "order.error.2": [
        Expected("fill_request", FIRST, 1585608018, "order:rejected", "R009", "rejected", BOTH_REJECTED)],
    "order.error.3": [
        Expected("fill_request", FIRST, 1585608018, "order:unpaid", "R028", "cancelled",
                 "z3q2jr cancelled, 3cs873 cancelled")],
    "order.error.4": [
        Expected("fill_request", SECOND, 1591763649, "order:rejected", NO_CODE, "rejected")],
    "order.success.1": [
        Expected("fill_request", SECOND, 1590800072, "order:success", None, "completed", DISPENSED)],
    "order.success.2": [
        Expected("fill_request", THIRD, 1571251314, "order:success", None, "completed", ONE_REFUSED)],
    "order.success.3": [
        Expected("fill_request", THIRD, 1571251314, "order:success", None, "completed", ONE_REFUSED)],
    "order.success.4": [
        Expected("fill_request", SECOND, 1590800072, "order:success", None, "completed", DISPENSED)],
    "order.triage.1": [
        Expected("fill_request", FIRST, 1585608018, "order:triage", "T001", "triage", BOTH_TRIAGED)],
    "order.triage.2": [
        Expected("fill_request", FIRST, 1585608018, "order:triage", "T005", "triage", BOTH_TRIAGED,
                 "2020-04-12")],
    "prior_auth.approved.1": [
        Expected("prior_auth", AUTH, 1563916377, "pa:approved", None, "approved")],
    "prior_auth.new.1": [
        Expected("prior_auth", AUTH, 1563916377, "pa:new", None, "new")],
    "prior_auth.new.2": [
        Expected("prior_auth", AUTH, 1563916377, "pa:new", None, "new")],
    "prior_auth.pending.1": [
        Expected("prior_auth", AUTH, 1563916377, "pa:pending", None, "pending")],
    "shipment.success.1": [
        Expected("fill_request", SECOND, 1590800222, "shipment:delivered", None, "delivered")],
    "shipment.success.2": [
        Expected("fill_request", SECOND, 1590800102, "shipment:transit", None, "in_transit", "", ETA)],
    "shipment.success.3": [
        Expected("fill_request", SECOND, 1590800162, "shipment:transit", None, "in_transit", "", ETA)],
    "transfer.error.1": [
        Expected("transfer", "transfer_request_c91f2af0a847271bdc0b", 1502304584, "transfer:rejected", None,
                 "rejected")],
    "transfer.error.2": [
        Expected("transfer", TRANSFER_2, 1598311289, "transfer:rejected", None, "rejected")],
    "transfer.success.1": [
        Expected("transfer", TRANSFER, 1564611968, "transfer:success", None, "completed",
                 "z3q2jr transferred")],
    "transfer.success.2": [
        Expected("transfer", TRANSFER_2, 1598311289, "transfer:success", None, "completed",
                 "de6f66b44b67 transferred, a1607c465f83 transferred")],
    "transfer.success.3": [
        Expected("transfer", TRANSFER_2, 1598311289, "transfer:success", None, "completed",
                 "de6f66b44b67 transferred, a1607c465f83 transferred, debcadfe3b2dd482 rejected")],
    "transfer_contact.error.1": [
        Expected("transfer", TRANSFER, 1564611968, "contact:error", "RX_NO_REFILLS", "contacting")],
    "transfer_contact.success.1": [
        Expected("transfer", TRANSFER, 1564611968, "contact:success", None, "contacting")],
}
# fmt: on
PAGES = {"page.fill_request.1", "page.notify_rx.1"}


def read_file(name: str) -> tuple[Stated, ...]:
    reading = read((CALLBACKS / f"{name}.json").read_bytes(), keyed)
    assert reading.callback_type == name.partition(".")[0].upper()
    return reading.stated


def second_of(day: str | None) -> int | None:
    return None if day is None else int(datetime.fromisoformat(day).replace(tzinfo=UTC).timestamp())


def test_the_table_names_every_printed_file() -> None:
    assert {path.stem for path in CALLBACKS.glob("*.json")} == set(PRINTED) | PAGES


@pytest.mark.parametrize("name", PRINTED)
def test_a_printed_callback_states_what_it_says(name: str) -> None:
    found = read_file(name)
    assert len(found) == len(PRINTED[name])
    for one, expected in zip(found, PRINTED[name], strict=True):
        assert (one.kind, one.key) == (expected.kind, expected.key)
        fact = one.fact
        assert (fact.occurred_at, fact.signal, fact.due) == (
            expected.second,
            expected.signal,
            second_of(expected.due),
        )
        shown = [" ".join(filter(None, (line.token or "-", line.status, line.code))) for line in fact.lines]
        assert ", ".join(shown) == expected.lines
        assert [line.position for line in fact.lines] == list(range(len(fact.lines)))
        if expected.code == NO_CODE:
            assert fact.code == "#" + keyed("code", "passing in error message").hex()[:16]
            assert one.detail["code"] == "passing in error message"
        else:
            assert fact.code == expected.code
            assert "code" not in one.detail
        summary, (step,) = MACHINES[one.kind].fold([fact])
        assert (summary.state, step.verdict) == (
            expected.state,
            "confirmed" if expected.state == MACHINES[one.kind].initial else "moved",
        )


@pytest.mark.parametrize("name", sorted(PAGES))
def test_a_page_of_pulled_events_is_not_a_callback(name: str) -> None:
    assert reason((CALLBACKS / f"{name}.json").read_bytes()) == "page"


def test_the_events_on_a_page_are_read_with_the_id_that_stands_in_its_url() -> None:
    def payloads(name: str) -> list[bytes]:
        page = orjson.loads((CALLBACKS / f"{name}.json").read_bytes())
        return [orjson.dumps(event["payload"]) for event in page["results"]]

    filled, moved = (read(one, keyed, "fill_request_1").stated[0] for one in payloads("page.fill_request.1"))
    assert (filled.key, filled.fact.signal, moved.key, moved.fact.signal) == (
        "fill_request_1",
        "order:success",
        "fill_request_1",
        "shipment:transit",
    )
    assert ("request", "fill_request_1") in moved.links
    received = [read(one, keyed, "fill_request_1").stated[0] for one in payloads("page.notify_rx.1")]
    assert [one.key for one in received] == ["6c8f8c4e3e8c", "4bee4686e59c", "e644ac29ed07"]
    assert {one.fact.signal for one in received} == {"rx:received"}


def test_the_printed_fill_ends_delivered_in_full() -> None:
    names = ["shipment.success.1", "order.success.1", "shipment.success.3", "shipment.success.2"]
    summary, steps = MACHINES["fill_request"].fold([read_file(name)[0].fact for name in names])
    assert (summary.state, summary.outcome, summary.review, summary.due) == ("delivered", "full", None, None)
    assert len(steps) == 4


def test_the_printed_authorization_and_the_copay_that_it_was_for_end_well() -> None:
    names = ["prior_auth.approved.1", "prior_auth.new.1", "prior_auth.pending.1", "prior_auth.new.2"]
    summary, steps = MACHINES["prior_auth"].fold([read_file(name)[0].fact for name in names])
    assert (summary.state, summary.review, len(steps)) == ("approved", None, 3)
    names = ["copay.success.4", "copay.error.1"]
    summary, _ = MACHINES["copay"].fold([read_file(name)[0].fact for name in names])
    assert (summary.state, summary.outcome, summary.review) == ("completed", "full", None)


def test_two_printed_successes_of_one_second_with_other_texts_are_one_fact() -> None:
    # They differ in quantities and over-the-counter products, which are no lines.
    second, third = (read_file(f"order.success.{n}")[0].fact for n in (2, 3))
    assert second == third


def test_the_printed_copay_answers_of_one_millisecond_are_facts_of_their_own() -> None:
    facts = {read_file(f"copay.success.{n}")[0].fact[:4] for n in (1, 2, 3)}
    assert len(facts) == 3
