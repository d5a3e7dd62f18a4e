"""The partner's error answers, as its reference prints them ("Errors", and each endpoint's samples)."""

from __future__ import annotations

from collections.abc import Iterable
from http import HTTPStatus
from typing import Any

from pydantic_core import ErrorDetails

__all__ = [
    "Refusal",
    "busy",
    "failed",
    "invalid",
    "not_found",
    "other_customer",
    "unauthorized",
    "validation_errors",
]

Document = dict[str, Any]


class Refusal(Exception):
    """A request that is answered with an error: its status and its document. Undoes what was changed."""

    def __init__(self, status: int, document: Document, headers: dict[str, str] | None = None) -> None:
        super().__init__(status)
        self.status = status
        self.document = document
        self.headers = headers


def failed(status: int, message: str, error: str | None = None) -> Refusal:
    """`{statusCode, error, message}`; `error` is the status's name unless the reference prints another."""
    return Refusal(
        status, {"statusCode": status, "error": error or HTTPStatus(status).phrase, "message": message}
    )


def busy(status: int) -> Refusal:
    """429, 500 or 503: nothing was done. None is in the reference, and each is met in practice."""
    refusal = failed(status, BUSY[status])
    return Refusal(status, refusal.document, None if status == 500 else {"Retry-After": "1"})


def unauthorized() -> Refusal:
    """No valid key ("Authentication")."""
    return failed(401, "Please Send a Valid Api-Key")


def not_found(what: str | None = None) -> Refusal:
    """`what`: Patient, Prescription…; without it, the general answer ("Errors")."""
    return failed(404, f"Unable to find {what}." if what else "Resource Not Found.")


def other_customer(what: str = "Patient") -> Refusal:
    """400 under the name of another status, as printed ("Get a Patient")."""
    return failed(400, f"{what} does not belong to this customer.", "Unauthorized")


def invalid(*errors: tuple[str, str]) -> Refusal:
    """Pairs of key and message ("Errors")."""
    listed = [{"key": key, "message": message} for key, message in errors]
    return Refusal(400, {"statusCode": 400, "error": "Bad Request", "validation_errors": listed})


def request_error(message: str, timestamp: int) -> Refusal:
    """The shape of a refused update or cancel. Its status is not printed: 400 is taken."""
    return Refusal(400, {"timestamp": timestamp, "status": "error", "message": message})


def validation_errors(errors: Iterable[ErrorDetails]) -> Refusal:
    """What pydantic found, in the partner's words: each key once, with its first message."""
    found: dict[str, str] = {}
    for error in errors:
        # Where a union fails, pydantic adds the name of each of its members to the place.
        key = ".".join(str(part) for part in error["loc"] if not _is_member(part))
        found.setdefault(key or "body", _message(error))
    return invalid(*found.items())


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


BUSY = {
    429: "Too many requests.",
    500: "An internal server error occurred.",
    503: "The service is not available just now.",
}
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
