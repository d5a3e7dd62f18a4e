"""The create of a fill that carries a payment: the customer's fields, the blocks, the order before.

Without `reference_order` a create for the same prescriptions is a duplicate (R1); with it the order before is
cancelled as one whose payment came with another.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from partners.truepill.payment_block import Blocks

__all__ = ["BadRequest", "payment_create"]

#: What a create wants of an insurance fill ("Fill Request Body Fields").
REQUIRED = (
    "patient_token",
    "patient_payment_type",
    "insurances",
    "address_to_name",
    "address_to_street1",
    "address_to_city",
    "address_to_state",
    "address_to_zip",
    "address_to_phone",
)
#: These are ours to say.
OURS = ("copay_payment", "patient_consent")


class BadRequest(Exception):
    """What is wrong with the fields that were given: `lines` name fields and prescriptions, never values."""

    def __init__(self, lines: Sequence[str]) -> None:
        super().__init__("\n".join(lines))
        self.lines = tuple(lines)


def payment_create(given: Mapping[str, Any], blocks: Sequence[Blocks], old: str) -> dict[str, Any]:
    """The body to send. `given` are the other fields, `old` is the request_id of the fill that waits.

    Medications may be given with what else is to be said of each (a quantity): then there is one for each
    block and no other. Raises BadRequest with all that is wrong.
    """
    wrong = [f"{name} is required" for name in REQUIRED if given.get(name) in (None, "", [], {})]
    if "patient_survey" not in given:
        wrong.append("patient_survey is required")
    if given.get("patient_payment_type") not in (None, "", "insurance"):
        wrong.append("patient_payment_type has to be insurance: a claim asks for this payment")
    if given.get("reference_order") not in (None, "", old):
        wrong.append("reference_order names another fill: it is the one whose payment is carried")
    if given.get("replacement_order") not in (None, ""):
        wrong.append("replacement_order: a fill that carries a payment refers to the one before instead")
    medications, found = _medications(given.get("medications"), blocks)
    wrong += found
    if wrong:
        raise BadRequest(wrong)
    return {**given, "reference_order": old, "medications": medications}


def _medications(given: Any, blocks: Sequence[Blocks]) -> tuple[list[dict[str, Any]], list[str]]:
    ours = [block.plain() for block in blocks]
    if given is None or given == []:
        return ours, []
    if not isinstance(given, list) or not all(isinstance(one, dict) for one in given):
        return [], ["medications has to be a list of objects"]
    wrong = [f"medications: {name} is ours to say" for name in OURS if any(name in one for one in given)]
    tokens = [one.get("prescription_token") for one in given]
    # By token and by how often it stands: two lines may share one.
    if sorted(map(str, tokens)) != sorted(block.token for block in blocks):
        wrong.append("medications are not the prescriptions of the fill that waits")
    if wrong:
        return [], wrong
    left = list(ours)
    joined = []
    for one in given:
        block = next(each for each in left if each["prescription_token"] == str(one["prescription_token"]))
        left.remove(block)
        joined.append({**one, **block})
    return joined, []
