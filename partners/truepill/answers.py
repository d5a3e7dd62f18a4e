"""What the partner answers when it accepts a request: the names that later callbacks will use for it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from partners.reading import Link
from partners.truepill.fields import Json, name
from partners.truepill.links import links_of

__all__ = ["is_refusal", "names_of"]

#: The fields that name the request itself, by kind, in an answer and in callbacks. A transfer's own record
#: calls its token url_token.
ALIASES: Mapping[str, tuple[str, ...]] = {
    "transfer": ("transfer_token", "url_token"),
    "direct_transfer": ("direct_transfer_token", "direct_transfer_id"),
    "copay": ("copay_token", "copay_request_token"),
}
#: The domain in which such a name stands in bodies.
DOMAIN_OF_ALIAS = {"transfer": "transfer", "direct_transfer": "transfer", "copay": "copay"}


def names_of(
    kind: str, key: str, answer: Json, metadata: str | None = None, aliases: Iterable[str] = ()
) -> tuple[tuple[Link, ...], tuple[str, ...]]:
    """The links and the aliases of a request: those that its answer tells, and those given beside it.

    The links hold its own key. Empty metadata are none. Raises Unreadable bad_details for too many names.
    """
    found = {*aliases, *_aliases(kind, answer)} - {key}
    others = [Link(DOMAIN_OF_ALIAS[kind], alias) for alias in found if kind in DOMAIN_OF_ALIAS]
    if metadata and metadata.strip():
        others.append(Link("metadata", metadata.strip()))
    return links_of(kind, key, answer, others), tuple(sorted(found))


def is_refusal(answer: Json) -> bool:
    """Whether the partner refused: its errors say so by a status, or by a status code of HTTP."""
    status, code = answer.get("status"), answer.get("statusCode", answer.get("status_code"))
    refused = isinstance(status, str) and status.strip().lower() == "error"
    return refused or (isinstance(code, int) and code >= 400)


def _aliases(kind: str, answer: Json) -> set[str]:
    details = answer.get("details")
    places = (answer, details) if isinstance(details, dict) else (answer,)
    values = [place.get(field) for place in places for field in ALIASES.get(kind, ())]
    return {found for value in values if (found := name(value))}
