"""HealNow's callbacks and records, as they come into a ledger."""

from __future__ import annotations

from typing import Any

from partners.healnow.envelopes import envelope

__all__ = ["HEALNOW", "callback", "order", "prescription", "record"]

#: How an arrival of theirs differs from the pharmacy's.
HEALNOW: dict[str, Any] = {"partner": "healnow", "timeless": True}


def callback(status: str, /, **data: Any) -> dict[str, Any]:
    """One that speaks of a prescription by these fields."""
    return {"type": f"prescription::{status}", "data": {"amount_in_cents": 1299, **data}}


def prescription(id: str, status: str = "pending", **given: Any) -> dict[str, Any]:
    return {"id": id, "status": status, "price_in_cents": 1299, "qty": 30, **given}


def order(id: str, *items: dict[str, Any], **given: Any) -> dict[str, Any]:
    return {"id": id, "status": "paid", "patient": {"id": "patient1"}, "items": list(items), **given}


def record(resource: str, content: dict[str, Any], **asked: Any) -> bytes:
    """A record as it is stored; it comes by `via="snapshot"`."""
    return envelope(resource, content, **asked).body
