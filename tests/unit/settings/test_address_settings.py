"""Addresses: read by one parser, checked at start, and refused without a word of what they hold."""

from __future__ import annotations

import pytest
from psycopg.conninfo import conninfo_to_dict

from settings import Database, Settings, SettingsError
from store.db.connections import call_for

SECRET = "hunter2-hunter2"


def load(name: str, value: str) -> Settings:
    return Settings.load({"RXLEDGER_DATA": "/nonexistent", name: value})


def refusal(name: str, value: str) -> str:
    with pytest.raises(SettingsError) as refused:
        load(name, value)
    told = str(refused.value)
    assert SECRET not in told
    assert "\n" not in told
    return told


@pytest.mark.parametrize(
    ("url", "host", "port"),
    [
        (f"postgresql://u:{SECRET}@h1:5432,h2:5433/db?target_session_attrs=read-write", "h1,h2", "5432,5433"),
        (f"postgres://u:{SECRET}@%2Fvar%2Frun%2Fpostgresql/db", "/var/run/postgresql", None),
        (f"postgresql+psycopg://u:{SECRET}@h:5432/db\n", "h", "5432"),
        (
            f"  postgresql://u:{SECRET}@[::1]:5432/db?sslmode=verify-full&application_name=ours ",
            "::1",
            "5432",
        ),
    ],
)
def test_an_address_is_what_libpq_makes_of_it(url: str, host: str, port: str | None) -> None:
    address = load("DATABASE_URL", url).database_url
    assert address is not None
    given = conninfo_to_dict(address)
    assert (given["host"], given.get("port"), given["dbname"]) == (host, port, "db")


@pytest.mark.parametrize(
    ("url", "wants"),
    [
        (f"postgresql://u:{SECRET}@h/db?pgbouncer=true", "wants no parameter pgbouncer"),
        (f"postgresql://u:{SECRET}@h/db?sslmode=require&{SECRET}=1", "wants no parameter …"),
        (f"postgresql://u:{SECRET}%ZZ@h/db", "wants an address that libpq can read"),
        (f"postgresql://u:{SECRET}@[::1/db", "wants an address that libpq can read"),
        (f"mysql://u:{SECRET}@h/db", "wants postgresql://…"),
    ],
)
def test_what_is_wrong_with_a_database_address_is_told_in_a_line(url: str, wants: str) -> None:
    assert refusal("DATABASE_URL", url).startswith(f"DATABASE_URL cannot be used: {wants}")


@pytest.mark.parametrize("name", ["REDIS_URL", "BROKER_URL"])
@pytest.mark.parametrize(
    "value",
    [
        f"redis://:{SECRET}@h:99999/0",
        f"redis://:{SECRET}@h:port/0",
        f"redis://:{SECRET} @h",
        f"redis://:{SECRET}@h:6379/notanumber",
        f"redis://:{SECRET}@h:6379/0;redis://:{SECRET}@h2:6379/notanumber",
        f"redis://:{SECRET}@h:6379?db=5",
        f"rediss://:{SECRET}@h:6379/0?ssl_cert_reqs=nonsense",
    ],
)
def test_a_brokers_address_is_checked_at_start(name: str, value: str) -> None:
    assert refusal(name, value).startswith(f"{name} cannot be used: wants ")


@pytest.mark.parametrize("value", ["https://", "https:///v1", "https://h:0", "https://h:1x", "https://h /v1"])
def test_a_partners_address_is_checked_at_start(value: str) -> None:
    name = "RXLEDGER_TRUEPILL_BASE_URL"
    assert refusal(name, value).startswith(f"{name} cannot be used: wants ")


def test_a_newline_behind_an_address_is_no_part_of_it() -> None:
    assert load("REDIS_URL", "redis://h:6379/0\n").redis_url == "redis://h:6379/0"
    assert load("RXLEDGER_TRUEPILL_BASE_URL", "https://h/\n").partner("truepill").base_url == "https://h"


def test_what_the_address_says_wins_and_its_options_are_added() -> None:
    url = (
        "postgresql://h/db?connect_timeout=9&application_name=ours&keepalives_idle=7"
        "&options=-c%20search_path%3Dledger%20-c%20statement_timeout%3D1s"
    )
    given = call_for(Database(url), "worker", statement_timeout=60_000).parameters
    assert (given["connect_timeout"], given["application_name"], given["keepalives_idle"]) == (
        "9",
        "ours",
        "7",
    )
    assert given["options"] == (
        "-c timezone=UTC -c datestyle=ISO -c default_transaction_isolation=read\\ committed "
        "-c array_nulls=on -c statement_timeout=60000 -c search_path=ledger -c statement_timeout=1s"
    )
    assert call_for("postgresql://h/db", "worker").parameters["application_name"] == "rxledger-worker"


def test_a_pooler_is_said_by_name() -> None:
    name = "RXLEDGER_DATABASE_POOLER"
    assert load(name, "transaction").database.pooled
    assert not load(name, "none").database.pooled
    assert refusal(name, "session") == f"{name} cannot be used: wants none or transaction"


def test_what_is_said_for_a_session_is_refused_behind_a_pooler() -> None:
    values = {"RXLEDGER_DATABASE_POOLER": "transaction", "RXLEDGER_DATA": "/nonexistent"}
    address = f"postgresql://u:{SECRET}@h/db?options=-c%20search_path%3Dledger"
    with pytest.raises(SettingsError, match=r"^DATABASE_URL cannot be used: wants no options") as refused:
        Settings.load({**values, "DATABASE_URL": address})
    assert SECRET not in str(refused.value)
    call = call_for(Settings.load({**values, "DATABASE_URL": "postgresql://h/db"}).database, "worker")
    assert call.parameters["options"] == ""
    assert (
        call.said == "SET LOCAL timezone = 'UTC'; SET LOCAL datestyle = 'ISO'; SET LOCAL array_nulls = 'on'"
    )
