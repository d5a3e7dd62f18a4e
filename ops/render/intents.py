"""Why something that went out is in doubt, and what a person can do about it."""

from __future__ import annotations

from collections.abc import Mapping

from store.payments.intents import Intent, What

__all__ = ["why_unsettled"]

_WENT_OUT: Mapping[What, str] = {
    "payment_block": "the create that carries its payment",
    "checkout": "its checkout session",
    "checkout_patient": "the patient of a checkout",
    "checkout_prescription": "a prescription of its checkout",
}
#: HealNow lists these: the next run of the command finds them, or makes them.
_LISTED = frozenset({"checkout_patient", "checkout_prescription"})


def why_unsettled(intent: Intent) -> str:
    """One sentence: what was sent, what was heard, what to do."""
    what = intent.subject.what
    if intent.code == "late":
        key = intent.answer_id or "KEY"
        return (
            f"{_WENT_OUT[what]} was taken as {key}, which was heard after it had been settled otherwise:"
            " where the partner has two, have one undone there; "
            f"`rxledger payment settle {intent.id} --seen {key}` if this one stands, `--not-seen` if not,"
            " with --reason"
        )
    heard = intent.code or "no_answer"
    todo = "`rxledger checkout` looks it up and goes on, or " if what in _LISTED else "ask the partner, then "
    return (
        f"{_WENT_OUT[what]} was sent, and may have been taken ({heard}): {todo}"
        f"`rxledger payment settle {intent.id} --seen KEY` or `--not-seen`, with --reason"
    )
