"""Databases and brokers for tests: one of their own, on embedded servers and, in CI, on system ones too.

The contract tests of the store and the workers run over every backend. In CI the system servers must be
there: a missing one fails the run and is never skipped.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit, urlunsplit
from uuid import uuid4

import psycopg
import redis

from store.db.migrate import upgrade

IN_CI = os.environ.get("CI") == "true"
DATABASES = ("embedded", "system") if IN_CI else ("embedded",)
BROKERS = ("valkey", "redis", "rabbitmq") if IN_CI else ("valkey",)

SYSTEM_POSTGRES = "postgresql://postgres@127.0.0.1:5432/postgres"
SYSTEM_REDIS = "redis://127.0.0.1:6379/0"
SYSTEM_RABBITMQ = "amqp://guest:guest@127.0.0.1:5672/{vhost}"

#: Everything a test may have written, emptied between tests.
TABLES = (
    *("events", "bodies", "queue", "quarantine", "entities", "facts", "event_facts", "audit", "postings"),
    *("aliases", "alias_names", "alias_news", "changes_unplaced", "changes", "drift"),
    *("streams", "calls", "surfaces", "deliveries", "lookups", "losses", "losses_counted"),
    *("pushes", "push_gaps", "gauges"),
)
#: A TRUNCATE makes every file of a table and of its indexes anew: for a few rows it takes longer than a test.
FEW_ROWS = 1000


def empty(conn: psycopg.Connection[Any], *tables: str) -> None:
    """Leave no row in these tables, or in any; whoever still writes to one of them is waited for."""
    names = ", ".join(tables or TABLES)
    conn.execute(
        f"""
        DO $$ DECLARE name text; rows bigint; BEGIN
            LOCK TABLE {names} IN ACCESS EXCLUSIVE MODE;
            FOREACH name IN ARRAY string_to_array('{names}', ', ') LOOP
                EXECUTE format('SELECT count(*) FROM (SELECT FROM %I LIMIT {FEW_ROWS}) few', name) INTO rows;
                IF rows = {FEW_ROWS} THEN
                    EXECUTE format('TRUNCATE %I', name);
                ELSIF rows > 0 THEN
                    EXECUTE format('DELETE FROM %I', name);
                END IF;
            END LOOP;
        END $$
        """
    )


@contextmanager
def fresh_database(server_url: str) -> Iterator[str]:
    """The address of a new database on this server, migrated to head; dropped afterwards."""
    name = f"rxledger_test_{uuid4().hex[:12]}"
    with psycopg.connect(server_url, autocommit=True) as conn:
        conn.execute(f"CREATE DATABASE {name}")
    url = urlunsplit(urlsplit(server_url)._replace(path=f"/{name}"))
    try:
        upgrade(url)
        yield url
    finally:
        with psycopg.connect(server_url, autocommit=True) as conn:
            conn.execute(f"DROP DATABASE {name} WITH (FORCE)")


@contextmanager
def own_prefix(url: str) -> Iterator[tuple[str, str]]:
    """A Redis address and a key prefix of our own on it; our keys are deleted afterwards."""
    prefix = f"rxledger_test_{uuid4().hex[:12]}_"
    client = redis.Redis.from_url(url)
    client.ping()
    try:
        yield url, prefix
    finally:
        keys = list(client.scan_iter(match=f"{prefix}*"))
        if keys:
            client.delete(*keys)
        client.close()


@contextmanager
def own_vhost() -> Iterator[tuple[str, str]]:
    """The address of a virtual host of our own on the system's RabbitMQ; deleted afterwards."""
    vhost = f"rxledger_test_{uuid4().hex[:12]}"
    _rabbitmq("add_vhost", vhost)
    try:
        _rabbitmq("set_permissions", "-p", vhost, "guest", ".*", ".*", ".*")
        yield SYSTEM_RABBITMQ.format(vhost=vhost), ""
    finally:
        _rabbitmq("delete_vhost", vhost)


def _rabbitmq(*arguments: str) -> None:
    subprocess.run(["rabbitmqctl", *arguments], check=True, stdout=subprocess.DEVNULL, timeout=60)
