"""What reaches no webhook is counted and told: whoever set up the address or the proxy sees nothing else."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator

import pytest

from settings import PartnerSettings
from tests.integration.ingest.conftest import Serve
from tests.integration.ingest.test_receiver_answers import HEAD, counted, fresh
from tests.support.receiver import TOKEN, Running, raw

Told = Callable[[], list[str]]
POST = HEAD + b"Connection: close\r\nContent-Length: 2\r\n\r\n{}"


@pytest.fixture
def receiver(start: Serve) -> Running:
    return start()


@pytest.fixture
def told(caplog: pytest.LogCaptureFixture) -> Iterator[Told]:
    """Gives the lines that the log has by now."""
    with caplog.at_level(logging.WARNING, "ingest.strays"):
        yield lambda: caplog.messages


@pytest.mark.parametrize(
    ("begins", "reason", "says"),
    [
        (b"PROXY TCP4 192.0.2.1 192.0.2.2 5000 443\r\n", "proxy_protocol", "turn the PROXY protocol off"),
        (b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c" + bytes(12), "proxy_protocol", "turn the PROXY protocol off"),
        (b"\x16\x03\x01\x00\xa5\x01\x00\x00\xa1\x03\x03", "tls", "TLS has to end before the receiver"),
        (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "http2", "have the proxy speak HTTP/1.1"),
    ],
)
def test_another_protocol_is_named(
    receiver: Running, told: Told, begins: bytes, reason: str, says: str
) -> None:
    for _ in range(2):
        assert raw(receiver.port, begins + POST).startswith(b"HTTP/1.1 400 ")
    assert counted(receiver, f'rxledger_unrouted_total{{reason="{reason}"}}') == 2
    assert len([line for line in told() if says in line]) == 1


def test_what_is_no_http_at_all_is_counted(receiver: Running, told: Told) -> None:
    assert raw(receiver.port, b"patient 12345\r\n\r\n").startswith(b"HTTP/1.1 400 ")
    assert counted(receiver, 'rxledger_unrouted_total{reason="not_http"}') == 1
    assert not told()


@pytest.mark.parametrize(
    "path", ["/webhooks/truepill/", "//webhooks/truepill", "/webhooks//truepill?token=x"]
)
def test_a_slash_too_many_is_named(receiver: Running, told: Told, path: str) -> None:
    for _ in range(2):
        assert receiver.request("POST", path, fresh()).status == 404
    assert counted(receiver, 'rxledger_unrouted_total{reason="not_found"}') == 2
    (line,) = told()
    assert "the webhook is /webhooks/truepill, without a further slash" in line


def test_a_partner_without_a_secret_is_named_and_other_paths_are_only_counted(
    start: Serve, told: Told
) -> None:
    partners = (PartnerSettings("healnow"), PartnerSettings("truepill", tokens=(TOKEN,)))
    receiver = start(partners=partners)
    for path in ("/webhooks/healnow", "/wp-login.php", "/webhooks/tok-of-somebody"):
        assert receiver.request("POST", path, fresh()).status == 404
    assert counted(receiver, 'rxledger_unrouted_total{reason="not_found"}') == 3
    (line,) = told()
    assert "/webhooks/healnow has no secret configured" in line


def test_a_post_that_a_redirect_made_a_get_is_named(receiver: Running, told: Told) -> None:
    assert receiver.request("GET", "/webhooks/truepill").status == 405
    assert receiver.request("POST", "/healthz").status == 405
    assert counted(receiver, 'rxledger_unrouted_total{reason="method"}') == 2
    (line,) = told()
    assert "GET /webhooks/truepill: a redirect" in line
