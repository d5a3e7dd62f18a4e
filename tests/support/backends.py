"""Databases and brokers for tests: one of their own, on embedded servers and, in CI, on system ones too.

The contract tests of the store and the workers run over every backend. In CI the system servers must be
there: a missing one fails the run and is never skipped.
"""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext, suppress
from typing import Any
from urllib.parse import urlsplit, urlunsplit
from uuid import uuid4

import psycopg
import redis

from ops.local.embedded import Addresses
from settings import Database
from store.db.migrate import upgrade
from tests.support.pgbouncer import PROGRAM, pgbouncer

IN_CI = os.environ.get("CI") == "true"
#: In CI a PgBouncer must be there; elsewhere it is tried where it is installed.
DATABASES = ("embedded", *(["pooled"] if PROGRAM or IN_CI else []), *(["system"] if IN_CI else []))
BROKERS = ("valkey", "redis", "rabbitmq") if IN_CI else ("valkey",)

SYSTEM_POSTGRES = "postgresql://postgres@127.0.0.1:5432/postgres"
SYSTEM_REDIS = "redis://127.0.0.1:6379/0"
SYSTEM_RABBITMQ = "amqp://guest:guest@127.0.0.1:5672/{vhost}"

#: Everything a test may have written, emptied between tests.
TABLES = (
    *(
        "events",
        "bodies",
        "queue",
        "quarantine",
        "entities",
        "facts",
        "event_facts",
        "parcels",
        "audit",
        "postings",
    ),
    *("aliases", "alias_names", "alias_news", "changes_unplaced", "changes", "drift"),
    *("relations", "acceptances", "wanted_records", "record_reads"),
    *("streams", "calls", "surfaces", "deliveries", "lookups", "losses", "losses_counted"),
    *("pushes", "push_gaps", "gauges", "intents"),
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
    with _created(server_url) as url:
        upgrade(url)
        yield url


@contextmanager
def database_on(kind: str, servers: Addresses) -> Iterator[Database]:
    """As `fresh_database`, on a server of this kind (one of DATABASES)."""
    with (
        _created(SYSTEM_POSTGRES if kind == "system" else servers.database_url) as url,
        pgbouncer(url) if kind == "pooled" else nullcontext(Database(url)) as database,
    ):
        upgrade(database)
        yield database


@contextmanager
def _created(server_url: str) -> Iterator[str]:
    name = f"rxledger_test_{uuid4().hex[:12]}"
    with psycopg.connect(server_url, autocommit=True) as conn:
        conn.execute(f"CREATE DATABASE {name}")
    try:
        yield urlunsplit(urlsplit(server_url)._replace(path=f"/{name}"))
    finally:
        with psycopg.connect(server_url, autocommit=True) as conn:
            conn.execute(f"DROP DATABASE {name} WITH (FORCE)")


def variables(database: Database) -> dict[str, str]:
    """What a process of ours is told of it."""
    pooler = "transaction" if database.pooled else "none"
    return {"DATABASE_URL": database.address, "RXLEDGER_DATABASE_POOLER": pooler}


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


def somebody_waits(conn: psycopg.Connection[Any]) -> bool:
    """Whether a transaction of this database waits for another: behind a pooler no process id tells whose."""
    waiting = (
        "SELECT EXISTS (SELECT FROM pg_stat_activity "
        "WHERE datname = current_database() AND cardinality(pg_blocking_pids(pid)) > 0)"
    )
    return conn.execute(waiting).fetchall() == [(True,)]


def renew_pool(database: Database) -> None:
    """End a pooler's connections to this database: what was said for them ends, new defaults are taken."""
    if not database.pooled:
        return
    with psycopg.connect(database.address, autocommit=True) as conn, suppress(psycopg.OperationalError):
        conn.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
            "WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
        others = (
            "SELECT FROM pg_stat_activity WHERE datname = current_database() "
            "AND backend_type = 'client backend' AND pid <> pg_backend_pid()"
        )
        while conn.execute(others).fetchall():  # what is about to end may still be given to somebody
            time.sleep(0.01)
        conn.execute("SELECT pg_terminate_backend(pg_backend_pid())")
