"""Whose key a request has ("Authentication", "Update a Fill Request": the reference prints three ways)."""

from __future__ import annotations

import base64
import binascii
import contextlib

from starlette.requests import Request

from sandbox.customers import Customer, Customers
from sandbox.reading import document_of
from sandbox.truepill.errors import unauthorized

__all__ = ["authenticate"]


def authenticate(request: Request, body: bytes, customers: Customers) -> Customer:
    """`Authorization: ApiKey KEY`, HTTP Basic, or `api_key` in the body. Raises Refusal."""
    header = request.headers.get("authorization", "")
    scheme, _, value = header.partition(" ")
    keys = [value.strip()]
    if scheme.lower() == "basic":
        keys = _login(value)
    elif scheme.lower() != "apikey":
        keys = []
    if not header and body:
        with contextlib.suppress(ValueError):
            said = document_of(body, request.headers.get("content-type", "")).get("api_key")
            keys = [str(said).removeprefix("ApiKey ").strip()]
    for key in keys:
        if customer := customers.with_key(key):
            return customer
    raise unauthorized()


def _login(value: str) -> list[str]:
    try:
        user, _, password = base64.b64decode(value, validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        return []
    return [user, password]
