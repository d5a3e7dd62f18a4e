"""Whose key a request has ("Authentication"): a bearer token, in the header alone."""

from __future__ import annotations

from starlette.requests import Request

from sandbox.customers import Customer, Customers
from sandbox.healnow.errors import failed

__all__ = ["authenticate"]


def authenticate(request: Request, body: bytes, customers: Customers) -> Customer:
    """`Authorization: Bearer KEY`. Raises Refusal."""
    scheme, _, value = request.headers.get("authorization", "").partition(" ")
    customer = customers.with_key(value.strip()) if scheme.lower() == "bearer" else None
    if customer is None:
        raise failed(401, "The API key is missing or not known")
    return customer
