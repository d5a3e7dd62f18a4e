"""How much of each prescription a fill's request asked for, and which lines of its success are short of it.

A request may ask for more than the insurer allows; then less is sent, and the order's success says how much
("Managing Refill Quantities"). What was asked for stands in the request alone.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from partners.fields import Json, amount, token
from partners.truepill.lines import entries
from statemachine.model import Fact

__all__ = ["SUCCESS", "asked_quantities", "shortened"]

#: What sums of printed quantities may differ by, being floats.
HAIR = 1e-6
#: The signal of the facts whose lines say how much was sent.
SUCCESS = "order:success"


def asked_quantities(kind: str, request: Json) -> dict[str, float]:
    """How much a fill's request asks for, by prescription token; empty where it does not say.

    Raises Unreadable bad_details for too many medications.
    """
    found: dict[str, float] = {}
    if kind == "fill_request":
        for _, item in entries(request.get("medications")):
            name, size = token(item.get("prescription_token")), amount(item.get("quantity"))
            if name is not None and size is not None and size > 0:
                found[name] = found.get(name, 0.0) + size
    return found


def shortened(fact: Fact, shown: Sequence[object], asked: Mapping[str, float]) -> Fact:
    """The fact, its filled lines short where less was sent of a prescription than was asked for.

    `shown` is the detail of each line, which has the quantity that was sent. One that says none counts as
    whole. Of a prescription that has several lines, their sum counts.
    """
    sent: dict[str, float | None] = {}
    for place, line in enumerate(fact.lines):
        if line.token is not None and line.token in asked and line.status == "filled":
            told = shown[place] if place < len(shown) else None
            size = amount(told.get("quantity")) if isinstance(told, dict) else None
            before = sent.get(line.token, 0.0)
            sent[line.token] = None if size is None or before is None else before + size
    short = {name for name, size in sent.items() if size is not None and size < asked[name] - HAIR}
    if not short:
        return fact
    return fact._replace(
        lines=tuple(
            line._replace(status="short") if line.token in short and line.status == "filled" else line
            for line in fact.lines
        )
    )
