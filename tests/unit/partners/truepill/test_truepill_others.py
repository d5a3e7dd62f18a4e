"""COVERAGE, CONSULT, FILE and NOTIFY_RX: their keys, their states, their lines."""

from __future__ import annotations

from typing import Any

import pytest

from partners.reading import Stated
from partners.truepill.callbacks import read
from statemachine import Line
from tests.support.factories import (
    Consult,
    CoverageError,
    CoverageFound,
    Document,
    File,
    FoundInsurance,
    NotifyRx,
    body,
)
from tests.support.reading import keyed, reason, stated, without_status


@pytest.mark.parametrize(
    ("message", "signal"),
    [
        ("Patient insurance is not found", "coverage:not_found"),
        ("PATIENT INSURANCE NOT FOUND", "coverage:not_found"),
        ("No active coverage was found", "coverage:not_found"),
        ("Coverage could not be found", "coverage:not_found"),
        ("Patient social security number is not available", "coverage:not_checked"),
        ("Insurance cannot be found without a social security number", "coverage:not_checked"),
        ("Patient was not found", "coverage:not_checked"),
        ("The payer did not answer", "coverage:not_checked"),
        (None, "coverage:not_checked"),
        (["Patient insurance is not found"], "coverage:not_found"),
    ],
)
def test_the_message_of_an_error_says_whether_anybody_looked(message: object, signal: str) -> None:
    one = stated(CoverageError(message=message))
    assert (one.kind, one.fact.signal, one.fact.lines) == ("coverage", signal, ())
    content = CoverageError(message=None, details__message=message)
    assert stated(content).fact.signal == signal


def test_a_success_has_found_what_it_lists() -> None:
    content = CoverageFound(
        details__insurances=[FoundInsurance(insurance_token="a"), "junk", FoundInsurance()]
    )
    one = stated(content)
    assert one.fact.signal == "coverage:found"
    assert one.fact.lines[0] == Line(0, "a", "found", None)
    assert [line.status for line in one.fact.lines] == ["found", "found", "found"]
    assert one.detail["lines"][0] == {"name": "Custom Benefits", "plan_type": "commercial"}  # type: ignore[index]


@pytest.mark.parametrize("insurances", [None, []])
def test_a_success_that_lists_nothing_has_found_nothing(insurances: object) -> None:
    assert stated(CoverageFound(details__insurances=insurances)).fact.signal == "coverage:not_found"


def test_a_success_whose_list_cannot_be_read_is_believed() -> None:
    assert stated(CoverageFound(details={})).fact.signal == "coverage:found"
    assert stated(CoverageFound(details__insurances="one")).fact.signal == "coverage:found"
    assert stated(CoverageFound(details="one")).fact.signal == "coverage:found"


def test_a_coverage_is_known_by_its_request_or_else_by_its_token() -> None:
    assert stated(CoverageFound(request_id="a", details__coverage_request_token="b")).key == "a"
    assert stated(CoverageFound(request_id=None, details__coverage_request_token="b")).key == "b"
    assert stated(CoverageFound(request_id="a", details__coverage_request_token="b")).aliases == ()
    assert reason(CoverageFound(request_id=None, details={})) == "missing_key"


def test_a_pulled_copy_of_a_coverage_is_the_same_fact_as_the_pushed_one() -> None:
    for content in (CoverageFound(), CoverageError()):
        assert stated(without_status(content)).fact == stated(content).fact
    assert reason(CoverageError(status=None, message=None)) == "missing_status"


@pytest.mark.parametrize(
    ("status", "signal"),
    [
        ("unassigned", "consult:unassigned"),
        ("Assigned", "consult:assigned"),
        (" review ", "consult:review"),
        ("issue", "consult:issue"),
        ("resolve", "consult:resolved"),
        ("resolved", "consult:resolved"),
        ("completed", "consult:completed"),
        ("rejected", "consult:rejected"),
        ("cancelled", "consult:cancelled"),
        ("canceled", "consult:cancelled"),
    ],
)
def test_the_status_of_a_consult_is_its_state(status: str, signal: str) -> None:
    one = stated(Consult(status=status, consult_id="c1"))
    assert (one.kind, one.key, one.fact.signal, one.fact.discriminator) == ("consult", "c1", signal, b"")
    assert stated(Consult(status=status, details="none")).fact.signal == signal


@pytest.mark.parametrize(
    ("state", "statuses"),
    [
        (["rx_prescribed"], ["rx_prescribed"]),
        (["rx_prescribed", "advice_other"], ["rx_prescribed", "advice_other"]),
        ("advice_911", ["advice_911"]),
        ([None, "", "sig_otc"], ["sig_otc"]),
        (["see Dr. Mockdoc"], ["unclear"]),
        ([], []),
        (None, []),
    ],
)
def test_completion_states_are_the_lines_of_a_completed_consult(state: object, statuses: list[str]) -> None:
    one = stated(Consult(status="completed", details__state=state))
    assert [line.status for line in one.fact.lines] == statuses
    assert all(line.token is None and line.code is None for line in one.fact.lines)
    assert stated(Consult(status="review", details__state=state)).fact.lines == ()


def test_a_completion_state_that_is_free_text_is_for_the_sealed_detail() -> None:
    one = stated(Consult(status="completed", details__state=["see Dr. Mockdoc"]))
    assert one.detail["lines"] == [{"status": "see Dr. Mockdoc"}]
    assert reason(Consult(status="completed", details__state=["a"] * 51)) == "bad_details"


def test_a_consults_missing_status_is_inferred_where_the_details_settle_it() -> None:
    done = Consult(status=None, details__state=["rx_prescribed"])
    refused = Consult(status=None, details__reject_reason="Patient is not eligible")
    assert stated(done).fact.signal == "consult:completed"
    assert stated(refused).fact.signal == "consult:rejected"
    issue = Consult(status=None, details__issue_reason="no answer")
    assert stated(issue).fact.signal == "consult:issue"
    both = Consult(status=None, details__state=["rx_prescribed"], details__reject_reason="no")
    for content in (Consult(status=None), {**done, "details": {}}, both):
        assert reason(content) == "missing_status"


def test_a_file_belongs_to_its_consult_and_is_told_apart_by_its_documents() -> None:
    first, second = Document(document_id="a"), Document(document_id="b", status="being looked at")
    content = File(consult_id="c1", details__documents=[first, second])
    one = stated(content)
    assert (one.kind, one.key, one.fact.signal) == ("consult", "c1", "file:received")
    assert one.fact.lines == (Line(0, "a", "UPLOADED", None), Line(1, "b", "unclear", None))
    assert one.detail["lines"] == [
        {"tags": '["SELFIE"]'},
        {"tags": '["SELFIE"]', "status": "being looked at"},
    ]

    def told(*documents: dict[str, object]) -> bytes:
        return stated({**content, "details": {"documents": list(documents)}}).fact.discriminator

    assert told(second, first) == one.fact.discriminator
    assert len({told(first), told(second), told({**first, "status": "DELETED"}), one.fact.discriminator}) == 4
    assert told() == b""


def notified(**change: Any) -> tuple[Stated, ...]:
    return read(body(NotifyRx(**change)), keyed).stated


def test_a_prescription_is_received_under_its_own_token() -> None:
    (one,) = notified(details__prescription_token="a", timestamp=1_590_800_072)
    assert (one.kind, one.key) == ("prescription", "a")
    assert one.fact[:4] == (1_590_800_072, "rx:received", None, b"")


def test_a_transferred_prescription_is_two_facts_told_by_the_new_token() -> None:
    old, new = notified(details__prescription_token="a", details__transfer_prescription_token="b")
    assert (old.key, old.fact.signal, new.key, new.fact.signal) == ("a", "rx:superseded", "b", "rx:received")
    assert old.fact.discriminator == new.fact.discriminator
    assert old.fact.occurred_at == new.fact.occurred_at
    assert len(old.fact.discriminator) == 16
    assert old.links == new.links
    other, _ = notified(details__prescription_token="a", details__transfer_prescription_token="c")
    assert other.fact.discriminator != old.fact.discriminator


@pytest.mark.parametrize("successor", [None, "", "a"])
def test_a_prescription_is_not_superseded_by_nothing_or_by_itself(successor: str | None) -> None:
    (one,) = notified(details__prescription_token="a", details__transfer_prescription_token=successor)
    assert one.fact.signal == "rx:received"


@pytest.mark.parametrize("successor", ["Jane Doe", ["b"], {"b": 1}, 7.5, True])
def test_half_of_what_a_notice_states_is_not_dropped(successor: object) -> None:
    assert reason(NotifyRx(details__transfer_prescription_token=successor)) == "bad_key"


def test_a_pulled_notice_with_other_texts_is_the_same_fact_as_the_pushed_one() -> None:
    pushed = NotifyRx(details__location="Hayward, CA")
    details = {
        **pushed["details"],
        "location": "hayward",
        "patient_token_duplicates": ["p2"],
        "merged_patients": [],
        "rx_link": "rxl_7e26572b556bfc48e611da3a",
    }
    pulled = stated({**pushed, "details": details})
    assert pulled.fact == stated(pushed).fact
    assert pulled.detail["patient_token_duplicates"] == '["p2"]'
    assert "merged_patients" not in pulled.detail


@pytest.mark.parametrize("token", [None, "", "Jane Doe", 7.5])
def test_a_notice_without_a_plain_token_is_refused(token: object) -> None:
    expected = "missing_key" if token is None else "bad_key"
    assert reason(NotifyRx(details__prescription_token=token)) == expected
    assert reason(NotifyRx(details="none")) == "missing_key"


def test_the_id_in_the_url_of_a_pulled_copy_stands_in_for_a_missing_one_and_for_no_other() -> None:
    pulled = {name: value for name, value in Consult(consult_id="c1").items() if name != "consult_id"}
    assert read(body(pulled), keyed, "c2").stated[0].key == "c2"
    assert read(body(Consult(consult_id="c1")), keyed, "c2").stated[0].key == "c1"
    assert read(body(NotifyRx(details__prescription_token="a")), keyed, "c2").stated[0].key == "a"
