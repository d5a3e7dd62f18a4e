"""From an HTTP request to a call, in the ways that partners take a body: JSON, a form, a form of parts."""

from __future__ import annotations

import re
import types
from collections.abc import Iterable, Mapping
from email.parser import BytesParser
from email.policy import HTTP
from typing import Any, TypeVar, get_origin
from urllib.parse import parse_qsl

from pydantic import ValidationError
from starlette.requests import Request

from sandbox.endpoint import Body, Call, Endpoint, Query
from sandbox.refusals import Wording, mistakes
from tolerant_json import NOT_JSON, loads

__all__ = ["BODY_LIMIT", "FORM", "PARTS", "NotTaken", "call", "document_of", "read"]

BODY_LIMIT = 1 << 20
NOTHING: Mapping[str, Any] = types.MappingProxyType({})
FORM, PARTS = "application/x-www-form-urlencoded", "multipart/form-data"
Model = TypeVar("Model", bound=Body)


class NotTaken(ValueError):
    """A content type that the partner does not take."""


async def read(request: Request, wording: Wording) -> bytes:
    """The whole body. Raises Refusal when it is larger than a mebibyte."""
    parts, size = [], 0
    async for part in request.stream():
        size += len(part)
        if size <= BODY_LIMIT:
            parts.append(part)
    if size > BODY_LIMIT:
        raise wording.failed(413, "The request body is larger than 1 MiB.")
    return b"".join(parts)


def call(
    endpoint: Endpoint, request: Request, body: bytes, wording: Wording, prefix: str, *, parts: bool = False
) -> Call:
    """Check all that came against the endpoint's models. `parts`: multipart is taken. Raises Refusal."""
    document: Mapping[str, Any] = NOTHING
    if endpoint.body:
        try:
            document = document_of(body, request.headers.get("content-type", ""), parts=parts)
        except NotTaken:
            raise wording.failed(415, "Send application/json.") from None
        except ValueError as error:
            raise wording.failed(400, str(error)) from None
    refuse = endpoint.refuse or wording.invalid
    return Call(
        path=request.path_params,
        document=document,
        body=_checked(endpoint.body, document, refuse) if endpoint.body else None,
        query=_checked(endpoint.query, _query(endpoint.query, request), refuse) if endpoint.query else None,
        base_url=f"{request.base_url}{prefix.removeprefix('/')}{'/' if prefix else ''}",
    )


def document_of(body: bytes, content_type: str, *, parts: bool = False) -> dict[str, Any]:
    """JSON, or a form as curl sends its `-d name=value`. curl says "form" of both: the first byte tells.

    Raises NotTaken for another content type, ValueError for what is no JSON object.
    """
    kind = content_type.partition(";")[0].strip().lower()
    text = body.strip()
    if not text:
        return {}
    if kind == PARTS and parts:
        return _nested(_parts(body, content_type))
    if kind == FORM and text[:1] not in b"{[":
        return _nested(parse_qsl(text.decode("utf-8", "replace"), keep_blank_values=True))
    if kind not in ("", FORM) and not kind.endswith("json"):
        raise NotTaken(kind)
    document = loads(text)
    if document is NOT_JSON:
        raise ValueError("The request body is not valid JSON.")
    if not isinstance(document, dict):
        raise ValueError("The request body must be a JSON object.")
    return document


def _parts(body: bytes, content_type: str) -> Iterable[tuple[str, str]]:
    """The fields of a multipart body. Raises ValueError."""
    head = f"Content-Type: {content_type}\r\n\r\n".encode("latin-1", "replace")
    message = BytesParser(policy=HTTP).parsebytes(head + body)
    if not message.is_multipart():
        raise ValueError("The request body is not valid multipart.")
    for part in message.iter_parts():
        name = part.get_param("name", header="content-disposition")
        content = part.get_payload(decode=True)
        if isinstance(name, str) and isinstance(content, bytes):
            yield name, content.decode("utf-8", "replace")


def _nested(pairs: Iterable[tuple[str, str]]) -> dict[str, Any]:
    """`patient[id]=…` and `items[0][id]=…` (or `items[][id]=…`) are objects and lists."""
    found: dict[str, Any] = {}
    for name, value in pairs:
        first, *rest = (
            re.split(r"\[|\]\[|\]", name.strip().removesuffix("]")) if "[" in name else [name.strip()]
        )
        here, key = found, first
        for part in rest:
            inner = here.get(key)
            here[key] = here = inner if isinstance(inner, dict) else {}
            key = part or str(len(here))
        here[key] = _form_value(value)
    return {name: _listed(value) for name, value in found.items()}


def _listed(value: Any) -> Any:
    """Whose keys are numbers is a list."""
    if not isinstance(value, dict):
        return value
    items = {name: _listed(item) for name, item in value.items()}
    return list(items.values()) if items and all(name.isdecimal() for name in items) else items


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


def _checked(model: type[Model], document: Mapping[str, Any], refuse: Any) -> Model:
    errors: dict[str, str] = {}
    checked = None
    try:
        checked = model.model_validate(document)
    except ValidationError as error:
        errors = mistakes(error.errors(include_url=False, include_input=False))
    for key, message in model.also_wrong(document):
        errors.setdefault(key, message)
    if errors or checked is None:
        raise refuse(*errors.items())
    return checked
