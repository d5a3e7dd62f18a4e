"""`rxledger receipt`: a PDF that is fetched, written out or to a file, audited, and kept nowhere."""

from __future__ import annotations

import sys
from collections.abc import Iterator

import pytest
import stamina

from tests.support.commandline import Cli
from tests.support.ledger import every_text
from tests.support.partner import Answer, Asked, Partner, partner

KEY = "hn_live_key_that_is_secret"
PDF = b"%PDF-1.4\nJane Canary\n"


@pytest.fixture(autouse=True)
def without_waits() -> Iterator[None]:
    with stamina.set_testing(True, attempts=2):
        yield


@pytest.fixture
def server(cli: Cli) -> Iterator[Partner]:
    def answer(asked: Asked) -> Answer:
        return Answer(body=PDF) if asked.path == "/v1/orders/o1/receipt" else Answer(404, b"Jane Canary")

    with partner(answer) as running:
        cli.setenv(RXLEDGER_HEALNOW_BASE_URL=running.url, RXLEDGER_HEALNOW_API_KEY=KEY)
        yield running


def audited(cli: Cli) -> list[tuple[str, str, str | None]]:
    return cli.ledger.conn.execute("SELECT action, subject, reason FROM audit").fetchall()


def test_a_receipt_goes_to_standard_output_and_into_the_audit_and_nowhere_else(
    cli: Cli, server: Partner
) -> None:
    ran = cli.run("receipt", "o1", "--reason", "the patient asked")
    assert (ran.code, ran.out, ran.err) == (0, PDF.decode(), "")
    assert audited(cli) == [("receipt", "order o1", "the patient asked")]
    assert "Canary" not in every_text(cli.ledger.conn, ("audit", "calls", "events", "streams"))
    assert server.asked[0].headers["Authorization"] == f"Bearer {KEY}"


def test_a_terminal_gets_no_pdf_and_nothing_is_asked_for(
    cli: Cli, server: Partner, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(type(sys.stdout), "isatty", lambda _: True)
    ran = cli.run("receipt", "o1")
    assert (ran.code, ran.out) == (1, "")
    assert "--output FILE" in ran.err
    assert (server.asked, audited(cli)) == ([], [])


def test_a_file_is_for_our_own_eyes_alone(cli: Cli, server: Partner) -> None:
    file = cli.data / "receipt.pdf"
    ran = cli.run("receipt", "o1", "--output", str(file))
    assert (ran.code, ran.out) == (0, "")
    assert file.read_bytes() == PDF
    assert file.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize(
    ("order", "answer", "said"),
    [
        ("o2", None, "receipt: 404, the partner does not give it"),
        ("o1", Answer(body=b"<html>Jane Canary"), "receipt: the answer is no PDF"),
        ("o1", Answer(401, b"Jane Canary"), "receipt: 401, the API key is refused"),
        ("o1", Answer(500, b"Jane Canary"), "receipt: 500, the partner failed"),
        ("a/b", None, "a name in a URL wants 1 to 128 of A-Z, a-z, 0-9, _, . and -"),
    ],
)
def test_what_is_not_to_be_had_is_one_line(
    cli: Cli, server: Partner, order: str, answer: Answer | None, said: str
) -> None:
    if answer is not None:
        server.answer = lambda _: answer
    ran = cli.run("receipt", order)
    assert (ran.code, ran.out, ran.err) == (1, "", f"rxledger: {said}\n")


def test_a_partner_that_is_left_alone_is_not_asked(cli: Cli, server: Partner) -> None:
    server.answer = lambda _: Answer(401)
    cli.run("receipt", "o1")
    ran = cli.run("receipt", "o1")
    assert (ran.code, len(server.asked)) == (1, 1)
    assert "no call for" in ran.err


def test_without_a_key_it_says_so(cli: Cli) -> None:
    ran = cli.run("receipt", "o1")
    assert (ran.code, ran.err) == (1, "rxledger: RXLEDGER_HEALNOW_API_KEY is not set\n")
