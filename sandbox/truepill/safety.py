"""Searches for patient safety: "Search Drugs, Conditions, and Allergies", 50 entries at most.

As the samples' results show, a name need not hold the keyword: names that share two neighbouring letters with
one of its words are found too, the nearest first.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from pydantic import RootModel

from sandbox.endpoint import Call, Endpoint, Query, Text
from sandbox.engine import Turn
from sandbox.truepill.vocabulary import ALLERGENS, CONDITIONS, MEDICATIONS

__all__ = ["ENDPOINTS", "search"]

MOST = 50


class SafetyQuery(Query):
    keyword: Text


class Names(RootModel[list[str]]):
    pass


def search(names: Sequence[str], keyword: str) -> list[str]:
    """The nearest names: those that hold the keyword, then those that share most of its pairs of letters."""
    wanted, pairs = keyword.strip().casefold(), _pairs(keyword)
    ranked = []
    for name in names:
        holds = bool(wanted) and wanted in name.casefold()
        own = _pairs(name)
        shared = len(pairs & own)
        if holds or shared:
            ranked.append((not holds, -shared, len(own), name))
    return [name for *_, name in sorted(ranked)[:MOST]]


def _pairs(text: str) -> set[str]:
    return {word[at : at + 2] for word in text.casefold().split() for at in range(len(word) - 1)}


def _searching(names: Sequence[str]) -> Callable[[Turn, Call], list[str]]:
    def handle(_: Turn, call: Call) -> list[str]:
        return search(names, call.query.keyword)

    return handle


ENDPOINTS = tuple(
    Endpoint(
        "GET",
        f"/v1/patient_safety/{what}",
        f"Search {what}",
        _searching(names),
        Names,
        query=SafetyQuery,
    )
    for what, names in (("allergies", ALLERGENS), ("conditions", CONDITIONS), ("medications", MEDICATIONS))
)
