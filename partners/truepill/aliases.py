"""The other names of a request: the tokens that the partner gives its record, beside the request's own id.

They stand in the answer to a create and in callbacks, and some copies name their request by nothing else: the
record of a transfer has no request id at all.
"""

from __future__ import annotations

from collections.abc import Mapping

from partners.fields import Json, name

__all__ = ["ALIASES", "DOMAIN_OF_ALIAS", "aliases_of"]

#: The fields that name the request itself, by kind. A transfer's own record calls its token url_token.
ALIASES: Mapping[str, tuple[str, ...]] = {
    "transfer": ("transfer_token", "url_token"),
    "direct_transfer": ("direct_transfer_token", "direct_transfer_id"),
    "copay": ("copay_token", "copay_request_token"),
}
#: The domain in which such a name stands in bodies.
DOMAIN_OF_ALIAS: Mapping[str, str] = {"transfer": "transfer", "direct_transfer": "transfer", "copay": "copay"}


def aliases_of(kind: str, content: Json) -> set[str]:
    """The other names of a request that a body or an answer, or its details, give: what looks like a name."""
    fields = ALIASES.get(kind)
    if fields is None:  # most kinds
        return set()
    details = content.get("details")
    places = (content, details) if type(details) is dict else (content,)
    return {found for place in places for field in fields if (found := name(place.get(field)))}
