"""What reading a callback gives, whatever the partner: facts for machines, or why there are none."""

from __future__ import annotations

from typing import Literal, NamedTuple, TypeAlias

from statemachine.model import Fact

__all__ = ["DOMAINS", "Link", "Reading", "Reason", "Stated", "Unreadable", "own_domain"]

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
    "missing_status",  # no status, and the rest does not settle it
    "unknown_status",  # a status that is none of those that we know
    "bad_details",  # what is needed to read the state stands in details of the wrong shape
]

DOMAINS = (
    "request",
    "prescription",
    "patient",
    "order",
    "transfer",
    "copay",
    "insurance",
    "coverage",
    "consult",
    "medication",
    "document",
    "rx_number",
    "rx_link",
    "metadata",
    "order_number",
    # Of payments: what the customer called one at the partner that takes them, and that partner's own
    # records.
    "eid",
    "payment",
    "payment_order",
    "payer",
    "checkout",
)
"""What a link's value may name. One value in two domains is two things."""


_OWN_DOMAINS = {
    "consult": "consult",
    "prescription": "prescription",
    "payment": "payment",
    "checkout": "checkout",
}


def own_domain(kind: str) -> str:
    """The domain that the keys of a kind of entities belong to."""
    return _OWN_DOMAINS.get(kind, "request")


Link: TypeAlias = tuple[str, str]
"""A name that a body carries: (domain, value). Two entities whose bodies carry the same one have to do with
each other. The domain is one of DOMAINS. A value of the domains rx_number, eid and metadata may be
any text, of all others it is 1 to 128 characters of [A-Za-z0-9_.-]; a payment's and a checkout's own key may
hold colons too. A plain tuple, since a body has dozens.
"""


class Stated(NamedTuple):
    """One fact about one entity. `detail` holds JSON-able texts worth showing later: the caller seals it.

    `links` hold the entity's own key; `aliases` are other names of this very entity. A link
    joins and never identifies: bodies share them across requests. `key` is None where the copy names the
    entity by its aliases alone: then there is at least one, and which entity it is, is for the ledger to say.
    `parcel` is the tracking number of the one parcel that it tells of; the detail has it as well.

    `undated`: its source prints no time, so it is dated by when it was first received, and `fact.occurred_at`
    says nothing. `fallback` is what the entity is called as long as no alias leads to a key.
    """

    kind: str
    key: str | None
    fact: Fact
    detail: dict[str, object]
    links: frozenset[Link] = frozenset()
    aliases: tuple[str, ...] = ()
    parcel: str | None = None
    undated: bool = False
    fallback: str | None = None


class Reading(NamedTuple):
    """What one copy of a callback states, in the order of its body.

    `unseen` are (type | field | code, callback type, name) that the partner's contract does not say: names,
    never values.
    """

    callback_type: str
    stated: tuple[Stated, ...]
    unseen: tuple[tuple[str, str, str], ...] = ()


class Unreadable(Exception):
    """No fact can be had from this body: quarantine it under `reason`.

    `callback_type` is one of our own names for a known type, or None. Neither it, nor the text, nor a chained
    exception holds anything of the body, so that all of them may be logged.
    """

    def __init__(self, reason: Reason, callback_type: str | None = None) -> None:
        super().__init__(reason)
        self.reason: Reason = reason
        self.callback_type = callback_type
        self.unseen: tuple[tuple[str, str, str], ...] = ()
        #: The kind and id of a record that tells what this copy leaves open.
        self.wanted: tuple[str, str] | None = None
