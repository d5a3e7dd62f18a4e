"""What a person gives of a payment and its consent: as options, or in a file."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any

import typer

from ops.arguments.moments import parse_moment

if TYPE_CHECKING:
    from partners.truepill.payment_block import Given

__all__ = ["CONSENT", "given_in", "given_of"]

CONSENT = ("provided_by", "patient_name", "method", "date", "statement")
_TEXTS = ("cardholder_name", "transaction_date", "transaction_id", "last_four")
_OBJECTS = ("consent", "item")


def given_of(
    cardholder_name: str | None,
    transaction_date: datetime | None,
    transaction_id: str | None,
    last_four: str | None,
    consent: Mapping[str, str],
    items: Mapping[str, str],
) -> Given:
    """`consent` has fields of CONSENT, `items` a name by prescription token. Raises typer.BadParameter."""
    from partners.truepill.payment_block import Given

    when = consent.get("date")
    return Given(
        cardholder_name,
        transaction_date,
        transaction_id,
        last_four,
        consent.get("patient_name"),
        consent.get("provided_by"),
        consent.get("method"),
        None if when is None else parse_moment(when),
        consent.get("statement"),
        items,
    )


def given_in(document: Mapping[str, Any]) -> Given:
    """What a file gives, all of it text: `{"cardholder_name": …, "transaction_date": …, "transaction_id": …,
    "last_four": …, "consent": {FIELD: …}, "item": {TOKEN: NAME}}`, each of which may be missing.

    Raises typer.BadParameter, whose text repeats no value.
    """
    if unknown := document.keys() - {*_TEXTS, *_OBJECTS}:
        raise _bad(f"has {len(unknown)} fields that are none of {', '.join((*_TEXTS, *_OBJECTS))}")
    for name in _TEXTS:
        if not isinstance(document.get(name), str | None):
            raise _bad(f"wants text as {name}")
    for name in _OBJECTS:
        found = document.get(name, {})
        if not isinstance(found, dict) or not all(isinstance(value, str) for value in found.values()):
            raise _bad(f"wants an object of texts as {name}")
    consent = document.get("consent", {})
    if consent.keys() - set(CONSENT):
        raise _bad(f"wants fields of {', '.join(CONSENT)} in consent")
    when = document.get("transaction_date")
    return given_of(
        document.get("cardholder_name"),
        None if when is None else parse_moment(when),
        document.get("transaction_id"),
        document.get("last_four"),
        consent,
        document.get("item", {}),
    )


def _bad(text: str) -> typer.BadParameter:
    return typer.BadParameter(text, param_hint="--given")
