"""Why a registered request is not joined with its callbacks, and what a person does about it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import psycopg

from partners.truepill.answers import JOINED_BY
from store.reports.unjoined import Unjoined, unjoined

__all__ = ["all_unjoined", "needs_a_person", "why_unjoined"]

SHOWN = 5


def all_unjoined(conn: psycopg.Connection[Any], kind: str | None) -> dict[tuple[str, str], Unjoined]:
    """Those of a kind, or of all, by (kind, key). Raises psycopg.Error."""
    return {
        (one.kind, one.key): one
        for each, by in JOINED_BY.items()
        if kind in (None, each)
        for one in unjoined(conn, each, by)
    }


def needs_a_person(one: Unjoined) -> bool:
    """Whether its callbacks are there, and only somebody has to say which they are."""
    return bool(one.heard)


def why_unjoined(one: Unjoined) -> str:
    """A sentence with what to type."""
    if len(one.heard) > 1:
        return (
            f"its callbacks may be those of {_listed(one.heard)}, which carry the same names: "
            f"`rxledger track {one.kind} KEY --alias {one.key}` says of which"
        )
    if one.heard:
        return (
            f"the callbacks of {one.heard[0]} may be its own, or those of {_listed(one.rivals)}: "
            f"`rxledger track {one.kind} {one.heard[0]} --alias NAME` says whose"
        )
    return (
        f"it was registered without its {', '.join(one.missing)} token, by which its callbacks are known: "
        "register it again with --answer FILE"
    )


def _listed(keys: Sequence[str]) -> str:
    more = f" and {len(keys) - SHOWN} more" if len(keys) > SHOWN else ""
    return ", ".join(keys[:SHOWN]) + more
