"""What the partner answers when it accepts a request: the names that later callbacks will use for it."""

from __future__ import annotations

from collections.abc import Iterable

from partners.reading import Link
from partners.truepill.aliases import DOMAIN_OF_ALIAS, aliases_of
from partners.truepill.fields import Json
from partners.truepill.links import links_of

__all__ = ["is_refusal", "names_of"]


def names_of(
    kind: str,
    key: str,
    answer: Json,
    request: Json,
    metadata: str | None = None,
    aliases: Iterable[str] = (),
) -> tuple[frozenset[Link], tuple[str, ...]]:
    """The links and the aliases of a request: those that it and its answer tell, and those given beside them.

    Only a request says which earlier one it replaces or refers to (replacement_order, reference_order).

    The links hold its own key. Empty metadata are none. Raises Unreadable bad_details for too many names.
    """
    found = {*aliases, *aliases_of(kind, answer)} - {key}
    others = [(DOMAIN_OF_ALIAS[kind], alias) for alias in found if kind in DOMAIN_OF_ALIAS]
    if metadata and metadata.strip():
        others.append(("metadata", metadata.strip()))
    return links_of(kind, key, {"answer": answer, "sent": request}, others), tuple(sorted(found))


def is_refusal(answer: Json) -> bool:
    """Whether the partner refused: its errors say so by a status, or by a status code of HTTP."""
    status, code = answer.get("status"), answer.get("statusCode", answer.get("status_code"))
    refused = isinstance(status, str) and status.strip().lower() == "error"
    return refused or (isinstance(code, int) and code >= 400)
