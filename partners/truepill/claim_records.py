"""The claims of a fill's prescriptions, as the partner keeps them ("Get Insurance Claim Details"). Pure.

They stand in for an order claim that was lost, and say what nothing else does: that a claim was reversed.
Each has its own time, so what they state is dated by that.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby
from operator import attrgetter
from typing import Literal, NamedTuple

from partners.fields import Hash, Json, date, key_of, label, name, text
from partners.reading import Reading, Stated, Unreadable
from partners.truepill.build_facts import Copy, stated
from partners.truepill.lines import Lines, Made, gathered, made
from partners.truepill.orders import FILL, SHOWN, TOKENS
from statemachine.balance import cents

__all__ = ["CALLBACK_TYPE", "RESOURCE", "ClaimsOf", "claims", "transmitted_at"]

RESOURCE = "claims"
CALLBACK_TYPE = "SNAPSHOT_CLAIMS"
#: Payers in the order in which they are billed.
PAYERS = ("PRIMARY", "SECONDARY", "TERTIARY")
MOST = 2000

Status = Literal["owed", "covered", "rejected", "reversed", "unclear"]


class ClaimsOf(NamedTuple):
    """What was answered for one prescription and one number of a fill of it; None where it was not given."""

    prescription_token: str
    fill_number: int
    claims: Sequence[object] | None


class _Claim(NamedTuple):
    at: int
    token: str
    payer: int
    reverses: bool
    status: Status
    amount: object
    code: str | None


class _Line:
    """A prescription's claims so far: what each payer said last."""

    def __init__(self) -> None:
        self.payers: dict[int, _Claim] = {}

    def add(self, claim: _Claim) -> None:
        if not claim.reverses:
            self.payers[claim.payer] = claim
            return
        if claim.status == "rejected":  # what was to be reversed stands as it was
            return
        # Later payers were billed for what the reversed one left.
        self.payers = {payer: one for payer, one in self.payers.items() if payer < claim.payer}

    def stands(self) -> tuple[Status, _Claim | None]:
        """What is owed by the last payer's word; one that rejected leaves it to the payer before."""
        last = None
        for _, claim in sorted(self.payers.items()):
            if last is None or claim.status != "rejected":
                last = claim
        return ("reversed", None) if last is None else (last.status, last)


def claims(envelope: Json, hash: Hash) -> Reading:
    """At the second of each transmission, whether the fill owes anything after it.

    `claim:owed` where a line does; else `claim:reversed` where a claim was reversed then, and `claim:settled`
    where every line says that it owes nothing. Neither is said while the claims of one prescription are not
    known, since that one may owe. A claim whose time cannot be read says nothing as long as
    another's can. Raises Unreadable bad_details, bad_time, bad_key, missing_key.
    """
    content = envelope.get("content")
    if type(content) is not dict:
        raise Unreadable("bad_details", CALLBACK_TYPE)
    try:
        key = key_of(envelope.get("id") or None)
        tokens, found, whole = _claims(content)
    except Unreadable as error:
        error.callback_type = CALLBACK_TYPE
        raise
    copy = Copy(content, content, key, 0, hash)
    return Reading(CALLBACK_TYPE, tuple(_stated(copy, tokens, found, whole=whole)))


def transmitted_at(claim: object) -> int | None:
    """When a claim was transmitted, in seconds of Unix time; None where that cannot be read."""
    return date(claim.get("transmission_date")) if type(claim) is dict else None


def _claims(content: Json) -> tuple[list[str], list[_Claim], bool]:
    """The tokens in their order, and their claims by time, those of one second as they were printed; and
    whether those of all of them are known.
    """
    listed = content.get("claims")
    if type(listed) is not list:
        raise Unreadable("bad_details")
    found: list[_Claim] = []
    tokens: dict[str, None] = {}
    total, whole = 0, True
    for one in listed:
        token = name(one.get("prescription_token")) if type(one) is dict else None
        rows = one.get("claims", "") if type(one) is dict else ""
        if token is None or not (rows is None or type(rows) is list):
            raise Unreadable("bad_details")
        if rows is None:
            whole = False
            continue
        tokens[token] = None
        total += len(rows)
        if total > MOST:
            raise Unreadable("bad_details")
        found += [_claim(token, row, at) for row in rows if (at := transmitted_at(row)) is not None]
    if total and not found:
        raise Unreadable("bad_time")
    return list(tokens), sorted(found, key=attrgetter("at")), whole


def _claim(token: str, row: Json, at: int) -> _Claim:
    payer, said = label(row.get("insurance_type")), label(row.get("transaction_status"))
    reverses = label(row.get("claim_type")) == "REVERSAL" or label(row.get("transaction_code")) == "B2"
    place = PAYERS.index(payer) if payer in PAYERS else 0
    size = cents(text(row.get("patient_copay_amount")))
    status: Status = "unclear"
    if said == "REJECTED":
        status = "rejected"
    elif said in ("PAID", "APPROVED") and size is not None:
        status = "owed" if size > 0 else "covered"
    codes = row.get("claim_reject_codes")
    code = _first_code(codes) if status == "rejected" and type(codes) is list else None
    return _Claim(at, token, place, reverses, status, row.get("patient_copay_amount"), code)


def _first_code(codes: Iterable[object]) -> str | None:
    """The first code of a list of codes, or of objects that have one, as elsewhere ("Reject Code")."""
    for one in codes:
        if found := text(one.get("code") if type(one) is dict else one):
            return found
    return None


def _stated(copy: Copy, tokens: Sequence[str], found: Sequence[_Claim], *, whole: bool) -> Iterator[Stated]:
    so_far: dict[str, _Line] = {}
    for at, together in groupby(found, key=attrgetter("at")):
        reversed_now = False
        for claim in together:
            so_far.setdefault(claim.token, _Line()).add(claim)
            reversed_now = reversed_now or (claim.reverses and claim.status != "rejected")
        stands = {token: so_far[token].stands() for token in tokens if token in so_far}
        signal = _signal({status for status, _ in stands.values()}, reversed_now)
        if signal is not None and (whole or signal == "claim:owed"):
            lines = _lines(tokens, stands, copy.hash)
            yield stated(FILL, copy._replace(at=at), signal, lines=lines, detail={})


def _signal(statuses: set[Status], reversed_now: bool) -> str | None:
    """As an order claim is read: one line that owes is enough, that nothing is owed every line has to say."""
    if "owed" in statuses:
        return "claim:owed"
    if reversed_now:
        return "claim:reversed"
    return None if "unclear" in statuses else "claim:settled"


def _lines(tokens: Sequence[str], stands: dict[str, tuple[Status, _Claim | None]], hash: Hash) -> Lines:
    return gathered(
        _line(position, token, *stands[token], hash)
        for position, token in enumerate(tokens)
        if token in stands
    )


def _line(position: int, token: str, status: Status, claim: _Claim | None, hash: Hash) -> Made:
    item = {"prescription_token": token}
    if claim is not None and claim.amount is not None:
        item["copay_amount"] = text(claim.amount) or ""
    code = None if claim is None else claim.code
    return made(position, item, status, hash, tokens=TOKENS, shown=SHOWN, code=code)
