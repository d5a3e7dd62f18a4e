"""Who may call: customers of the sandbox environment and of the live one, each with a key and a callback."""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Literal
from urllib.parse import unquote, urlsplit

__all__ = ["Callback", "Customer", "Customers", "Environment", "Sign", "callback"]

#: The two worlds of the reference ("Environments"): what is in one is not in the other.
Environment = Literal["sandbox", "live"]


#: From a body to the headers that sign it.
Sign = Callable[[bytes], Iterable[tuple[str, str]]]


@dataclass(frozen=True)
class Callback:
    """Where a customer's callbacks go. `headers` hold its secret, as does the URL's query, or `sign` does."""

    host: str
    port: int
    secure: bool
    target: str = field(repr=False)
    headers: tuple[tuple[str, str], ...] = field(default=(), repr=False)
    sign: Sign | None = field(default=None, repr=False)


@dataclass(frozen=True)
class Customer:
    """`name` is unique over both environments. `callbacks`: by partner; one key serves them all."""

    name: str
    environment: Environment
    api_key: str = field(repr=False)
    callbacks: Mapping[str, Callback] = field(default_factory=dict)


class Customers:
    """Finds a customer by key or by name. Raises ValueError when two share either."""

    def __init__(self, customers: Iterable[Customer]) -> None:
        everyone = list(customers)
        self._by_key = {customer.api_key: customer for customer in everyone}
        self.by_name: Mapping[str, Customer] = {customer.name: customer for customer in everyone}
        if len(self._by_key) != len(everyone) or len(self.by_name) != len(everyone):
            raise ValueError("two customers have the same key or the same name")

    def with_key(self, key: str) -> Customer | None:
        return self._by_key.get(key)


def callback(url: str, token: str | None = None, sign: Sign | None = None) -> Callback:
    """Read a callback URL: `https://user:password@host/path?query`. A token goes along as X-Webhook-Token.

    Raises ValueError, whose text does not repeat the URL.
    """
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError("a callback URL begins with http:// or https:// and names a host")
    headers = []
    if parts.username:
        login = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
        headers.append(("Authorization", f"Basic {base64.b64encode(login.encode()).decode()}"))
    if token:
        headers.append(("X-Webhook-Token", token))
    secure = parts.scheme == "https"
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    if not (url.isascii() and url.isprintable()) or " " in url:
        raise ValueError("a callback URL is printable ASCII without spaces")
    port = parts.port or (443 if secure else 80)
    return Callback(parts.hostname, port, secure, target, tuple(headers), sign)
