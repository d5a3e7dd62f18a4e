"""The addresses of the database and of the broker.

Each parser returns the one spelling that our clients know, and raises ValueError with what it wants.
"""

from __future__ import annotations

__all__ = ["broker_url", "database_url"]


def database_url(value: str) -> str:
    scheme, found, rest = value.partition("://")
    if not found or scheme not in ("postgres", "postgresql", "postgresql+psycopg"):
        raise ValueError("wants postgresql://…, postgres://… or postgresql+psycopg://…")
    return f"postgresql://{rest}"


def broker_url(value: str) -> str:
    if value.partition("://")[0] not in (
        "redis",
        "rediss",
        "redis+socket",
        "amqp",
        "amqps",
        "pyamqp",
        "valkey",
    ):
        raise ValueError("wants redis://…, rediss://…, redis+socket://… or amqp://…")
    return value.replace("valkey://", "redis://", 1)  # one protocol, and kombu knows it by the older name
