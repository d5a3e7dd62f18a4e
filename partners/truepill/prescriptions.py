"""NOTIFY_RX: a prescription has arrived at the pharmacy, sometimes in the place of another one."""

from __future__ import annotations

from partners.fields import EMPTY, key_of, text, texts
from partners.reading import Stated
from partners.truepill.build_facts import Copy, stated

__all__ = ["notify_rx"]

TEXTS = ("medication_name", "prescriber", "location", "patient_token", "rx_link", "message", "metadata")
MERGED = ("merged_patients", "patient_token_duplicates")


def notify_rx(copy: Copy) -> tuple[Stated, ...]:
    """Its arrival is the state. With a transfer_prescription_token it is two facts: the token that it was
    known by is superseded, and the new one is received. Both are the body's own words, so neither is derived.

    A plain arrival tells nothing apart by a discriminator, so that a pushed and a pulled copy, which differ
    in nearly every text, are one fact. Raises Unreadable bad_key when the new token is no plain one.
    """
    details = copy.details or EMPTY
    detail = texts(details, TEXTS)
    for name in MERGED:
        if (value := details.get(name)) and (shown := text(value)):
            detail[name] = shown
    successor = details.get("transfer_prescription_token")
    if successor is None or successor in ("", copy.key):
        return (stated("prescription", copy, "rx:received", detail=detail),)
    new = copy._replace(key=key_of(successor))
    apart = [new.key]
    return (
        stated("prescription", copy, "rx:superseded", apart=apart, detail=detail),
        stated("prescription", new, "rx:received", apart=apart, detail=dict(detail)),
    )
