"""The loss ledger as a document: a row for each day and type, one for each type, and evidence. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from store.reports.loss import Delayed, DeliveryCount, FactCount, Lost, Recorded
from store.reports.unconfirmed import Flagged, Unconfirmed
from workers.reports.loss_days import type_of

__all__ = ["Found", "evidence", "report"]

NOTHING = "nothing"


@dataclass(frozen=True)
class Found:
    """What the ledger holds of a span."""

    counted: list[FactCount]
    delayed: list[Delayed]
    deliveries: list[DeliveryCount]
    unconfirmed: list[Unconfirmed]
    recorded: list[Recorded]


@dataclass
class _Row:
    pushed: int = 0
    pulled_only: int = 0
    both: int = 0
    unconfirmed: int = 0
    flagged: int = 0
    #: By way: how many came after so many seconds, and the longest.
    late: dict[str, Counter[int]] = field(default_factory=lambda: {"push": Counter(), "pull": Counter()})
    most: dict[str, int] = field(default_factory=dict)
    #: Of what was pulled only, and of both: how often the partner says what.
    says: dict[bool, Counter[str]] = field(default_factory=lambda: {False: Counter(), True: Counter()})

    def document(self) -> dict[str, Any]:
        return {
            "pushed": self.pushed,
            "pulled_only": self.pulled_only,
            "both": self.both,
            "unconfirmed": self.unconfirmed,
            "flagged": self.flagged,
            "push_delay": self._delay("push"),
            "pull_delay": self._delay("pull"),
            "partner_says": {"pulled_only": _sorted(self.says[False]), "both": _sorted(self._both_say())},
        }

    def _both_say(self) -> Counter[str]:
        """All that is not told otherwise counts as delivered: that is what was asked of the ledger."""
        others = self.says[True]
        rest = self.both - others.total()
        return others + Counter({"success": rest} if rest > 0 else {})

    def _delay(self, way: str) -> dict[str, int] | None:
        late = self.late[way]
        if not late:
            return None
        return {"median": _share(late, 0.5), "p95": _share(late, 0.95), "most": self.most[way]}


def _share(late: Counter[int], share: float) -> int:
    """The least number of seconds within which that share came."""
    wanted, so_far = share * late.total(), 0
    for seconds, number in sorted(late.items()):
        so_far += number
        if so_far >= wanted:
            return seconds
    raise AssertionError("all of them are the whole")


def _sorted(says: Counter[str]) -> dict[str, int]:
    return dict(sorted(says.items()))


def report(found: Found) -> dict[str, Any]:
    """`days`: by day and type; `types`: by type, all days together; `records`: what records alone say."""
    days: dict[tuple[date, str], _Row] = {}
    types: dict[str, _Row] = {}

    def rows(day: date, family: str) -> Iterable[_Row]:
        name = type_of(family)
        return days.setdefault((day, name), _Row()), types.setdefault(name, _Row())

    for counted in found.counted:
        for row in rows(counted.day, counted.family):
            row.pushed += counted.number if counted.pushed else 0
            row.pulled_only += 0 if counted.pushed else counted.number
            row.both += counted.number if counted.pushed and counted.pulled else 0
    for delayed in found.delayed:
        for row in rows(delayed.day, delayed.family):
            row.late[delayed.way][delayed.seconds] += delayed.number
            row.most[delayed.way] = max(row.most.get(delayed.way, 0), delayed.most)
    for delivery in found.deliveries:
        for row in rows(delivery.day, delivery.family):
            row.says[delivery.pushed][_said(delivery.status, delivery.status_code)] += delivery.number
    for alone in found.unconfirmed:
        for row in rows(alone.day, alone.family):
            row.unconfirmed += alone.number
            row.flagged += alone.flagged
    return {
        "days": [{"day": day, "type": name, **row.document()} for (day, name), row in sorted(days.items())],
        "types": [{"type": name, **row.document()} for name, row in sorted(types.items())],
        "records": [{"kind": one.kind, "day": one.day, "seen": one.number} for one in found.recorded],
    }


def _said(status: str | None, code: int | None) -> str:
    """Such as `success 200`; `nothing` where the partner gave neither."""
    return " ".join(str(part) for part in (status, code) if part is not None) or NOTHING


def evidence(lost: Iterable[Lost], flagged: Iterable[Flagged]) -> dict[str, Any]:
    """For the partner: ids and times of what it did not push, and of what it has to say whether it did."""
    return {
        "never_pushed": [
            {
                "type": type_of(one.family),
                "kind": one.kind,
                "id": one.key,
                "occurred_at": one.occurred_at,
                "pulled_at": one.pulled_at,
                "delivery": {"status": one.status, "status_code": one.status_code},
                "event": one.event.hex,
            }
            for one in lost
        ],
        "pushed_and_not_given": [
            {
                "type": type_of(one.family),
                "kind": one.kind,
                "id": one.key,
                "occurred_at": one.occurred_at,
                "received_at": one.pushed_at,
                "event": one.event.hex,
            }
            for one in flagged
        ],
    }
