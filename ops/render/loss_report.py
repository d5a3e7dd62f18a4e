"""The loss ledger as a document: a row for each day and type, one for each type, and evidence. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from store.reports.loss import Delayed, DeliveryCount, Lost, Recorded
from store.reports.recorded import PushedAlone, UntoldEach
from store.reports.unconfirmed import Flagged
from workers.reports.callback_types import CallbackTypes, Named

__all__ = ["Found", "evidence", "report"]

NOTHING = "nothing"


@dataclass(frozen=True)
class Found:
    """What the ledger holds of a span; `wanted` are the types that are told, None for all.

    `counted` has what COUNTS of `store.reports.loss_days` names, by day and type.
    """

    types: CallbackTypes
    wanted: Collection[Named] | None
    counted: Mapping[tuple[date, Named], Counter[str]]
    delayed: list[Delayed]
    deliveries: list[DeliveryCount]
    recorded: list[Recorded]

    def named(self, family: str, partner: str | None = None) -> Named | None:
        """As `CallbackTypes.named`; None too for what is not wanted."""
        found = self.types.named(family, partner)
        return found if found is not None and (self.wanted is None or found in self.wanted) else None


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
    days: dict[tuple[date, Named], _Row] = {}
    types: dict[Named, _Row] = {}

    def rows(day: date, name: Named | None) -> Iterable[_Row]:
        if name is None:
            return ()
        return days.setdefault((day, name), _Row()), types.setdefault(name, _Row())

    for (day, name), counted in found.counted.items():
        if found.wanted is not None and name not in found.wanted:
            continue
        for row in rows(day, name):
            row.pushed += counted["pushed"]
            row.pulled_only += counted["pulled_only"]
            row.both += counted["both_ways"]
            row.unconfirmed += counted["unconfirmed"]
            row.flagged += counted["flagged"]
    for delayed in found.delayed:
        for row in rows(delayed.day, found.named(delayed.family, delayed.partner)):
            row.late[delayed.way][delayed.seconds] += delayed.number
            row.most[delayed.way] = max(row.most.get(delayed.way, 0), delayed.most)
    for delivery in found.deliveries:
        for row in rows(delivery.day, found.named(delivery.family, delivery.partner)):
            row.says[delivery.pushed][_said(delivery.status, delivery.status_code)] += delivery.number
    return {
        "days": [
            {"day": day, "partner": name.partner, "type": name.callback_type, **row.document()}
            for (day, name), row in sorted(days.items())
        ],
        "types": [
            {"partner": name.partner, "type": name.callback_type, **row.document()}
            for name, row in sorted(types.items())
        ],
        "records": [{"kind": one.kind, "day": one.day, "seen": one.number} for one in found.recorded],
    }


def _said(status: str | None, code: int | None) -> str:
    """Such as `success 200`; `nothing` where the partner gave neither."""
    return " ".join(str(part) for part in (status, code) if part is not None) or NOTHING


def evidence(
    found: Found,
    lost: Iterable[Lost],
    flagged: Iterable[Flagged],
    untold: Iterable[UntoldEach],
    alone: Iterable[PushedAlone],
) -> dict[str, Any]:
    """For a partner: ids and times of what it did not push, and of what it has to say whether it did."""
    return {
        "never_pushed": [*_never_pushed(found, lost), *_never_told(found, untold)],
        "pushed_and_not_given": [*_not_given(found, flagged), *_not_recorded(found, alone)],
    }


def _not_given(found: Found, flagged: Iterable[Flagged]) -> Iterator[dict[str, Any]]:
    for one in flagged:
        if (name := found.named(one.family, one.partner)) is not None:
            yield {
                "partner": name.partner,
                "type": name.callback_type,
                "kind": one.kind,
                "id": one.key,
                "occurred_at": one.occurred_at,
                "received_at": one.pushed_at,
                "event": one.event.hex,
            }


def _not_recorded(found: Found, alone: Iterable[PushedAlone]) -> Iterator[dict[str, Any]]:
    for one in alone:
        if (name := found.named(one.signal)) is not None:
            yield {
                "partner": name.partner,
                "type": name.callback_type,
                "kind": one.kind,
                "id": one.key,
                "occurred_at": one.occurred_at,
                "received_at": one.occurred_at,
                "event": one.event.hex,
            }


def _never_pushed(found: Found, lost: Iterable[Lost]) -> Iterator[dict[str, Any]]:
    for one in lost:
        if (name := found.named(one.family, one.partner)) is not None:
            yield {
                "partner": name.partner,
                "type": name.callback_type,
                "kind": one.kind,
                "id": one.key,
                "occurred_at": one.occurred_at,
                "pulled_at": one.pulled_at,
                "delivery": {"status": one.status, "status_code": one.status_code},
                "event": one.event.hex,
            }


def _never_told(found: Found, untold: Iterable[UntoldEach]) -> Iterator[dict[str, Any]]:
    """What records alone say: their partner prints no time, and says nothing of its pushes."""
    signals = found.types.signals_recorded()
    for one in untold:
        if (name := found.named(signals[one.kind, one.recorded_as])) is not None:
            yield {
                "partner": name.partner,
                "type": name.callback_type,
                "kind": one.kind,
                "id": one.key,
                "occurred_at": one.occurred_at,
                "pulled_at": one.occurred_at,
                "delivery": {"status": None, "status_code": None},
                "event": one.event.hex,
            }
