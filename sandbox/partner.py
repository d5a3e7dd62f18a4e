"""What a partner is to the sandbox: a folder with a `partner.py` that describes it as this."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from starlette.requests import Request
from starlette.routing import BaseRoute

from sandbox.callbacks import Callbacks
from sandbox.customers import Customer, Customers, Sign
from sandbox.endpoint import Endpoint
from sandbox.engine import Engine, Step
from sandbox.openapi import About
from sandbox.refusals import Wording
from sandbox.truth import Truth

__all__ = ["Partner"]


def _no_routes(_: Engine) -> Sequence[BaseRoute]:
    return ()


@dataclass(frozen=True)
class Partner:
    """`name` is the folder's; `prefix` stands before its paths, empty for one alone.

    `authenticate` finds whose key a request has, from it and its body, or raises Refusal. `signing` makes
    what signs callbacks from a secret and a header's name (None: the one that is usual). `idempotent`: with
    the live contract a POST that comes again with the same `Idempotency-Key` is answered as before. `parts`:
    bodies may be multipart. `routes` are for those who have no key; `desk` are pages under `/_sandbox/`.
    """

    name: str
    prefix: str
    endpoints: tuple[Endpoint, ...]
    steps: Mapping[str, Step]
    authenticate: Callable[[Request, bytes, Customers], Customer]
    wording: Wording
    about: About
    callbacks: Callbacks
    truth: Truth
    signing: Callable[[bytes, str | None], Sign] | None = None
    idempotent: bool = False
    parts: bool = False
    routes: Callable[[Engine], Sequence[BaseRoute]] = _no_routes
    desk: Callable[[Engine], Sequence[BaseRoute]] = _no_routes
