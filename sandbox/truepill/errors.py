"""The partner's error answers, as its reference prints them ("Errors", and each endpoint's samples)."""

from __future__ import annotations

from http import HTTPStatus

from sandbox.endpoint import Answer
from sandbox.refusals import Refusal, Wording

__all__ = [
    "WORDING",
    "Error",
    "RequestError",
    "failed",
    "invalid",
    "not_found",
    "other_customer",
    "request_error",
    "unauthorized",
]


class ValidationErrorItem(Answer):
    key: str
    message: str


class Error(Answer):
    """`message` or `validation_errors`, never both."""

    statusCode: int
    error: str
    message: str = ""
    validation_errors: list[ValidationErrorItem] = []


class RequestError(Answer):
    """A refused update or cancel."""

    timestamp: int
    status: str
    message: str


def failed(status: int, message: str, error: str | None = None) -> Refusal:
    """`{statusCode, error, message}`; `error` is the status's name unless the reference prints another."""
    return Refusal(
        status, {"statusCode": status, "error": error or HTTPStatus(status).phrase, "message": message}
    )


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


WORDING = Wording(failed, invalid, not_found)
