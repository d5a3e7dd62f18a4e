"""Amounts of money, in integer cents. No float is made of any."""

from __future__ import annotations

import re
from decimal import Decimal

__all__ = ["cents_of", "dollars"]

_dollars = re.compile(r"\$?\s*([0-9]{1,9}|[0-9]{1,3}(?:,[0-9]{3}){1,2})?(?:\.([0-9]{0,6}))?").fullmatch


def cents_of(value: object) -> int | None:
    """An amount in dollars as cents; None for what is none, is negative, or has a part of a cent.

    Text such as "21.02" or "$1,021.02", an integer, or a number as JSON prints it, by its digits.
    """
    if type(value) is int:
        return value * 100 if 0 <= value < 10**9 else None
    # The shortest digits that give a float are those that the partner printed.
    found = _dollars(value.strip() if type(value) is str else repr(value) if type(value) is float else "")
    if found is None or not (found[1] or found[2]):
        return None
    whole, part = (found[1] or "0").replace(",", ""), (found[2] or "").ljust(2, "0")
    return int(whole) * 100 + int(part[:2]) if not part[2:].strip("0") else None


def dollars(cents: int) -> str:
    """Cents as dollars, exactly: 1700 is "17.00"."""
    return f"{Decimal(cents) / 100:.2f}"
