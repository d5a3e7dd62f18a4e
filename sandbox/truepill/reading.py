"""From an HTTP request to a customer and a call."""

from __future__ import annotations

import base64
import binascii
import contextlib
import types
from collections.abc import Callable, Mapping
from typing import Any, TypeVar, get_origin
from urllib.parse import parse_qsl

from pydantic import ValidationError
from starlette.requests import Request

from sandbox.customers import Customer, Customers
from sandbox.truepill.endpoint import Body, Call, Endpoint, Query
from sandbox.truepill.errors import Refusal, failed, unauthorized, validation_errors
from tolerant_json import NOT_JSON, loads

__all__ = ["BODY_LIMIT", "authenticate", "call", "read"]

BODY_LIMIT = 1 << 20
NOTHING: Mapping[str, Any] = types.MappingProxyType({})
Model = TypeVar("Model", bound=Body)


async def read(request: Request) -> bytes:
    """The whole body. Raises Refusal when it is larger than a mebibyte."""
    parts, size = [], 0
    async for part in request.stream():
        size += len(part)
        if size <= BODY_LIMIT:
            parts.append(part)
    if size > BODY_LIMIT:
        raise failed(413, "The request body is larger than 1 MiB.")
    return b"".join(parts)


def authenticate(request: Request, body: bytes, customers: Customers) -> Customer:
    """Whose key it is: `Authorization: ApiKey KEY`, HTTP Basic, or `api_key` in the body.

    The reference prints all three ("Authentication", "Update a Fill Request"). Raises Refusal.
    """
    header = request.headers.get("authorization", "")
    scheme, _, value = header.partition(" ")
    keys = [value.strip()]
    if scheme.lower() == "basic":
        keys = _login(value)
    elif scheme.lower() != "apikey":
        keys = []
    if not header and body:
        with contextlib.suppress(ValueError):
            said = _document(body, request.headers.get("content-type", "")).get("api_key")
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


def call(endpoint: Endpoint, request: Request, body: bytes) -> Call:
    """Check all that came against the endpoint's models. Raises Refusal."""
    document: Mapping[str, Any] = NOTHING
    if endpoint.body:
        try:
            document = _document(body, request.headers.get("content-type", ""))
        except ValueError as error:
            raise failed(400, str(error)) from None
    return Call(
        path=request.path_params,
        document=document,
        body=_checked(endpoint.body, document, endpoint.refuse) if endpoint.body else None,
        query=_checked(endpoint.query, _query(endpoint.query, request), endpoint.refuse)
        if endpoint.query
        else None,
        base_url=str(request.base_url),
    )


def _document(body: bytes, content_type: str) -> dict[str, Any]:
    """JSON, or a form as curl sends its `-d name=value`. curl says "form" of both: the first byte tells.

    Raises Refusal for another content type, ValueError for what is no JSON object.
    """
    kind = content_type.partition(";")[0].strip().lower()
    text = body.strip()
    if not text:
        return {}
    if kind == "application/x-www-form-urlencoded" and text[:1] not in b"{[":
        pairs = parse_qsl(text.decode("utf-8", "replace"), keep_blank_values=True)
        return {name.strip(): _form_value(value) for name, value in pairs}
    if kind not in ("", "application/x-www-form-urlencoded") and not kind.endswith("json"):
        raise failed(415, "Send application/json.")
    document = loads(text)
    if document is NOT_JSON:
        raise ValueError("The request body is not valid JSON.")
    if not isinstance(document, dict):
        raise ValueError("The request body must be a JSON object.")
    return document


def _form_value(value: str) -> Any:
    """Objects and arrays are sent as JSON within a form."""
    if value.strip()[:1] in ("{", "["):
        found = loads(value.encode("utf-8", "replace"))
        return value if found is NOT_JSON else found
    return value


def _query(model: type[Query], request: Request) -> dict[str, Any]:
    values = request.query_params
    lists = {name for name, about in model.model_fields.items() if get_origin(about.annotation) is list}
    return {name: values.getlist(name) if name in lists else values[name] for name in values}


def _checked(model: type[Model], document: Mapping[str, Any], refuse: Callable[..., Refusal]) -> Model:
    errors: dict[str, str] = {}
    checked = None
    try:
        checked = model.model_validate(document)
    except ValidationError as error:
        refusal = validation_errors(error.errors(include_url=False, include_input=False))
        errors = {row["key"]: row["message"] for row in refusal.document["validation_errors"]}
    for key, message in model.also_wrong(document):
        errors.setdefault(key, message)
    if errors or checked is None:
        raise refuse(*errors.items())
    return checked
