"""What records of the partner state, as written down by hand."""

from __future__ import annotations

import traceback
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from partners.envelopes import Envelope
from partners.reading import Reading, Stated, Unreadable
from partners.truepill.codes import meaning
from partners.truepill.envelopes import RESOURCE_OF, RESOURCES, envelopes, of_its_day
from partners.truepill.partner import PARTNER
from partners.truepill.records import RECORDS
from partners.truepill.snapshots import read
from statemachine import MACHINES, Line
from statemachine.model import is_snapshot
from tests.support.factories import PricedPrescription, RefusedPrescription
from tests.support.reading import keyed
from tests.support.records import (
    ConsultItem,
    CopayRecord,
    DirectRecord,
    FillRecord,
    ListedTransfer,
    Medication,
    RxRecord,
    TransferRecord,
    enveloped,
)

AT = 1_770_000_000
UPDATED = 1_769_940_000  # 2026-02-01T10:00:00Z
CANARY = "Jane Canary"


def reading(resource: str, answer: Any, of: str | None = None) -> Reading:
    return read(enveloped(resource, answer, at=AT, of=of), keyed)


def seen(resource: str, answer: Any, of: str | None = None) -> Stated:
    (one,) = reading(resource, answer, of).stated
    return one


def refusal(body: bytes) -> str:
    with pytest.raises(Unreadable) as raised:
        read(body, keyed)
    return raised.value.reason


def told(one: Stated) -> tuple[str, str | None, int]:
    return one.fact.signal.removeprefix("seen:"), one.fact.code, one.fact.occurred_at


@pytest.mark.parametrize(
    ("fields", "state", "code"),
    [
        ({}, "pending", None),
        ({"status": "Completed"}, "completed", None),
        ({"status": "pending", "triage_reason": "T005"}, "pending", None),
        ({"status": "pending", "triage_reason": "T005", "error_code": "R021"}, "pending", None),
        ({"status": "triage", "triage_reason": "T005"}, "triage", "T005"),
        ({"status": "triage", "error_code": "T001"}, "triage", "T001"),
        ({"status": "complete"}, "completed", None),
        ({"status": "completed", "error_code": "R3"}, "completed", None),
        ({"status": "rejected", "triage_reason": "T005"}, "rejected", None),
        ({"status": "rejected", "error_code": "R3"}, "rejected", "R3"),
        ({"status": "rejected", "error_code": "R5"}, "rejected", "R5"),
        ({"status": "rejected", "error_code": "r0"}, "cancelled", "r0"),
        ({"status": "rejected", "error_code": "R028"}, "unpaid", "R028"),
        ({"status": "cancelled", "error_code": "R028"}, "unpaid", "R028"),
        ({"status": "rejected", "error_code": "R4"}, "returned", "R4"),
        ({"status": "canceled", "error_code": "03"}, "cancelled", "03"),
        ({"status": "completed", "triage_reason": "left from before"}, "completed", None),
    ],
)
def test_the_record_of_a_fill_tells_its_order_and_not_its_parcel(
    fields: dict[str, str], state: str, code: str | None
) -> None:
    one = seen("fill_request", FillRecord(**fields, tracking_url="https://example.com/1"), "fill_request_1")
    assert (one.kind, one.key, told(one)) == ("fill_request", "fill_request_1", (state, code, AT))
    assert one.fact.lines == ()


def test_the_printed_record_of_a_fill_is_pending_whatever_else_is_filled_in() -> None:
    printed = FillRecord(
        error_code="R021",
        rejection_reason="Drug Interactions",
        triage_reason="Missing information",
        additional_triage_details="Need insurance information",
        carrier="fedex",
    )
    one = seen("fill_request", printed, "fill_request_cb619ca2e133d37daefc")
    assert told(one)[:2] == ("pending", None)
    assert one.detail["triage_reason"] == "Missing information"
    assert ("metadata", "cfe146") in one.links
    triaged = seen("fill_request", {**printed, "status": "triage"}, "fill_request_cb619ca2e133d37daefc")
    state, code, _ = told(triaged)
    assert (state, (code or "")[:1], len(code or "")) == ("triage", "#", 17)
    assert triaged.detail["code"] == "Missing information"


PRINTED_TRANSFER = TransferRecord(
    url_token="0b8341246895",
    status="completed",
    transfer_medications=[
        Medication(
            url_token="10cb9171ee0c",
            prescription={
                "medication_name": "Prednisone",
                "last_filled_date": "2019-05-23",
                "url_token": None,
            },
        )
    ],
)


def test_the_printed_transfer_is_found_by_its_token_alone() -> None:
    one = seen("transfer", [PRINTED_TRANSFER], "0b8341246895")
    assert (one.kind, one.key, one.aliases) == ("transfer", None, ("0b8341246895",))
    assert told(one) == ("completed", None, AT)
    assert one.fact.lines == (Line(0, "10cb9171ee0c", "transferred", None),)
    assert one.detail["lines"] == [{"name": "Prednisone", "last_filled_date": "2019-05-23"}]
    assert ("medication", "10cb9171ee0c") in one.links


def test_the_medications_of_a_transfer_tell_what_became_of_each() -> None:
    record = TransferRecord(
        status="completed",
        transfer_medications=[
            Medication(prescription={"url_token": "rx1"}),
            None,
            Medication(url_token="m2", rejection_reason="RX_EXPIRED"),
            Medication(url_token="m3"),
        ],
    )
    one = seen("transfer", record)
    assert one.fact.lines == (
        Line(0, "rx1", "transferred", None),
        Line(2, "m2", "rejected", "RX_EXPIRED"),
        Line(3, "m3", "unclear", None),
    )
    assert ("prescription", "rx1") in one.links


@pytest.mark.parametrize(
    ("fields", "state", "code"),
    [
        ({"status": "rejected", "cancel_reason": "PHARMACY_DECLINED"}, "rejected", "PHARMACY_DECLINED"),
        (
            {"status": "rejected", "cancel_reason": "PATIENT_CANCELLED_RX"},
            "cancelled",
            "PATIENT_CANCELLED_RX",
        ),
        ({"status": "cancelled"}, "cancelled", None),
        (
            {"status": "cancelled", "cancel_reason": "PHARMACY_NO_RESPONSE"},
            "rejected",
            "PHARMACY_NO_RESPONSE",
        ),
        ({"status": "pending"}, "pending", None),
    ],
)
def test_the_reason_of_a_transfers_end_says_whose_doing_it_was(
    fields: dict[str, str], state: str, code: str | None
) -> None:
    assert told(seen("transfer", TransferRecord(**fields))) == (state, code, AT)


def test_a_page_of_transfers_is_a_record_each_and_says_nothing_of_their_lines() -> None:
    page = [
        ListedTransfer(url_token="t1", status="rejected"),
        ListedTransfer(url_token="t2", status="completed"),
    ]
    found = envelopes("transfer", page, asked_at=AT)
    assert [one.id for one in found] == ["t1", "t2"]
    stated = [read(one.body, keyed).stated[0] for one in found]
    assert [(one.aliases, one.fact.signal, one.fact.lines) for one in stated] == [
        (("t1",), "seen:rejected", ()),
        (("t2",), "seen:completed", ()),
    ]
    assert envelopes("transfer", [], asked_at=AT) == []


def test_a_direct_transfer_is_dated_by_its_last_update() -> None:
    record = DirectRecord(
        request_id="k1", direct_transfer_token="d1", status="completed", prescription_token="rx1"
    )
    one = seen("direct_transfer", record, "d1")
    assert (one.key, one.aliases, told(one)) == ("k1", ("d1",), ("completed", None, UPDATED))
    assert one.fact.lines == (Line(0, "rx1", "transferred", None),)
    nameless = seen("direct_transfer", {**record, "request_id": None}, "d1")
    assert (nameless.key, nameless.aliases) == (None, ("d1",))


ANSWERED: tuple[str, None, list[Any], None] = ("completed", None, [], None)


@pytest.mark.parametrize(
    ("fields", "state", "code", "lines", "due"),
    [
        ({}, "pending", None, [], None),
        ({"triage_reason": "CT003"}, "pending", None, [], None),
        ({"status": "completed", "triage_reason": "CT003", "error_code": "PA_REQUIRED"}, *ANSWERED),
        ({"status": "triage", "triage_reason": "CT004"}, "triage", "CT004", [], None),
        ({"status": "rejected", "error_code": "PA_REQUIRED"}, "rejected", "PA_REQUIRED", [], None),
        (
            {"status": "rejected", "error_code": "CUSTOMER_CANCELLATION_REQUEST"},
            "cancelled",
            "CUSTOMER_CANCELLATION_REQUEST",
            [],
            None,
        ),
        (
            {
                "status": "completed",
                "prescriptions": [
                    PricedPrescription(prescription_token="rx1"),
                    RefusedPrescription(prescription_token="rx2", next_fill_date="2026-03-01"),
                ],
            },
            "completed",
            None,
            [("rx1", "completed"), ("rx2", "rejected")],
            1_772_323_200,
        ),
    ],
)
def test_the_record_of_a_copay(
    fields: dict[str, Any], state: str, code: str | None, lines: list[tuple[str, str]], due: int | None
) -> None:
    one = seen("copay_request", CopayRecord(request_id="c1", copay_request_token="a1", **fields), "c1")
    assert (one.kind, one.key, one.aliases) == ("copay", "c1", ("a1",))
    assert (told(one), one.fact.due) == ((state, code, UPDATED), due)
    assert [(line.token, line.status) for line in one.fact.lines] == lines


def test_only_a_list_of_consults_tells_where_they_stand() -> None:
    page = {"consults": [ConsultItem(id="c1", status="resolve"), ConsultItem(id="c2", status="completed")]}
    found = [read(one.body, keyed).stated[0] for one in envelopes("consult", page, asked_at=AT)]
    assert [(one.key, told(one)[0]) for one in found] == [("c1", "resolved"), ("c2", "completed")]
    single = {"id": "c1", "prescriptions": [{"id": "p1"}], "provider": {"npi": 1}}
    assert reading("consult", single, "c1").stated == ()


@pytest.mark.parametrize(
    ("fields", "state"),
    [
        ({}, "received"),
        ({"fillable": False, "current_rx_status_text": "Transferred"}, "unfillable"),
        ({"fillable": True, "current_rx_status_text": "Transferred"}, "received"),
        ({"fillable": None, "current_rx_status_text": "Transferred"}, "unfillable"),
        ({"fillable": None, "current_rx_status_text": "Active"}, "present"),
        ({"fillable": 1}, "received"),
        ({"fillable": "false"}, "unfillable"),
    ],
)
def test_a_prescription_is_seen_by_whether_it_can_be_filled(fields: dict[str, Any], state: str) -> None:
    record = RxRecord(prescription_token="rx1", **fields)
    single = seen("prescription", {"prescription": record}, "rx1")
    listed = seen("prescription", {"patient_token": "4526d90a", "prescriptions": [record]})
    assert single.fact == listed.fact
    assert (single.key, told(single)) == ("rx1", (state, None, AT))


@pytest.mark.parametrize(
    ("resource", "answer", "of", "reason"),
    [
        ("fill_request", FillRecord(status="on_the_moon"), "f1", "unknown_status"),
        ("fill_request", FillRecord(status=None), "f1", "missing_status"),
        ("consult", ConsultItem(id="c1", status="napping"), "c1", "unknown_status"),
        ("transfer", TransferRecord(url_token="t1"), "t2", "bad_key"),
        ("prescription", RxRecord(prescription_token="rx1"), "rx2", "bad_key"),
        ("fill_request", FillRecord(), None, "missing_key"),
        ("fill_request", FillRecord(), "no name", "bad_key"),
        ("direct_transfer", DirectRecord(direct_transfer_token="d", request_id="no name"), "d", "bad_key"),
        ("fill_request", "half a page", "f1", "bad_details"),
        ("transfer", [["t1"]], "t1", "bad_details"),
    ],
)
def test_a_record_that_cannot_be_read_is_kept_with_the_reason(
    resource: str, answer: Any, of: str | None, reason: str
) -> None:
    assert refusal(enveloped(resource, answer, at=AT, of=of)) == reason


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"{", "not_json"),
        (b"[]", "not_an_object"),
        (b'{"callback_type": "ORDER", "request_id": "f1", "status": "success"}', "missing_type"),
        (b'{"snapshot": "weather", "id": "f1", "content": {}}', "unknown_type"),
        (b'{"snapshot": ["transfer"], "id": "f1", "content": {}}', "unknown_type"),
        (b'{"snapshot": "fill_request", "id": "f1", "content": {"status": "pending"}}', "missing_time"),
    ],
)
def test_what_is_no_envelope_is_refused(body: bytes, reason: str) -> None:
    assert refusal(body) == reason


def test_words_that_no_contract_knows_are_told_by_name() -> None:
    with pytest.raises(Unreadable) as raised:
        reading("fill_request", FillRecord(status="on_hold", surprise=CANARY), "f1")
    assert (raised.value.callback_type, set(raised.value.unseen)) == (
        "SNAPSHOT_FILL_REQUEST",
        {("field", "SNAPSHOT_FILL_REQUEST", "surprise"), ("code", "SNAPSHOT_FILL_REQUEST", "on_hold")},
    )
    live = reading("copay_request", CopayRecord(request_id="c1", anything="goes", error_code="NEWS"), "c1")
    assert live.unseen == (("code", "SNAPSHOT_COPAY_REQUEST", "NEWS"),)


def test_the_printed_records_hold_nothing_that_is_not_known() -> None:
    assert reading("fill_request", FillRecord(), "f1").unseen == ()
    assert reading("transfer", [PRINTED_TRANSFER]).unseen == ()
    assert reading("transfer", [ListedTransfer(status="rejected")]).unseen == ()
    assert reading("prescription", RxRecord()).unseen == ()


def test_a_record_with_a_time_of_its_own_is_one_body_whenever_it_is_read() -> None:
    record = CopayRecord(request_id="c1")
    early, late = (enveloped("copay_request", record, at=AT + n, of="c1") for n in (0, 60))
    assert early == late == enveloped("copay_request", dict(reversed(record.items())), at=AT, of="c1")
    fill = FillRecord()
    first, second = (enveloped("fill_request", fill, at=AT + n, of="f1") for n in (0, 60))
    assert first != second
    assert of_its_day(Envelope("f1", first)) == of_its_day(Envelope("f1", second))
    assert told(seen("copay_request", {**record, "updated_at": "soon"}, "c1"))[2] == AT


def test_every_kind_whose_page_knows_snapshots_has_a_resource() -> None:
    kinds = {kind for kind in PARTNER.kinds if any(map(is_snapshot, MACHINES[kind].rank))}
    assert set(RESOURCE_OF) == kinds
    for kind, resource in RESOURCE_OF.items():
        words = set(RECORDS[resource].states.values()) or {"present", "received", "unfillable"}
        words |= {"unpaid"} if kind == "fill_request" else set()
        assert {f"seen:{word}" for word in words} == set(filter(is_snapshot, MACHINES[kind].rank))


def test_codes_of_snapshots_are_explained_by_the_tables_of_their_kind() -> None:
    assert meaning("fill_request", "seen:triage", "T005")
    assert meaning("copay", "seen:triage", "CT003")
    assert meaning("transfer", "seen:rejected", "RX_EXPIRED")
    assert meaning("consult", "seen:rejected", "R3") is None


anything = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(max_size=4) | st.just(CANARY),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=6,
)
FIELDS = (
    "request_id",
    "id",
    "url_token",
    "direct_transfer_token",
    "prescription_token",
    "error_code",
    "triage_reason",
    "cancel_reason",
    "updated_at",
    "fillable",
    "current_rx_status_text",
    "prescriptions",
    "transfer_medications",
    "metadata",
)
WORDS = ["pending", "triage", "completed", "rejected", "cancelled", "review"]
record = st.fixed_dictionaries(
    {"status": st.sampled_from(WORDS) | anything}, optional=dict.fromkeys(FIELDS, anything)
)


def check_refusal(error: Unreadable) -> None:
    assert CANARY not in "".join(traceback.format_exception(error))
    assert error.__context__ is None


def check_stated(one: Stated) -> None:
    orjson.dumps(one.detail)
    assert one.key or one.aliases
    assert one.fact.signal in MACHINES[one.kind].rank
    clear = [one.key or "", one.fact.code or "", *one.aliases]
    clear += [f"{line.token}{line.status}{line.code}" for line in one.fact.lines]
    assert CANARY not in " ".join(clear)


@settings(deadline=None, derandomize=True, database=None, max_examples=150)
@given(
    resource=st.sampled_from(RESOURCES),
    answer=record | anything,
    of=st.none() | st.just("x1") | st.text(max_size=3),
)
def test_any_answer_is_read_or_refused_and_a_refusal_repeats_nothing(
    resource: str, answer: Any, of: str | None
) -> None:
    for one in envelopes(resource, answer, asked_at=AT, asked_for=of):
        try:
            stated = read(one.body, keyed).stated
        except Unreadable as error:
            check_refusal(error)
        else:
            for each in stated:
                check_stated(each)
