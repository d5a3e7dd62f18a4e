"""What the partner answers when it accepts a request: the names that later callbacks will use for it.

One kind of request has two names: the create of a prior authorization answers `prior_auth_…` as request_id,
and its callbacks print another, bare id ("Create a Prior Authorization Request", "Managing the Prior
Authorization Workflow"). Both print patient, prescription and insurance token, which join them. Every other
create answers the id of its callbacks. Updates and cancellations answer an id of their own, of which nothing
is ever heard ("Update a Fill Request", "Cancel a Fill Request", "Cancel a Copay Request").
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Literal, TypeAlias

from partners.fields import Json, amount, name, when
from partners.reading import Link, Unreadable
from partners.truepill.aliases import DOMAIN_OF_ALIAS, aliases_of
from partners.truepill.links import links_of

__all__ = [
    "JOINED_BY",
    "Relation",
    "accepted_at",
    "changes_another",
    "is_refusal",
    "names_of",
    "of_another",
    "relations_of",
]

#: Kinds whose callbacks name a request otherwise than its answer does, and the domains of the names that both
#: carry, the rarest first.
JOINED_BY: Mapping[str, tuple[str, ...]] = {"prior_auth": ("prescription", "insurance", "patient")}

#: How the id begins that the answer of such a kind gives, and no callback.
ANSWERED: Mapping[str, str] = {"prior_auth": "prior_auth_"}

#: What a request says that it is to an earlier one of its kind, by the field that says so ("Fill Request Body
#: Fields", "Expediting Orders After Insurance Failure").
Relation: TypeAlias = Literal["replaces", "refers_to"]
RELATIONS: Mapping[str, tuple[tuple[str, Relation], ...]] = {
    "fill_request": (("replacement_order", "replaces"), ("reference_order", "refers_to"))
}
#: How the id begins that an update or a cancellation answers.
_changes_another = re.compile(r"(update|cancel)(_[a-z]+)*_request_").match


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
    found = {*aliases, *aliases_of(kind, answer)}
    if kind in JOINED_BY and (answered := name(answer.get("request_id"))):
        found.add(answered)
    found -= {key}
    others = [(DOMAIN_OF_ALIAS[kind], alias) for alias in found if kind in DOMAIN_OF_ALIAS]
    if metadata and metadata.strip():
        others.append(("metadata", metadata.strip()))
    return links_of(kind, key, {"answer": answer, "sent": request}, others), tuple(sorted(found))


def relations_of(kind: str, key: str, request: Json) -> frozenset[tuple[Relation, str]]:
    """What a request says that it is to earlier ones, as (relation, that one's key); never to itself."""
    stated = [(relation, name(request.get(field))) for field, relation in RELATIONS.get(kind, ())]
    return frozenset((relation, other) for relation, other in stated if other is not None and other != key)


def accepted_at(kind: str, answer: Json, now: int) -> int | None:
    """When an answer says that the request was accepted, in seconds of Unix time; None where it does not.

    Asked of the kinds of JOINED_BY alone: what was heard of before that is another request. It is `now` at
    the latest, whatever the partner's clock says.
    """
    if kind not in JOINED_BY:
        return None
    try:
        return min(now, when(answer.get("timestamp")))
    except (Unreadable, ValueError):  # an infinite number is none of the forms of a time
        return None


def changes_another(key: str, answer: Json) -> bool:
    """Whether this is the id, or the answer, of an update or a cancellation, which only name themselves."""
    return any(_changes_another(found) for found in (key, name(answer.get("request_id"))) if found)


def of_another(kind: str, key: str, answer: Json) -> bool:
    """Whether an answer names another request than the one that it is given for.

    Asked of the kinds of JOINED_BY, whose answer's name becomes a name of the request: a key that is such a
    name itself has to be this one.
    """
    answered = name(answer.get("request_id"))
    start = ANSWERED.get(kind)
    return start is not None and answered is not None and key.startswith(start) and key != answered


def is_refusal(answer: Json) -> bool:
    """Whether the partner refused: its errors say so by a status, or by a status code of HTTP."""
    status, code = answer.get("status"), amount(answer.get("statusCode", answer.get("status_code")))
    if isinstance(status, str) and status.strip().lower() == "error":
        return True
    # Some refusals are an error and its message, some the message alone.
    return (code is not None and code >= 400) or bool(answer.get("error")) or set(answer) == {"message"}
