"""What reading a callback gives, whatever the partner: facts for machines, or why there are none."""

from __future__ import annotations

from typing import Literal, NamedTuple

from statemachine.kernel import Fact

__all__ = ["Reading", "Reason", "Stated", "Unreadable"]

Reason = Literal[
    "not_json",  # not UTF-8, not JSON, NaN, or nested too deep
    "not_an_object",  # a list or a scalar
    "page",  # a page of pulled events, not a callback
    "missing_type",
    "unknown_type",
    "no_machine",  # a known type whose machine is not built yet
    "missing_key",
    "bad_key",
    "missing_time",
    "bad_time",
    "missing_status",  # no status, or an unknown one, and the details do not settle it
    "bad_details",  # what is needed to read the state stands in details of the wrong shape
]


class Stated(NamedTuple):
    """One fact about one entity. `detail` holds JSON-able texts worth showing later: the caller seals it."""

    kind: str
    key: str
    fact: Fact
    detail: dict[str, object]


class Reading(NamedTuple):
    """What one copy of a callback states, in the order of its body."""

    callback_type: str
    stated: tuple[Stated, ...]


class Unreadable(Exception):
    """No fact can be had from this body: quarantine it under `reason`.

    `callback_type` is one of our own names for a known type, or None. Neither it, nor the text, nor a chained
    exception holds anything of the body, so that all of them may be logged.
    """

    def __init__(self, reason: Reason, callback_type: str | None = None) -> None:
        super().__init__(reason)
        self.reason: Reason = reason
        self.callback_type = callback_type
