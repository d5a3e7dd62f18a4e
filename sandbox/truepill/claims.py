"""Insurance claims: "Get Insurance Claim Details", and how copay requests and insurance fills make them.

Readings: fills are counted from 1, as a COPAY's `fill_number` does (an ORDER's counts from "0"); a reversal
writes the group as `group` and a billing claim as `group_number`, each as printed; what is not known, a
prescription of somebody else included, has no claims.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

from pydantic import RootModel

from sandbox.endpoint import Answer, Call, Endpoint
from sandbox.engine import Turn
from sandbox.ids import chance
from sandbox.moments import iso
from sandbox.truepill.errors import invalid
from sandbox.world import Record

__all__ = ["ENDPOINTS", "ask", "bill", "bill_order", "next_fill", "price", "reverse"]

PLACES = ("PRIMARY", "SECONDARY", "TERTIARY")
PAYOR = "Example Health Plan"
DEAREST = 6000
LARGEST_NUMBER = 9


class ClaimInsurance(Answer):
    bin: str | None
    pcn: str | None
    cardholder_id: str | None


class ClaimDocument(Answer):
    patient_copay_amount: float | None
    transaction_code: str
    transaction_status: str
    claim_type: str
    transmission_date: str
    insurance_type: str
    insurance: ClaimInsurance
    payor: str
    payor_adjudication_amount: float | None


class Claims(RootModel[list[ClaimDocument]]):
    pass


def next_fill(prescription: Record | None) -> int:
    """The number of the fill that comes next, from 1."""
    return int(prescription.document["num_refills_filled"]) + 1 if prescription else 1


def price(turn: Turn, prescription_token: str) -> Decimal:
    """What a patient pays for a prescription, in dollars: always the same for one prescription."""
    return Decimal(int(chance(turn.ids.seed, "price", prescription_token) * DEAREST)) / 100


def bill(
    turn: Turn,
    request: Record,
    prescription_token: str,
    number: int,
    insurances: Sequence[Mapping[str, Any]],
    amounts: Sequence[Decimal] = (),
    codes: Sequence[str] = (),
) -> None:
    """Keep the claims of a prescription's fill of this number, one for each insurance.

    They are paid with these amounts, one for each insurance, or else rejected with these codes.
    """
    for place, insurance in enumerate(insurances):
        amount = float(amounts[place]) if amounts else None
        told = {
            "patient_copay_amount": amount,
            "transaction_code": "B1",
            "transaction_status": "REJECTED" if amount is None else "PAID",
            "claim_type": "BILLING",
            "transmission_date": iso(turn.now),
            "insurance_type": PLACES[min(place, len(PLACES) - 1)],
            "insurance": {
                "group_number": insurance.get("rx_group"),
                "bin": insurance.get("rx_bin"),
                "pcn": insurance.get("pcn"),
                "cardholder_id": insurance.get("cardholder_id"),
            },
            "payor": insurance.get("payer_name") or PAYOR,
            "payor_adjudication_amount": None
            if amount is None
            else float(price(turn, f"payor {prescription_token}")),
        }
        if amount is None:
            told["claim_reject_codes"] = list(codes)
        _keep(turn, request, f"{prescription_token}/{number}", told)


def ask(turn: Turn, fill: Record) -> bool:
    """Find what an insurance fill leaves for the patient to pay: its Order Claim will say so.

    Nobody can be asked where no insurance is on file and none is described: then False, nothing is found.
    """
    if not any(_card(turn, row) for row in fill.document["request"]["insurances"]):
        return False
    for line in fill.document["lines"]:
        line["claim"]["copay_amount"] = f"{price(turn, line['prescription_token']):.2f}"
    turn.save(fill)
    return True


def bill_order(turn: Turn, fill: Record) -> None:
    """Keep the claims of an insurance fill, as its Order Claim tells them."""
    named = fill.document["request"]["insurances"][: len(PLACES)]
    insurances = [card for row in named if (card := _card(turn, row))]
    for line in fill.document["lines"]:
        claim, token = line["claim"], line["prescription_token"]
        number = next_fill(turn.own("prescription", token))
        if claim.get("error_code"):
            bill(turn, fill, token, number, insurances, codes=[claim["error_code"]])
        elif claim.get("copay_amount") is not None:
            amounts = [Decimal(str(claim["copay_amount"]))] * len(insurances)
            bill(turn, fill, token, number, insurances, amounts)


def _card(turn: Turn, named: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """A fill names an insurance by its token, or says what stands on its card."""
    known = turn.own("insurance", named.get("insurance_token") or "")
    if known:
        return known.document
    return named if named.get("cardholder_id") and named.get("rx_bin") else None


def reverse(turn: Turn, request: Record) -> None:
    """Take back what was paid for this request."""
    for claim in turn.world.owned(request.environment, "claim", request.token):
        told = claim.document["told"]
        if told["transaction_status"] != "PAID" or claim.document["reversed"]:
            continue
        claim.document["reversed"] = True
        turn.save(claim)
        insurance = {**told["insurance"], "group": told["insurance"]["group_number"]}
        del insurance["group_number"]
        reversal = {
            **told,
            "transaction_code": "B2",
            "transaction_status": "APPROVED",
            "claim_type": "REVERSAL",
            "transmission_date": iso(turn.now),
            "insurance": insurance,
        }
        _keep(turn, request, claim.look, reversal)


def _keep(turn: Turn, request: Record, look: str, told: dict[str, Any]) -> None:
    document = {"told": told, "reversed": False}
    turn.create("claim", turn.ids.hex(16), document, owner=request.token, look=look)


def _list(turn: Turn, call: Call) -> list[dict[str, Any]]:
    number = call.path["fill_number"]
    if not (number.isascii() and number.isdecimal() and len(number) <= LARGEST_NUMBER):
        raise invalid(("fill_number", "must be a number"))
    prescription = turn.own("prescription", call.path["prescription_token"])
    if prescription is None:
        return []
    look = f"{prescription.token}/{int(number)}"
    return [row.document["told"] for row in turn.world.look(prescription.environment, "claim", look)]


ENDPOINTS = (
    Endpoint(
        "GET",
        "/v1/prescription/{prescription_token}/fill/{fill_number}/claims",
        "Get the claims of a fill",
        _list,
        Claims,
    ),
)
