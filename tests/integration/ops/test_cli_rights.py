"""A role that may not do what is asked of it: said in a line, and seen by `doctor`."""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import urlsplit, urlunsplit
from uuid import uuid4

import psycopg
import pytest

from ops.local.embedded import Addresses
from tests.support.commandline import Cli


@pytest.fixture
def role(servers: Addresses, cli_url: str) -> Iterator[str]:
    """The name of a role that was given nothing."""
    name = f"role_{uuid4().hex[:12]}"
    with psycopg.connect(cli_url, autocommit=True) as conn:
        conn.execute(f"CREATE ROLE {name} LOGIN")
        yield name
        conn.execute(f"DROP OWNED BY {name}")
        conn.execute(f"DROP ROLE {name}")


def address(url: str, role: str, database: str | None = None) -> str:
    parts = urlsplit(url)
    path = f"/{database}" if database else parts.path
    return urlunsplit(parts._replace(netloc=parts.netloc.replace("postgres@", f"{role}@"), path=path))


@pytest.mark.parametrize(
    ("prepare", "says"),
    [("", "permission denied for schema public"), ("nowhere", "no schema has been selected to create in")],
)
def test_who_may_not_migrate_is_told_what_it_takes(
    servers: Addresses, cli: Cli, role: str, prepare: str, says: str
) -> None:
    database = f"rxledger_test_{uuid4().hex[:12]}"
    with psycopg.connect(servers.database_url, autocommit=True) as conn:
        conn.execute(f"CREATE DATABASE {database}")
        if prepare:
            conn.execute(f"ALTER DATABASE {database} SET search_path = {prepare}")
        try:
            cli.setenv(DATABASE_URL=address(servers.database_url, role, database))
            ran = cli.run("migrate")
        finally:
            conn.execute(f"DROP DATABASE {database} WITH (FORCE)")
    assert ran.code == 1
    (line,) = ran.err.splitlines()
    assert says in line
    assert "wants the owner of the database" in line


@pytest.mark.parametrize("granted", ["SELECT", "SELECT, INSERT", "SELECT, INSERT, UPDATE"])
def test_doctor_sees_tables_that_the_role_may_not_write_to(
    cli: Cli, cli_url: str, role: str, granted: str
) -> None:
    found = {check["name"]: check for check in cli.run("doctor", "--json").document["checks"]}
    assert found["rights"]["status"] == "ok"
    with psycopg.connect(cli_url, autocommit=True) as conn:
        conn.execute(f"GRANT {granted} ON ALL TABLES IN SCHEMA public TO {role}")
    cli.setenv(DATABASE_URL=address(cli_url, role))
    found = {check["name"]: check for check in cli.run("doctor", "--json").document["checks"]}
    assert found["rights"]["status"] == "fail"
    assert "GRANT" in found["rights"]["todo"]
