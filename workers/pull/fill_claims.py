"""The claims of an open fill, read by its prescriptions: the only substitute for a lost order claim."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import orjson

from partners.envelopes import Envelope
from partners.faults import Garbled, NotGranted
from partners.truepill.claim_records import ClaimsOf, transmitted_at
from partners.truepill.envelopes import claims_envelope
from store.pulls.claim_targets import claim_targets
from workers.pull.run import Run

__all__ = ["read_claims"]

SURFACE = "claims"
#: More prescriptions than most orders have; their claims are read within the lease of one record.
MOST = 8


def read_claims(
    run: Run, claims: Callable[[str, int], Any], key: str, refused: Callable[[NotGranted], None]
) -> Envelope | None:
    """The claims of the fill of this key; None where there are none, or none of its prescriptions is known.

    Claims from before it was first heard of are of another fill: they say nothing of this one. `refused`
    hears of each prescription whose claims are not given; what that one owes is then not known. Raises
    CallFailed, NotNow, and psycopg.Error.
    """
    targets = claim_targets(run.conn, run.tools.keyed_hash, key)
    if targets is None:
        return None
    since = int((targets.first_at + _behind(run)).timestamp())
    found: list[ClaimsOf] = []
    for place, (token, known) in enumerate(targets.fills):
        if place == MOST:
            found += [ClaimsOf(unread, number, None) for unread, number in targets.fills[MOST:]]
            break
        if run.over():  # what is not whole says nothing: it is read again when it is next due
            return None
        try:
            # By an order's count it is fill number `known`, by a copay's the one after.
            for number in (known, known + 1):
                rows = [row for row in _rows(claims, token, number) if _is_of(row, since)]
                found.append(ClaimsOf(token, number, rows))
        except NotGranted as failure:
            refused(failure)
            found.append(ClaimsOf(token, known, None))
    if not any(one.claims for one in found):
        return None
    try:
        return claims_envelope(key, [one for one in found if one.claims is None or one.claims])
    except orjson.JSONEncodeError:
        raise Garbled(SURFACE, "the answer is nested too deep", 200, again=False) from None


def _rows(claims: Callable[[str, int], Any], token: str, number: int) -> list[Any]:
    """The claims of one number; none where the token may stand in no URL."""
    try:
        answer = claims(token, number)
    except ValueError:
        return []
    if type(answer) is not list:
        raise NotGranted(SURFACE, "the answer is no list of claims", 200)
    return answer


def _is_of(row: object, since: int) -> bool:
    """Whether a claim may be of a fill that was heard of then. One without a time is kept, to be seen."""
    at = transmitted_at(row)
    return at is None or at >= since


def _behind(run: Run) -> timedelta:
    """By how much what we heard by our clock came earlier by the partner's, where that is behind."""
    return timedelta(seconds=min(0.0, run.skew()))
