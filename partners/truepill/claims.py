"""The order claim: what each medication of an insurance fill costs the patient.

No printed sample of this callback exists. The amounts are described as standing per medication, in the order
of the request, so a list of claims beside an equally long list of medications is read in step.
"""

from __future__ import annotations

from partners.fields import EMPTY, Hash, Json, first_text, text, texts
from partners.reading import Stated, Unreadable
from partners.truepill.build_facts import Copy, named_status, stated
from partners.truepill.lines import REASONS, Lines, entries, gathered, made
from partners.truepill.orders import FILL, SHOWN, TOKENS
from statemachine.balance import cents

__all__ = ["order_claim"]

CLAIM_TEXTS = ("message", "description", "metadata", "patient_token")
AMOUNTS = ("copay_amount", "patient_copay_amount")
REASONS_OF_A_CLAIM = ("error_message", *REASONS)


def order_claim(copy: Copy) -> tuple[Stated, ...]:
    """Owed when any line owes. That nothing is owed is believed only when every line says so."""
    named_status(copy, "success", "error")  # no status is described: any that is known is as good as none
    details = copy.details or EMPTY
    lines = _lines(details, copy.hash)
    statuses = {line.status for line in lines.lines}
    if "owed" not in statuses and (not statuses or "unclear" in statuses):
        raise Unreadable("bad_details")
    signal = "claim:owed" if "owed" in statuses else "claim:settled"
    return (stated(FILL, copy, signal, lines=lines, detail=texts(details, CLAIM_TEXTS)),)


def _lines(details: Json, hash: Hash) -> Lines:
    """What each medication owes: owed, covered, rejected, or unclear."""
    lines = []
    for position, item in entries(_claims(details)):
        status = _owes(item)
        covered = status == "covered"
        lines.append(
            made(
                position,
                item,
                status,
                hash,
                tokens=TOKENS,
                shown=SHOWN,
                code=None if covered else text(item.get("error_code")),
                reason=None if covered else first_text(item, REASONS_OF_A_CLAIM),
            )
        )
    return gathered(lines)


def _claims(details: Json) -> object:
    medications, claims = details.get("medications"), details.get("claims")
    if not isinstance(claims, list) or not claims:
        return medications
    if not isinstance(medications, list) or len(medications) != len(claims):
        return claims
    pairs = zip(medications, claims, strict=True)
    return [{**m, **c} if type(m) is dict and type(c) is dict else c for m, c in pairs]


def _owes(item: Json) -> str:
    """An amount that is owed counts even beside an error: waiting for a payment is what runs out."""
    size = next((cents(text(item[name])) for name in AMOUNTS if item.get(name) is not None), None)
    if size is not None and size > 0:
        return "owed"
    if item.get("error_code"):
        return "rejected"
    return "unclear" if size is None else "covered"
