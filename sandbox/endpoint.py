"""What an endpoint is: a method and path, models of what goes in and out, and a function that answers.

The models are all there is of validation, and the OpenAPI description is generated from them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, StringConstraints

from sandbox.engine import Turn
from sandbox.refusals import Refusal

__all__ = ["Answer", "Body", "Call", "Date", "Endpoint", "Query", "Text", "offered"]

#: A string that says something: an empty one "is not allowed to be empty" ("Making Requests").
Text = Annotated[str, StringConstraints(min_length=1)]
#: YYYYMMDD.
Date = Annotated[str, StringConstraints(pattern=r"^[0-9]{8}$")]


class Body(BaseModel):
    """A request's body. Fields that it does not declare are tolerated, as the partner does."""

    model_config = ConfigDict(extra="allow", hide_input_in_errors=True)

    @classmethod
    def also_wrong(cls, document: Mapping[str, Any]) -> Iterable[tuple[str, str]]:
        """What is wrong beyond the fields by themselves: pairs of key and message."""
        return ()


class Query(Body):
    """A request's query. A field that is a list takes every value that is given."""


class Answer(BaseModel):
    """An answer's document, for the OpenAPI description: answers are not run through it."""

    model_config = ConfigDict(extra="allow")


@dataclass(frozen=True)
class Call:
    """A request that was understood. `document` is its body as it came; `body` and `query` are checked.

    `base_url` is how the caller reached the partner, with a slash at its end.
    """

    path: Mapping[str, str]
    document: Mapping[str, Any]
    body: Any
    query: Any
    base_url: str = ""


@dataclass(frozen=True)
class Endpoint:
    """`handle` gives the document of a 200, or the bytes of a file, or raises Refusal.

    `live`: only in the live contract.
    """

    method: str
    path: str
    summary: str
    handle: Callable[[Turn, Call], Any]
    answer: Any
    body: type[Body] | None = None
    query: type[Query] | None = None
    #: Answers beside those that every endpoint can give: the model of their document, by status.
    refusals: Mapping[int, Any] = field(default_factory=dict)
    live: bool = False
    #: How what is wrong is told: pairs of key and message. None: as the partner does elsewhere.
    refuse: Callable[..., Refusal] | None = None


def offered(endpoints: Iterable[Endpoint], live_contract: bool) -> list[Endpoint]:
    """The reference's endpoints, with or without what the live contract adds."""
    return [endpoint for endpoint in endpoints if live_contract or not endpoint.live]
