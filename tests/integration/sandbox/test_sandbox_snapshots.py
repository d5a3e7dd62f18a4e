"""The sandbox's records, read as snapshots: before, between and after its callbacks, and without them."""

from __future__ import annotations

from typing import Any

import pytest

from partners.truepill import callbacks, snapshots
from partners.truepill.envelopes import envelopes
from statemachine import MACHINES, Fact, Step
from tests.integration.sandbox.billing import card, copay, patient_with
from tests.integration.sandbox.test_sandbox_consults import create as create_consult
from tests.integration.sandbox.test_sandbox_consults import simulate
from tests.integration.sandbox.test_sandbox_direct_transfers import simulated as direct_body
from tests.integration.sandbox.test_sandbox_fills import create as create_fill
from tests.integration.sandbox.test_sandbox_fills import two_prescriptions
from tests.integration.sandbox.test_sandbox_transfers import NO_SUCH_RX
from tests.integration.sandbox.test_sandbox_transfers import body as transfer_body
from tests.support.factories import body as encoded
from tests.support.reading import keyed
from tests.support.sandbox import Desk


def ask(desk: Desk, resource: str, path: str, of: str | None = None) -> list[Fact]:
    """What one GET states; everything in the record is known to the contract."""
    found = []
    answer = desk.done("GET", path)
    for envelope in envelopes(resource, answer, asked_at=int(desk.time[0]), asked_for=of):
        reading = snapshots.read(envelope.body, keyed)
        assert reading.unseen == ()
        found += [one.fact for one in reading.stated]
    return found


def pushed(desk: Desk, kind: str) -> list[Fact]:
    stated = [one for row in desk.told for one in callbacks.read(encoded(row), keyed).stated]
    return [one.fact for one in stated if one.kind == kind]


def agreed(desk: Desk, kind: str, seen: list[Fact]) -> str:
    """The state that callbacks come to with and without records; nobody is asked, nothing more is missing."""
    machine = MACHINES[kind]
    summary, steps = machine.fold([*pushed(desk, kind), *seen])
    without, told = machine.fold(pushed(desk, kind))
    assert summary.review is None
    assert summary.state == without.state
    assert [step.gap for step in steps if step.gap] == [step.gap for step in told if step.gap]
    return summary.state


def alone(kind: str, seen: list[Fact]) -> tuple[str, str | None, list[Step]]:
    summary, steps = MACHINES[kind].fold(seen)
    assert summary.review is None
    return summary.state, summary.outcome, steps


def test_the_record_of_a_fill_agrees_with_its_callbacks_all_the_way(desk: Desk) -> None:
    fill = create_fill(desk, *two_prescriptions(desk), simulation={})
    path, seen = f"/v1/fill_request/{fill}", []
    for seconds in (0, 30, 31, 30, 60, 60, 60):
        desk.wait(seconds)
        seen += ask(desk, "fill_request", path, fill)
    assert agreed(desk, "fill_request", seen) == "delivered"
    state, _, steps = alone("fill_request", seen)
    assert (state, len(steps)) == ("completed", 2)


@pytest.mark.parametrize(
    ("error", "state"), [("R3", "rejected"), ("R0", "cancelled"), ("R028", "cancelled"), ("R4", "returned")]
)
def test_the_record_of_a_failed_fill_ends_as_its_callback_does(desk: Desk, error: str, state: str) -> None:
    fill = create_fill(desk, *two_prescriptions(desk), simulation={"order": {"error": error}})
    desk.wait(300)
    seen = ask(desk, "fill_request", f"/v1/fill_request/{fill}", fill)
    (news,) = pushed(desk, "fill_request")
    assert MACHINES["fill_request"].fold([news])[0].state == state
    assert alone("fill_request", seen)[0] == state


def test_a_transfer_is_seen_alone_and_on_a_page_of_the_list(desk: Desk) -> None:
    sent = transfer_body(desk.patient(), simulation={})
    token = desk.done("POST", "/v1/transfer_request", sent)["details"]["transfer_token"]
    desk.recorder.received.clear()
    seen = []
    for seconds in (0, 2, 3, 5, 5):
        desk.wait(seconds)
        seen += ask(desk, "transfer", "/v1/transfer_request")
        seen += ask(desk, "transfer", f"/v1/transfer_request/{token}", token)
    news = [fact for fact in pushed(desk, "transfer") if fact.signal == "transfer:success"]
    state, outcome, steps = alone("transfer", seen)
    assert (state, outcome) == ("completed", "full")
    assert [line.token for line in steps[-1].fact.lines] == [line.token for line in news[0].lines]
    assert agreed(desk, "transfer", seen) == "completed"


def test_a_transfer_that_failed_is_seen_as_rejected_for_the_reason(desk: Desk) -> None:
    sent = transfer_body(desk.patient(), simulation={"error": NO_SUCH_RX})
    token = desk.done("POST", "/v1/transfer_request", sent)["details"]["transfer_token"]
    desk.wait(60)
    seen = ask(desk, "transfer", f"/v1/transfer_request/{token}", token)
    assert alone("transfer", seen)[:2] == ("rejected", "none")
    assert agreed(desk, "transfer", seen) == "rejected"


def test_a_direct_transfer_is_seen_with_its_prescription(live: Desk) -> None:
    answer = live.done("POST", "/v1/direct_transfer", direct_body(live.patient()))
    token = answer["details"]["direct_transfer_id"]
    seen = []
    for seconds in (0, 60, 86_400 * 3):
        live.wait(seconds)
        seen += ask(live, "direct_transfer", f"/v1/direct_transfer/{token}", token)
    assert agreed(live, "direct_transfer", seen) == "completed"


def test_a_copay_is_seen_with_its_prices(live: Desk) -> None:
    patient, tokens = patient_with(live, True, True)
    answer = copay(live, patient, [card(live, patient)], tokens, simulation={})
    request = answer["request_id"]
    path, seen = f"/v1/copay_request/{request}", []
    for seconds in (0, 1, 60, 86_400):
        live.wait(seconds)
        seen += ask(live, "copay_request", path, request)
    assert agreed(live, "copay", seen) == "completed"
    assert alone("copay", seen)[:2] == ("completed", "full")


def test_consults_are_seen_on_their_list_alone(live: Desk) -> None:
    consult = create_consult(live)
    simulate(live, consult, status="completed", completionState=["rx_prescribed"])
    seen = []
    for _ in range(6):
        seen += ask(live, "consult", "/consults/v0?page_number=1&limit=20")
        assert ask(live, "consult", f"/consults/v0/consult/{consult}", consult) == []
        live.wait(1)
    assert agreed(live, "consult", seen) == "completed"
    assert alone("consult", seen)[0] == "completed"


def test_prescriptions_are_seen_one_by_one_and_all_of_a_patient(desk: Desk) -> None:
    """The single answer tells of a simulated prescription not whether it can be filled, the list does."""
    patient, _ = two_prescriptions(desk)
    transfer = transfer_body(patient, medications=["Lutera-28 Tablet"], simulation={})
    desk.done("POST", "/v1/transfer_request", transfer)
    desk.wait(60)
    (*_, token) = desk.prescriptions(patient)
    single = ask(desk, "prescription", f"/v1/prescription/{token}", token)
    listed: list[Any] = ask(desk, "prescription", f"/v1/patient/{patient}/prescriptions")
    assert [fact.signal for fact in (*single, *listed)] == ["seen:received"] * 4
