"""The claims of a fill's prescriptions, as facts of the fill."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import orjson
import pytest

from partners.reading import Unreadable
from partners.truepill.claim_records import ClaimsOf
from partners.truepill.envelopes import claims_envelope
from partners.truepill.snapshots import read
from tests.support.reading import keyed
from tests.support.records import ClaimRecord

AT = 1_770_000_000
FILL = "fill_request_1"


def claim(after: int, amount: float | str | None = 2.42, payer: str = "PRIMARY", **fields: Any) -> Any:
    """Billed after so many seconds; without an amount it was rejected."""
    at = datetime.fromtimestamp(AT + after, UTC).isoformat(timespec="milliseconds")
    if amount is None:
        fields = {"transaction_status": "REJECTED", "claim_reject_codes": ["70", "75"], **fields}
    told = {"patient_copay_amount": amount, "insurance_type": payer, "transmission_date": at, **fields}
    return dict(ClaimRecord(**told))


def reversal(after: int, payer: str = "PRIMARY", status: str = "APPROVED") -> Any:
    fields = {"transaction_code": "B2", "claim_type": "REVERSAL", "transaction_status": status}
    return claim(after, payer=payer, **fields)


def said(**claims: list[Any] | None) -> list[tuple[int, str, dict[str | None, str]]]:
    """(seconds, signal, status by token) of each fact that the claims of these prescriptions state."""
    body = claims_envelope(FILL, [ClaimsOf(token, 1, rows) for token, rows in claims.items()]).body
    reading = read(body, keyed)
    assert reading.callback_type == "SNAPSHOT_CLAIMS"
    assert all((one.kind, one.key) == ("fill_request", FILL) for one in reading.stated)
    return [
        (one.fact.occurred_at - AT, one.fact.signal, {line.token: line.status for line in one.fact.lines})
        for one in reading.stated
    ]


LAST_WORD = [
    ([claim(0, 2.42)], "claim:owed", "owed"),
    ([claim(0, "2.42", transaction_status="Approved")], "claim:owed", "owed"),
    ([claim(0, 0)], "claim:settled", "covered"),
    ([claim(0, None)], "claim:settled", "rejected"),
    # What is left over goes to the next payer, whose word is the last.
    ([claim(0, 30), claim(0, 0, "SECONDARY")], "claim:settled", "covered"),
    ([claim(0, 0, "SECONDARY"), claim(0, 30)], "claim:settled", "covered"),
    ([claim(0, 30), claim(0, 5, "SECONDARY"), claim(0, 0, "TERTIARY")], "claim:settled", "covered"),
    # One that rejects leaves it to the payer before.
    ([claim(0, 30), claim(0, None, "SECONDARY")], "claim:owed", "owed"),
    ([claim(0, None), claim(0, 5, "SECONDARY")], "claim:owed", "owed"),
    ([claim(0, None), claim(0, None, "SECONDARY")], "claim:settled", "rejected"),
    # Billed anew in the second of the reversal.
    ([claim(0, 30), reversal(0), claim(0, 12)], "claim:owed", "owed"),
    ([claim(0, 30), reversal(0)], "claim:reversed", "reversed"),
    # What was to be reversed stands as it was.
    ([claim(0, 30), reversal(0, status="REJECTED")], "claim:owed", "owed"),
]


@pytest.mark.parametrize(("rows", "signal", "status"), LAST_WORD)
def test_the_last_payers_word_says_what_a_prescription_leaves_to_pay(
    rows: list[Any], signal: str, status: str
) -> None:
    assert said(rx1=rows) == [(0, signal, {"rx1": status})]


def test_each_second_states_what_all_claims_up_to_it_come_to() -> None:
    rx1 = [claim(0, 0), reversal(300), claim(360, 12)]
    rx2 = [claim(60, 21.02), claim(120, 0, "SECONDARY")]
    assert said(rx1=rx1, rx2=rx2) == [
        (0, "claim:settled", {"rx1": "covered"}),
        (60, "claim:owed", {"rx1": "covered", "rx2": "owed"}),
        (120, "claim:settled", {"rx1": "covered", "rx2": "covered"}),
        (300, "claim:reversed", {"rx1": "reversed", "rx2": "covered"}),
        (360, "claim:owed", {"rx1": "owed", "rx2": "covered"}),
    ]


def test_a_reversal_settles_nothing_as_long_as_another_line_owes() -> None:
    assert said(rx1=[claim(0), reversal(60)], rx2=[claim(0)])[-1] == (
        60,
        "claim:owed",
        {"rx1": "reversed", "rx2": "owed"},
    )


def test_a_reversed_second_payer_leaves_what_the_first_one_said() -> None:
    rows = [claim(0, 30), claim(0, 0, "SECONDARY"), reversal(60, "SECONDARY")]
    assert [one[:2] for one in said(rx1=rows)] == [(0, "claim:settled"), (60, "claim:owed")]


def test_that_nothing_is_owed_is_believed_only_when_every_line_says_so() -> None:
    assert said(rx1=[claim(0, 0)], rx2=[claim(0, None, transaction_status="CAPTURED")]) == []
    assert said(rx1=[claim(0, 5)], rx2=[claim(0, None, transaction_status="CAPTURED")]) == [
        (0, "claim:owed", {"rx1": "owed", "rx2": "unclear"})
    ]


def test_no_claims_state_nothing() -> None:
    assert said() == said(rx1=[]) == []


def test_the_first_reject_code_stands_with_its_line_whichever_form_the_list_has() -> None:
    for codes in (["70", "75"], [{"code": 70}, {"code": "75", "message": "Prior authorization"}]):
        body = claims_envelope(FILL, [ClaimsOf("rx1", 0, [claim(0, None, claim_reject_codes=codes)])]).body
        (one,) = read(body, keyed).stated
        assert [line.code for line in one.fact.lines] == ["70"]
        assert ("prescription", "rx1") in one.links


def test_a_claim_without_a_time_says_nothing_and_alone_it_cannot_be_read() -> None:
    assert said(rx1=[claim(0), claim(0, 0, transmission_date="soon")]) == [(0, "claim:owed", {"rx1": "owed"})]
    with pytest.raises(Unreadable) as raised:
        said(rx1=[claim(0, transmission_date=None)])
    assert (raised.value.reason, raised.value.callback_type) == ("bad_time", "SNAPSHOT_CLAIMS")


STRANGE = [
    ({"id": FILL, "content": []}, "bad_details"),
    ({"id": FILL, "content": {"claims": {}}}, "bad_details"),
    ({"id": FILL, "content": {"claims": [7]}}, "bad_details"),
    ({"id": FILL, "content": {"claims": [{"prescription_token": "a b", "claims": []}]}}, "bad_details"),
    ({"id": FILL, "content": {"claims": [{"prescription_token": "rx1"}]}}, "bad_details"),
    ({"id": FILL, "content": {"claims": [{"prescription_token": "rx1", "claims": {}}]}}, "bad_details"),
    (
        {"id": FILL, "content": {"claims": [{"prescription_token": "rx1", "claims": [7] * 2001}]}},
        "bad_details",
    ),
    ({"id": "Jane Canary", "content": {"claims": []}}, "bad_key"),
    ({"content": {"claims": []}}, "missing_key"),
]


@pytest.mark.parametrize(("envelope", "reason"), STRANGE)
def test_what_is_no_list_of_claims_is_kept_with_a_reason(envelope: dict[str, Any], reason: str) -> None:
    with pytest.raises(Unreadable) as raised:
        read(orjson.dumps({"snapshot": "claims", **envelope}), keyed)
    assert raised.value.reason == reason
    assert "Canary" not in str(raised.value)


def test_claims_that_stand_still_are_one_body_in_whatever_order_they_were_asked_for() -> None:
    one, two = ClaimsOf("rx1", 0, [claim(0)]), ClaimsOf("rx1", 1, [claim(5)])
    assert claims_envelope(FILL, [one, two]) == claims_envelope(FILL, [two, one])


@pytest.mark.parametrize("known", [[claim(0, 0)], [claim(0, None)], [claim(0), reversal(5)]])
def test_that_nothing_is_owed_is_not_said_while_a_prescriptions_claims_are_not_given(
    known: list[Any],
) -> None:
    told = said(rx1=known)
    assert {signal for _, signal, _ in told} & {"claim:settled", "claim:reversed"}
    assert {signal for _, signal, _ in said(rx1=known, rx2=None)} <= {"claim:owed"}
    assert [signal for _, signal, _ in said(rx1=[claim(0)], rx2=None)] == ["claim:owed"]
