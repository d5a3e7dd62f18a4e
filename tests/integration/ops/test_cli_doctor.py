"""`rxledger doctor`."""

from __future__ import annotations

from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread
from typing import Any
from urllib.parse import urlsplit

import pytest

from ops.doctor import services
from ops.local.embedded import Addresses
from store.db.migrate import config
from store.inbox.admit import admit_now
from store.inbox.model import Arrival
from tests.support.backends import own_prefix
from tests.support.commandline import Cli, Ran
from tests.support.factories import OrderError, OrderSuccess

TOKEN = "a-token-that-is-long-enough"


class _Ready(BaseHTTPRequestHandler):
    status = 200

    def do_GET(self) -> None:
        assert self.path == "/readyz"
        self.send_response(self.status)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Nothing: what is printed is looked at."""


@pytest.fixture
def receiver() -> Iterator[type[_Ready]]:
    """Something that answers as a receiver does; its status can be set. Where: `server_port`."""

    class Ready(_Ready):
        server_port = 0

    with HTTPServer(("127.0.0.1", 0), Ready) as server:
        Ready.server_port = server.server_port
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield Ready
        server.shutdown()
        thread.join()


@pytest.fixture
def whole(cli: Cli, servers: Addresses, receiver: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[Cli]:
    """A ledger with nothing wrong but that no worker runs."""
    with own_prefix(servers.broker_url) as (url, prefix):
        cli.setenv(
            REDIS_URL=url,
            RXLEDGER_BROKER_PREFIX=prefix,
            RXLEDGER_TRUEPILL_WEBHOOK_TOKENS=TOKEN,
            RXLEDGER_TRUEPILL_API_KEY="an api key",
            RXLEDGER_FLOWER_BASIC_AUTH="somebody:a-password-that-is-long",
            RXLEDGER_FLOWER_COOKIE_SECRET="a cookie secret that is long",
            RXLEDGER_RECEIVER_URL=f"http://127.0.0.1:{receiver.server_port}",
        )
        monkeypatch.setattr(services, "PING_SECONDS", (0.05,))
        yield cli


def checks(ran: Ran) -> dict[str, dict[str, Any]]:
    return {check["name"]: check for check in ran.document["checks"]}


def test_each_part_is_checked_and_only_the_missing_worker_fails(whole: Cli) -> None:
    whole.ledger.apply(OrderError())

    ran = whole.run("doctor", "--json")

    found = checks(ran)
    assert {name: check["status"] for name, check in found.items() if check["status"] != "ok"} == {
        "worker": "fail"
    }
    assert {
        "settings",
        "secrets",
        "postgresql",
        "schema",
        "partitions",
        "queue",
        "sweeper",
        "retrying",
    } <= set(found)
    assert {
        "quarantine",
        "seal keys",
        "look-up key",
        "broker",
        "receiver",
        "spool",
        "pulls",
        "silence",
    } <= set(found)
    assert "rxledger worker" in found["worker"]["todo"]
    assert found["schema"]["todo"] is None
    assert (ran.code, ran.document["ok"]) == (1, False)
    assert ran.err == "rxledger: failed: worker\n"


def test_a_worker_that_answers_makes_it_whole(whole: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    from workers.celery.app import app

    monkeypatch.setattr(app.control, "ping", lambda **_: [{"worker@here": {"ok": "pong"}}])

    ran = whole.run("doctor", "--json")

    assert (ran.code, ran.err, ran.document["ok"]) == (0, "", True)
    assert checks(ran)["worker"]["text"] == "1 answered: worker@here"
    assert "worker@here" in whole.run("doctor").out


def test_pulls_that_are_off_and_short_secrets_are_warnings_that_name_no_secret(whole: Cli) -> None:
    whole.setenv(
        RXLEDGER_TRUEPILL_API_KEY="",
        RXLEDGER_TRUEPILL_WEBHOOK_TOKENS=f"{TOKEN},short-one",
        RXLEDGER_ALLOW_SHORT_SECRETS="yes",
    )

    ran = whole.run("doctor", "--json")

    found = checks(ran)
    assert (found["pulls"]["status"], found["secrets"]["status"]) == ("warn", "warn")
    assert "pulls are off" in found["pulls"]["text"]
    assert "RXLEDGER_TRUEPILL_WEBHOOK_TOKENS" in found["secrets"]["text"]
    assert "short-one" not in ran.out


def test_keys_by_which_nothing_is_verified_are_a_warning(whole: Cli) -> None:
    whole.setenv(RXLEDGER_HEALNOW_WEBHOOK_HMAC_KEYS="a key of the tests, long enough to be one")
    found = checks(whole.run("doctor", "--json"))["signatures"]
    assert found["status"] == "warn"
    assert "RXLEDGER_HEALNOW_WEBHOOK_HMAC_HEADER" in found["todo"]

    whole.setenv(RXLEDGER_HEALNOW_WEBHOOK_HMAC_HEADER="X-Signature")
    assert "signatures" not in checks(whole.run("doctor", "--json"))


@pytest.mark.parametrize(
    ("sql", "part", "status"),
    [
        ("UPDATE queue SET received_at = now() - interval '2 minutes'", "queue", "warn"),
        ("UPDATE queue SET received_at = now() - interval '1 hour'", "queue", "fail"),
        ("UPDATE queue SET due_at = now() - interval '2 minutes'", "sweeper", "fail"),
        ("UPDATE queue SET attempts = 1", "retrying", "warn"),
        ("INSERT INTO quarantine (seq, reason, since) VALUES (0, 'poison', now())", "quarantine", "fail"),
        ("INSERT INTO quarantine (seq, reason, since) VALUES (0, 'not_json', now())", "quarantine", "warn"),
        ("INSERT INTO quarantine (seq, reason, since) VALUES (0, 'no_machine', now())", "quarantine", "ok"),
        (
            "INSERT INTO bodies (seq, received_at, id, partner, via, sealed) "
            "VALUES (0, '2001-01-01', gen_random_uuid(), 'truepill', 'push', '')",
            "partitions",
            "fail",
        ),
    ],
)
def test_trouble_in_the_database_is_seen(whole: Cli, sql: str, part: str, status: str) -> None:
    whole.ledger.admit(OrderSuccess())
    whole.ledger.conn.execute(sql)

    check = checks(whole.run("doctor", "--json"))[part]

    assert check["status"] == status
    assert (check["todo"] is None) == (status == "ok")


@pytest.mark.parametrize(
    ("name", "value", "part"),
    [
        ("RXLEDGER_SEAL_KEYS", f"k2:{'A' * 43}=", "seal keys"),
        ("RXLEDGER_SEAL_KEYS", f"k1:{'A' * 43}=", "seal keys"),
        ("RXLEDGER_LOOKUP_KEY", "another look-up key", "look-up key"),
    ],
)
def test_keys_that_are_not_those_of_the_stored_bodies_are_seen(
    whole: Cli, name: str, value: str, part: str
) -> None:
    whole.ledger.apply(OrderSuccess())
    whole.setenv(**{name: value})

    assert checks(whole.run("doctor", "--json"))[part]["status"] == "fail"


def test_a_pulled_body_proves_the_look_up_key_as_well(whole: Cli) -> None:
    whole.ledger.apply(OrderSuccess(), via="pull")
    assert checks(whole.run("doctor", "--json"))["look-up key"]["status"] == "ok"

    whole.setenv(RXLEDGER_LOOKUP_KEY="another look-up key")
    assert checks(whole.run("doctor", "--json"))["look-up key"]["status"] == "fail"


def test_a_record_that_came_last_says_nothing_against_the_keys(whole: Cli) -> None:
    whole.ledger.apply(OrderSuccess())
    tools, body = whole.ledger.tools, b'{"snapshot": "transfer"}'
    name = tools.keyed_hash.event_id("truepill", "snapshot", "the id it was asked for", body)
    sealed = tools.sealer.seal(body, name)
    admit_now(whole.ledger.conn, [Arrival(name, "truepill", "snapshot", tools.clock(), sealed)])
    found = checks(whole.run("doctor", "--json"))
    assert (found["seal keys"]["status"], found["look-up key"]["status"]) == ("ok", "ok")


def test_a_schema_that_is_behind_is_seen(whole: Cli, servers: Addresses) -> None:
    from alembic import command

    from tests.support.backends import fresh_database

    with fresh_database(servers.database_url) as url:
        command.downgrade(config(url), "0001")
        whole.setenv(DATABASE_URL=url)

        check = checks(whole.run("doctor", "--json"))["schema"]

    assert check["status"] == "fail"
    assert "rxledger migrate" in check["todo"]


def test_servers_that_cannot_be_reached_are_failures_and_the_rest_is_checked(
    whole: Cli, tmp_path: Path
) -> None:
    whole.setenv(
        DATABASE_URL="postgresql://127.0.0.1:1/nothing",
        REDIS_URL="redis://:a-secret@127.0.0.1:1/0",
        RXLEDGER_RECEIVER_URL="http://127.0.0.1:1",
    )
    (tmp_path / "spool" / "one").mkdir(parents=True)
    (tmp_path / "spool" / "one" / "1.batch").write_bytes(b"")

    ran = whole.run("doctor", "--json")

    found = checks(ran)
    assert {name for name, check in found.items() if check["status"] == "fail"} == {
        "postgresql",
        "broker",
        "receiver",
    }
    assert found["spool"]["status"] == "warn"
    assert "a-secret" not in ran.out + ran.err


def test_a_broker_that_refuses_the_password_is_told_from_one_that_is_away(
    whole: Cli, servers: Addresses
) -> None:
    place = urlsplit(servers.broker_url)
    whole.setenv(REDIS_URL=f"redis://nobody:a-secret@127.0.0.1:{place.port}/0")

    ran = whole.run("doctor", "--json")

    found = checks(ran)["broker"]
    assert (found["status"], found["text"]) == ("fail", "it answers with an error: AuthenticationError")
    assert "password" in found["todo"]
    assert "a-secret" not in ran.out + ran.err


def test_a_receiver_that_is_not_ready_fails(whole: Cli, receiver: Any) -> None:
    receiver.status = 503

    check = checks(whole.run("doctor", "--json"))["receiver"]

    assert (check["status"], "503" in check["text"]) == ("fail", True)


def test_settings_that_are_missing_or_wrong_are_named(cli: Cli) -> None:
    missing = cli.run("doctor", "--json")
    cli.setenv(RXLEDGER_SEAL_KEYS="nonsense")
    wrong = cli.run("doctor", "--json")

    assert "REDIS_URL" in checks(missing)["settings"]["text"]
    assert "RXLEDGER_SEAL_KEYS" in checks(wrong)["settings"]["text"]
    assert (missing.code, wrong.code) == (1, 1)
