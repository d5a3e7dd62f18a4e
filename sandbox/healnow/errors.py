"""Error answers (assumed: none is printed)."""

from __future__ import annotations

from http import HTTPStatus

from sandbox.endpoint import Answer
from sandbox.refusals import Refusal, Wording

__all__ = ["WORDING", "Error", "failed", "invalid", "not_allowed", "not_found"]


class Error(Answer):
    error: str
    message: str


def failed(status: int, message: str) -> Refusal:
    """`error` is the status's name."""
    return Refusal(status, {"error": HTTPStatus(status).phrase, "message": message})


def invalid(*errors: tuple[str, str]) -> Refusal:
    """Pairs of field and message."""
    return failed(422, "; ".join(f"{key} {message}" for key, message in errors))


def not_allowed(message: str) -> Refusal:
    """What was understood cannot be done as things stand."""
    return failed(422, message)


def not_found(what: str = "Record") -> Refusal:
    """What is another customer's is not there either."""
    return failed(404, f"{what} not found")


WORDING = Wording(failed, invalid, not_found)
