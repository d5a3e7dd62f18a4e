"""A request that is refused, and how a partner words that."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, Protocol

from pydantic_core import ErrorDetails

__all__ = ["BUSY", "RETRY", "Refusal", "Wording", "mistakes"]

Document = dict[str, Any]
#: Statuses with which nothing was done. None is in a reference, and each is met in practice.
BUSY = {
    429: "Too many requests.",
    500: "An internal server error occurred.",
    503: "The service is not available just now.",
}
RETRY = {429: {"Retry-After": "1"}, 503: {"Retry-After": "1"}}


class Refusal(Exception):
    """A request that is answered with an error: its status and its document. Undoes what was changed."""

    def __init__(self, status: int, document: Document, headers: dict[str, str] | None = None) -> None:
        super().__init__(status)
        self.status = status
        self.document = document
        self.headers = headers


class Invalid(Protocol):
    def __call__(self, *errors: tuple[str, str]) -> Refusal:
        """Pairs of key and message."""


@dataclass(frozen=True)
class Wording:
    """The partner's error documents. `failed`: of a status, with a message. `invalid`: of wrong fields."""

    failed: Callable[[int, str], Refusal]
    invalid: Invalid
    not_found: Callable[[], Refusal]

    def busy(self, status: int) -> Refusal:
        """429, 500 or 503: nothing was done."""
        refusal = self.failed(status, BUSY[status])
        return Refusal(status, refusal.document, RETRY.get(status))


def mistakes(errors: Iterable[ErrorDetails]) -> dict[str, str]:
    """What pydantic found: each key once, with its first message."""
    found: dict[str, str] = {}
    for error in errors:
        # Where a union fails, pydantic adds the name of each of its members to the place.
        key = ".".join(str(part) for part in error["loc"] if not _is_member(part))
        found.setdefault(key or "body", _message(error))
    return found


def _is_member(part: int | str) -> bool:
    return isinstance(part, str) and not part.isidentifier()


def _message(error: ErrorDetails) -> str:
    kind, context = error["type"], error.get("ctx") or {}
    if kind == "value_error":
        return str(context["error"])
    if kind == "literal_error":
        return f"must be one of [{str(context['expected']).replace(' or ', ', ')}]"
    if kind == "string_too_long":
        return f"length must be less than or equal to {context['max_length']} characters long"
    if kind.startswith("greater_than"):
        return f"must be larger than {context.get('gt', context.get('ge'))}"
    return MESSAGES.get(kind) or next(
        (message for prefix, message in PREFIXES.items() if kind.startswith(prefix)), "is invalid"
    )


MESSAGES = {
    "missing": "is required",
    "string_too_short": "is not allowed to be empty",
    "extra_forbidden": "is not allowed",
    "too_short": "does not contain enough items",
}
PREFIXES = {
    "string": "must be a string",
    "int": "must be a number",
    "float": "must be a number",
    "bool": "must be a boolean",
    "list": "must be an array",
    "dict": "must be of type object",
    "model": "must be of type object",
}
