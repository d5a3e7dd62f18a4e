"""The OpenAPI description, generated from the endpoints' models."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, get_origin

from pydantic import BaseModel, TypeAdapter
from pydantic.json_schema import JsonSchemaMode

from sandbox.endpoint import Answer, Endpoint

__all__ = ["BINARY", "About", "describe"]

Schema = dict[str, Any]
#: What a file is sent as.
BINARY = "application/octet-stream"


@dataclass(frozen=True)
class About:
    """What a description says of the partner itself. `error`: the model of its error answers."""

    title: str
    error: type[Answer]
    schemes: Mapping[str, Schema]
    content_types: tuple[str, ...] = ("application/json",)
    #: Statuses that any endpoint may answer with, beside the usual ones.
    statuses: frozenset[int] = frozenset()


DESCRIPTIONS = {
    200: "Done",
    400: "Not understood, or not allowed",
    401: "No valid API key",
    404: "Not found",
    405: "The path knows other methods",
    413: "The body is too large",
    415: "The body is of another type",
    422: "Understood, and not allowed",
    429: "Too many requests: only when asked to misbehave",
    500: "The sandbox failed, or was asked to",
    503: "Not available just now: only when asked to misbehave",
}


USUAL = (400, 401, 404, 405, 413, 429, 500, 503)


def describe(about: About, endpoints: Iterable[Endpoint]) -> Schema:
    """The description of these endpoints, OpenAPI 3.1."""
    listed = list(endpoints)
    models = {_name(model): model for endpoint in listed for model in _models(about, endpoint)}
    wanted: list[tuple[Any, JsonSchemaMode, TypeAdapter[Any]]] = [
        (name, "validation", TypeAdapter(model)) for name, model in models.items()
    ]
    by_key, definitions = TypeAdapter.json_schemas(wanted, ref_template="#/components/schemas/{model}")
    schemas = {key: schema for (key, _), schema in by_key.items()}
    paths: dict[str, Schema] = {}
    for endpoint in listed:
        paths.setdefault(endpoint.path, {})[endpoint.method.lower()] = _operation(about, endpoint, schemas)
    return {
        "openapi": "3.1.0",
        "info": {"title": about.title, "version": "1"},
        "paths": paths,
        "components": {
            "schemas": definitions.get("$defs", {}),
            "securitySchemes": dict(about.schemes),
        },
        "security": [{name: []} for name in about.schemes],
    }


def _models(about: About, endpoint: Endpoint) -> list[Any]:
    return [
        model
        for model in (
            endpoint.body,
            endpoint.query,
            endpoint.answer,
            about.error,
            *endpoint.refusals.values(),
        )
        if model is not None
    ]


def _name(model: Any) -> str:
    """What tells a model from all others: classes of two modules may share their name, and lists do."""
    return f"{model.__module__}.{model.__qualname__}" if isinstance(model, type) else str(model)


def _operation(about: About, endpoint: Endpoint, schemas: dict[Any, Schema]) -> Schema:
    names = re.findall(r"{(\w+)}", endpoint.path)
    parameters: list[Schema] = [
        {"name": name, "in": "path", "required": True, "schema": {"type": "string"}} for name in names
    ]
    if endpoint.query:
        parameters += _query_parameters(endpoint.query)
    statuses = {*USUAL, *about.statuses, *((415,) if endpoint.body else ())}
    responses = {str(status): _response(status, schemas[_name(about.error)]) for status in sorted(statuses)}
    kind = BINARY if endpoint.answer is bytes else "application/json"
    responses["200"] = _response(200, schemas[_name(endpoint.answer)], kind)
    for status, model in endpoint.refusals.items():
        either = {"anyOf": [schemas[_name(model)], schemas[_name(about.error)]]}
        responses[str(status)] = _response(status, either)
    operation: Schema = {
        "summary": endpoint.summary,
        "parameters": parameters,
        "responses": dict(sorted(responses.items())),
    }
    if endpoint.body:
        content = {kind: {"schema": schemas[_name(endpoint.body)]} for kind in about.content_types}
        operation["requestBody"] = {"required": True, "content": content}
    return operation


def _query_parameters(model: type[BaseModel]) -> list[Schema]:
    schema = TypeAdapter(model).json_schema()
    required = schema.get("required", ())
    return [
        {
            "name": name,
            "in": "query",
            "required": name in required,
            "schema": about,
            **({"style": "form", "explode": True} if _is_list(model, name) else {}),
        }
        for name, about in schema["properties"].items()
    ]


def _is_list(model: type[BaseModel], name: str) -> bool:
    return get_origin(model.model_fields[name].annotation) is list


def _response(status: int, schema: Schema, kind: str = "application/json") -> Schema:
    return {"description": DESCRIPTIONS[status], "content": {kind: {"schema": schema}}}
