"""The addresses of the database, of the broker and of partners.

Each parser returns the one spelling that our clients know, and raises ValueError with what it wants: never
with a part of the address, which may hold a password.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from urllib.parse import parse_qsl, urlsplit

__all__ = ["Database", "broker_url", "database_url", "has_options", "http_url", "page_url", "pooler"]

_CERTIFICATES = ("required", "optional", "none")
_BROKERS = ("redis", "rediss", "redis+socket", "amqp", "amqps", "pyamqp", "valkey")


@dataclass(frozen=True)
class Database:
    """Where PostgreSQL is reached; `pooled` where a pooler gives each transaction any of its connections."""

    address: str = field(repr=False)
    pooled: bool = False


def pooler(value: str) -> bool:
    """Whether one stands between. One that keeps a connection for a whole session counts as well."""
    if value not in ("none", "transaction"):
        raise ValueError("wants none or transaction")
    return value == "transaction"


def database_url(value: str) -> str:
    scheme, found, rest = value.partition("://")
    if not found or scheme not in ("postgres", "postgresql", "postgresql+psycopg"):
        raise ValueError("wants postgresql://…, postgres://… or postgresql+psycopg://…")
    from psycopg import ProgrammingError, pq
    from psycopg.conninfo import conninfo_to_dict

    address = f"postgresql://{rest}"
    known = {option.keyword.decode() for option in pq.Conninfo.get_defaults()}
    for name, _ in parse_qsl(rest.partition("?")[2], keep_blank_values=True):
        if name not in known:
            shown = name if name.isidentifier() else "…"
            raise ValueError(f"wants no parameter {shown}: libpq has none of that name")
    try:
        conninfo_to_dict(address)
    except ProgrammingError:
        raise ValueError(
            "wants an address that libpq can read: postgresql://user:password@host:port/database, "
            "with % and two hex digits for what is no letter or digit"
        ) from None
    return address


def has_options(address: str) -> bool:
    """Whether a database's address gives the server settings for the session."""
    from psycopg.conninfo import conninfo_to_dict

    return bool(conninfo_to_dict(address).get("options"))


def broker_url(value: str) -> str:
    for one in value.split(";"):  # several, of which kombu takes the next when one is away
        if one.partition("://")[0] not in _BROKERS:
            raise ValueError("wants redis://…, rediss://…, redis+socket://… or amqp://…")
        _check(one)
        if one.startswith(("redis://", "rediss://", "valkey://")):
            _check_redis(one)
    return value.replace("valkey://", "redis://", 1)  # one protocol, and kombu knows it by the older name


def _check_redis(value: str) -> None:
    parts = urlsplit(value)
    if not all(c in "0123456789" for c in parts.path.strip("/")):
        raise ValueError("wants a database's number behind the host, as in redis://host:6379/0")
    for name, found in parse_qsl(parts.query, keep_blank_values=True):
        if name == "db":
            raise ValueError("wants a database's number behind the host, and not as a parameter")
        if name == "ssl_cert_reqs" and found.removeprefix("CERT_").lower() not in _CERTIFICATES:
            raise ValueError("wants ssl_cert_reqs to be required, optional or none")


def http_url(value: str) -> str:
    """The address of a server, which paths are put behind. Raises ValueError."""
    return page_url(value).rstrip("/")


def page_url(value: str) -> str:
    """The address of a page, as it is: with a slash at its end it may be another. Raises ValueError."""
    if not value.startswith(("http://", "https://")):
        raise ValueError("wants http://… or https://…")
    if not _check(value):
        raise ValueError("wants a host behind ://")
    return value


def _check(value: str) -> bool:
    """Whether it names a host. Raises ValueError for a port that is none, and for spaces."""
    if any(c.isspace() or not c.isprintable() for c in value):
        raise ValueError("wants no space and no control character")
    try:
        parts = urlsplit(value)
        port = parts.port
    except ValueError:
        raise ValueError("wants a host and a port from 1 to 65535") from None
    if port == 0:
        raise ValueError("wants a host and a port from 1 to 65535")
    return bool(parts.hostname)
