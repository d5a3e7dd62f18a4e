"""Every row of the contract's table of answers, over a real server and a real PostgreSQL."""

from __future__ import annotations

import base64
import gzip
import hmac
import os
import select
import socket
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from ipaddress import ip_network
from pathlib import Path

import psycopg
import pytest

from ingest.app import build
from ingest.limits import Limits
from ingest.protocol import MOST_HEAD_BYTES
from settings import PartnerSettings, Settings, SettingsError
from store.crypto.keyed_hash import KeyedHash
from store.crypto.sealing import Sealer
from tests.integration.ingest.conftest import NOW, Serve
from tests.support.receiver import (
    LOOKUP_KEY,
    SEAL_KEYS,
    TOKEN,
    Running,
    configuration,
    raw,
    serve,
    stored,
    until,
)

MIB = 1 << 20
# HTTP's own form of a request, for what http.client would not send.
HEAD = b"POST /webhooks/truepill HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer " + TOKEN.encode() + b"\r\n"


def chunk(body: bytes) -> bytes:
    """A body as the only chunk, without the line that ends it."""
    return b"%x\r\n%b\r\n0\r\n" % (len(body), body)


def fresh(size: int = 40) -> bytes:
    """A body that was never sent before."""
    return b'{"n": "%b"}' % os.urandom(size).hex().encode()


def count(url: str) -> int:
    with psycopg.connect(url) as conn:
        row = conn.execute("SELECT count(*) FROM events").fetchone()
        assert row is not None
        return int(row[0])


def counted(receiver: Running, series: str) -> float:
    """The value of one series of the receiver's metrics."""
    for line in receiver.request("GET", "/metrics").body.decode().splitlines():
        if line.startswith(series):
            return float(line.rpartition(" ")[2])
    return 0


@pytest.fixture(scope="module")
def receiver(inbox_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """One receiver for the tests that leave it as it was."""
    partner = PartnerSettings("truepill", (TOKEN, "other-token"), hmac_keys=("key",))
    settings = configuration(tmp_path_factory.mktemp("receiver"), inbox_url, partners=(partner,))
    limits = Limits(body_seconds=0.3, drain_seconds=1, idle_seconds=1)
    with serve(settings, clock=lambda: NOW, limits=limits) as running:
        yield running


def test_a_new_event_is_durable_sealed_and_hinted_when_it_is_answered(
    receiver: Running, inbox_url: str
) -> None:
    body, hinted = fresh(), len(receiver.hints)
    answer = receiver.post(body)
    event = KeyedHash(LOOKUP_KEY).event_id("truepill", "push", "", body)
    assert (answer.status, answer.json) == (200, {"event": event.hex(), "duplicate": False})
    ((partner, via, received_at, sealed),) = stored(inbox_url, event.hex())
    assert (partner, via, received_at) == ("truepill", "push", NOW)
    assert Sealer(SEAL_KEYS).unseal(sealed, event) == body
    assert len(receiver.hints) == hinted + 1


def test_a_copy_seen_before_is_answered_with_the_first_ones_id(receiver: Running, inbox_url: str) -> None:
    body = fresh()
    first, second = receiver.post(body), receiver.post(body)
    assert (first.json["duplicate"], second.json["duplicate"]) == (False, True)
    assert first.json["event"] == second.json["event"]
    assert len(stored(inbox_url, first.json["event"])) == 1


@pytest.mark.parametrize(
    "body",
    [
        b"not json",
        b'{"a": ',
        b"\xff\xfe\x00",
        b"[1, 2]",
        b"[" * 100_000,
        b"NaN",
        b'{"type": "unheard of"}',
        b"\0",
    ],
)
def test_what_it_says_is_not_the_receivers_business(receiver: Running, inbox_url: str, body: bytes) -> None:
    answer = receiver.post(body)
    assert answer.status == 200
    assert len(stored(inbox_url, answer.json["event"])) == 1


def test_a_body_of_one_mebibyte_is_taken_and_one_byte_more_is_not(receiver: Running) -> None:
    body = os.urandom(MIB)
    assert receiver.post(body).status == 200
    answer = receiver.post(body + b"x")
    assert (answer.status, answer.headers["connection"]) == (413, "close")
    assert "larger" in answer.json["error"]


def test_a_chunked_body_is_counted_as_it_comes(receiver: Running) -> None:
    headers = {"Authorization": f"Bearer {TOKEN}", "Transfer-Encoding": "chunked"}
    pieces = [os.urandom(64 * 1024) for _ in range(16)]
    fits = receiver.request("POST", "/webhooks/truepill", iter(pieces), headers, encode_chunked=True)
    assert fits.status == 200
    over = receiver.request("POST", "/webhooks/truepill", iter([*pieces, b"x"]), headers, encode_chunked=True)
    assert over.status == 413


def test_a_refusal_reaches_a_client_that_sends_much_more(receiver: Running) -> None:
    assert receiver.post(bytes(8 * MIB)).status == 413
    assert receiver.post(bytes(8 * MIB), Authorization="Bearer wrong").status == 401
    assert receiver.post(bytes(8 * MIB), Content_Encoding="gzip").status == 415


def test_a_refused_body_without_end_is_not_read_for_ever(receiver: Running) -> None:
    answer = raw(receiver.port, HEAD + b"Content-Length: 99999999999\r\n\r\n", bytes(1000))
    assert answer.startswith(b"HTTP/1.1 413 ")


@pytest.mark.parametrize("encoding", ["gzip", "br", "GZIP", "identity, gzip", "x"])
def test_a_compressed_body_is_refused(receiver: Running, encoding: str) -> None:
    answer = receiver.post(gzip.compress(fresh()), Content_Encoding=encoding)
    assert (answer.status, answer.headers["connection"]) == (415, "close")
    assert "error" in answer.json


def test_the_identity_encoding_is_none(receiver: Running) -> None:
    assert receiver.post(fresh(), Content_Encoding="identity").status == 200


@pytest.mark.parametrize("coding", ["gzip, chunked", "GZIP,chunked", "chunked, chunked"])
def test_a_body_that_was_packed_on_the_way_is_refused(receiver: Running, coding: str) -> None:
    head = HEAD + f"Transfer-Encoding: {coding}\r\n\r\n".encode()
    answer = raw(receiver.port, head + chunk(b"\x1f\x8b\x08 and so on") + b"\r\n")
    assert answer.startswith((b"HTTP/1.1 415 ", b"HTTP/1.1 400 "))


def test_a_coding_said_in_two_lines_is_refused(receiver: Running) -> None:
    head = HEAD + b"Transfer-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n\r\n"
    answer = raw(receiver.port, head + chunk(b"\x1f\x8b\x08 and so on") + b"\r\n")
    assert answer.startswith(b"HTTP/1.1 415 ")
    assert b"but chunked" in answer


def test_an_empty_body_is_refused(receiver: Running) -> None:
    assert receiver.post(b"").status == 400
    assert raw(receiver.port, HEAD + b"Connection: close\r\n\r\n").startswith(b"HTTP/1.1 400 ")


def test_a_slow_body_is_given_up(receiver: Running) -> None:
    for begun in (b"", b"x" * 10):
        answer = raw(receiver.port, HEAD + b"Content-Length: 20\r\n\r\n" + begun)
        assert answer.startswith(b"HTTP/1.1 408 ")
        assert b"connection: close" in answer


def test_a_client_that_leaves_within_its_body_is_no_error(receiver: Running) -> None:
    series = 'rxledger_received_total{partner="truepill",result="disconnected"}'
    before = counted(receiver, series)
    assert raw(receiver.port, HEAD + b"Content-Length: 5\r\nConnection: close\r\n\r\nabcde").startswith(
        b"HTTP/1.1 200"
    )
    with socket.create_connection(("127.0.0.1", receiver.port)) as connection:
        connection.sendall(HEAD + b"Content-Length: 20\r\n\r\nabc")
    until(lambda: counted(receiver, series) == before + 1)


UNVERIFIED: list[dict[str, str]] = [
    {"Authorization": ""},
    {"Authorization": "Bearer wrong"},
    {"Authorization": "Basic %%%"},
    {"Authorization": "Bearer t\xf6ken"},
    {"Authorization": "x" * 20_000},
    {"Authorization": "", "X_Webhook_Token": "wrong"},
    {"Authorization": "", "webhook_signature": "v1,%%%", "webhook_id": "m", "webhook_timestamp": "soon"},
    {"Authorization": "", "webhook_signature": "v1," + "A" * 43 + "=", "webhook_timestamp": "9" * 400},
]


@pytest.mark.parametrize("headers", UNVERIFIED)
def test_what_is_not_verified_is_not_stored(
    receiver: Running, inbox_url: str, headers: dict[str, str]
) -> None:
    series = 'rxledger_received_total{partner="truepill",result="unverified"}'
    before, refused = count(inbox_url), counted(receiver, series)
    answer = receiver.post(fresh(), **headers)
    assert (answer.status, answer.json) == (401, {"error": "not verified"})
    assert count(inbox_url) == before
    assert counted(receiver, series) == refused + 1


def test_the_token_comes_in_three_ways_and_each_of_several_counts(receiver: Running) -> None:
    assert receiver.post(fresh(), Authorization="", X_Webhook_Token=TOKEN).status == 200
    assert receiver.post(fresh(), Authorization="bearer other-token").status == 200
    for query, status in ((f"token={TOKEN}", 200), ("token=other%2Dtoken", 200), ("token=no", 401)):
        assert receiver.request("POST", f"/webhooks/truepill?{query}", fresh()).status == status


def test_a_signature_is_checked_over_the_raw_bytes(receiver: Running) -> None:
    body, at = fresh(), str(int(NOW.timestamp()))
    digest = hmac.digest(b"key", f"msg.{at}.".encode() + body, "sha256")
    signed = {
        "webhook-id": "msg",
        "webhook-timestamp": at,
        "webhook-signature": "v1," + base64.b64encode(digest).decode(),
    }
    assert receiver.request("POST", "/webhooks/truepill", body, signed).status == 200
    assert receiver.request("POST", "/webhooks/truepill", body + b" ", signed).status == 401


def test_a_rotated_secret_counts_beside_the_new_one_and_not_without_it(start: Serve) -> None:
    both = start(partners=(PartnerSettings("truepill", ("new", "old")),))
    new = start(partners=(PartnerSettings("truepill", ("new",)),))
    assert [both.post(fresh(), Authorization=f"Bearer {t}").status for t in ("old", "new")] == [200, 200]
    assert [new.post(fresh(), Authorization=f"Bearer {t}").status for t in ("old", "new")] == [401, 200]


def test_networks_are_a_further_condition_seen_through_trusted_proxies(start: Serve) -> None:
    partner = PartnerSettings("truepill", (TOKEN,), allowed_cidrs=(ip_network("198.51.100.0/24"),))
    direct = start(partners=(partner,))
    assert direct.post(fresh(), X_Forwarded_For="198.51.100.7").status == 401
    proxied = start(partners=(partner,), trusted_proxies=(ip_network("127.0.0.0/8"),))
    assert proxied.post(fresh()).status == 401
    assert proxied.post(fresh(), X_Forwarded_For="198.51.100.7").status == 200
    assert proxied.post(fresh(), X_Forwarded_For="198.51.100.7, 203.0.113.9").status == 401
    assert proxied.post(fresh(), Authorization="", X_Forwarded_For="198.51.100.7").status == 401


def test_a_partner_without_a_secret_has_no_route(receiver: Running, start: Serve) -> None:
    answer = receiver.request("POST", "/webhooks/healnow", fresh())
    assert (answer.status, answer.json) == (404, {"error": "not found"})
    both = start(partners=(PartnerSettings("healnow", basic=("user:pass",)),))
    credentials = {"Authorization": "Basic " + base64.b64encode(b"user:pass").decode()}
    assert both.request("POST", "/webhooks/healnow", fresh(), credentials).status == 200


def test_without_any_secret_there_is_no_receiver(tmp_path: Path, inbox_url: str) -> None:
    settings: Settings = configuration(tmp_path, inbox_url, partners=(PartnerSettings("truepill"),))
    with pytest.raises(SettingsError, match="RXLEDGER_TRUEPILL_WEBHOOK_TOKENS"):
        build(settings, publish=lambda seqs: None)


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/", 404),
        ("POST", "/webhooks/truepill/", 404),
        ("POST", "/webhooks/unknown", 404),
        ("GET", "/webhooks/truepill", 405),
        ("PUT", "/webhooks/truepill", 405),
        ("POST", "/healthz", 405),
    ],
)
def test_every_error_is_json(receiver: Running, method: str, path: str, status: int) -> None:
    answer = receiver.request(method, path, b"x")
    assert answer.status == status
    assert list(answer.json) == ["error"]


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        (b"nonsense\r\n\r\n", 400),
        (b"POST /webhooks/truepill HTTP/1.1\r\nContent-Length: -1\r\n\r\n", 400),
        (b"POST /\xff\xfe HTTP/1.1\r\nHost: x\r\n\r\n", 400),
        (HEAD + b"Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n", 400),
        (HEAD + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n", 400),
    ],
)
def test_what_is_not_http_is_answered_with_json_too(receiver: Running, sent: bytes, status: int) -> None:
    answer = raw(receiver.port, sent)
    assert answer.startswith(b"HTTP/1.1 %d " % status)
    assert answer.endswith(b'{"error": "not a valid HTTP request"}')


OFFERS = (
    b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\n",
    b"Upgrade: websocket\r\nConnection: keep-alive\r\nConnection: upgrade\r\n",
    b"upgrade: TLS/1.0, HTTP/1.1\r\nconnection: upgrade\r\n",
)


@pytest.mark.parametrize("offer", OFFERS)
@pytest.mark.parametrize("framing", ["length", "chunks"])
def test_an_offer_to_upgrade_is_ignored_and_the_body_read(
    receiver: Running, inbox_url: str, offer: bytes, framing: str
) -> None:
    """The body looks like a request, and would be answered as one if it were taken for it."""
    before = count(inbox_url)
    bodies = [b"GET /healthz HTTP/1.1\r\nHost: x\r\nX-Number: " + fresh() + b"\r\n\r\n" for _ in range(2)]
    frame = {
        "length": b"Content-Length: %d\r\n\r\n%b",
        "chunks": b"Transfer-Encoding: chunked\r\n\r\n%x\r\n%b\r\n0\r\n\r\n",
    }[framing]
    first, second = (HEAD + offer + frame % (len(body), body) for body in bodies)
    last = HEAD + b"Connection: close\r\nContent-Length: 3\r\n\r\n{}\n"
    answer = raw(receiver.port, first[:150], first[150:], second + last)
    assert answer.count(b"HTTP/1.1 ") == answer.count(b"HTTP/1.1 200 ") == 3
    assert count(inbox_url) - before in (2, 3)  # the last one may have come before


def test_a_request_without_a_body_may_offer_an_upgrade_too(receiver: Running) -> None:
    offer = b"GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close, Upgrade\r\nUpgrade: websocket\r\n\r\n"
    answer = raw(receiver.port, offer)
    assert answer.startswith(b"HTTP/1.1 200 ")
    assert answer.endswith(b'{"alive":true}')


def test_a_tunnel_is_refused_and_what_comes_through_it_is_no_request(receiver: Running) -> None:
    inside = b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n"
    answer = raw(receiver.port, b"CONNECT x:443 HTTP/1.1\r\nHost: x\r\n\r\n" + inside)
    assert answer.startswith(b"HTTP/1.1 400 ")
    assert answer.count(b"HTTP/1.1 ") == 1


def test_headers_without_end_are_cut_off(receiver: Running) -> None:
    line = b"X-Junk: " + b"a" * 8000 + b"\r\n"
    with socket.create_connection(("127.0.0.1", receiver.port), timeout=10) as connection:
        connection.sendall(HEAD)
        sent = 0
        while not select.select([connection], [], [], 0.05)[0]:
            connection.sendall(line)
            sent += len(line)
            assert sent < 200_000
        assert connection.recv(4096).startswith(b"HTTP/1.1 431 ")


@pytest.mark.parametrize("pause", [0.0, 0.05])
def test_what_stands_behind_the_body_is_no_header(receiver: Running, pause: float) -> None:
    """However it arrives: in one piece with the head, or later."""
    chunked = b"POST /webhooks/truepill HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n"
    token = b"Authorization: Bearer " + TOKEN.encode() + b"\r\n"
    close = b"Connection: close\r\n"
    behind = (chunked + close + b"\r\n", chunk(fresh()) + token + b"\r\n")
    before = (chunked + close + token + b"\r\n", chunk(fresh()) + b"Authorization: Bearer other\r\n\r\n")
    for pieces, status in ((behind, 401), (before, 200)):
        sent = pieces if pause else (b"".join(pieces),)
        assert raw(receiver.port, *sent, pause=pause).startswith(b"HTTP/1.1 %d " % status)


@pytest.mark.parametrize("verified", [True, False])
def test_what_stands_behind_the_body_has_an_end(receiver: Running, verified: bool) -> None:
    head = HEAD if verified else HEAD.replace(b"Bearer", b"Bearex")
    chunked = head + b"Transfer-Encoding: chunked\r\n\r\n" + chunk(fresh())
    series = 'rxledger_unrouted_total{reason="large_head"}'
    before = counted(receiver, series)
    answer = raw(receiver.port, chunked, b"X-Junk: " + b"a" * MOST_HEAD_BYTES, pause=0.1)
    assert answer.startswith(b"HTTP/1.1 401 ") is not verified
    until(lambda: counted(receiver, series) == before + 1)


@pytest.mark.parametrize("size", [1, 8_000])
def test_a_body_in_many_small_chunks_is_no_such_thing(receiver: Running, size: int) -> None:
    """Chunks may each bring an extension; what counts is what comes without any of the body."""
    pieces = (b"%x;name=value\r\n%b\r\n" % (size, b"x" * size) for _ in range(100_000 // size))
    body = b"".join(pieces) + b"0\r\n\r\n"
    answer = raw(receiver.port, HEAD + b"Connection: close\r\nTransfer-Encoding: chunked\r\n\r\n" + body)
    assert answer.startswith(b"HTTP/1.1 200 ")


def test_headers_that_never_end_are_not_waited_for(
    receiver: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ingest.protocol.HEAD_SECONDS", 0.2)
    assert raw(receiver.port, HEAD) == b""
    assert raw(receiver.port) == b""


def test_one_connection_carries_many_requests_and_pipelined_ones(receiver: Running) -> None:
    body = b"0123456789"
    one = HEAD + b"Content-Length: 10\r\n\r\n" + body
    last = HEAD + b"Connection: close\r\nContent-Length: 10\r\n\r\n" + body
    assert raw(receiver.port, one, one + one, one + last).count(b"HTTP/1.1 200 ") == 5


def test_many_at_once_share_commits_and_none_is_lost(receiver: Running, inbox_url: str) -> None:
    before, hinted = count(inbox_url), len(receiver.hints)
    bodies = [fresh() for _ in range(200)]
    with ThreadPoolExecutor(16) as pool:
        answers = list(pool.map(receiver.post, [*bodies, *bodies]))
    assert {answer.status for answer in answers} == {200}
    assert sum(not answer.json["duplicate"] for answer in answers) == 200
    assert count(inbox_url) == before + 200
    assert len(set(receiver.hints[hinted:])) == len(receiver.hints) - hinted == 200


def test_health_and_readiness_say_what_there_is(receiver: Running) -> None:
    assert receiver.request("GET", "/healthz").json == {"alive": True}
    receiver.post(fresh())
    ready = receiver.request("GET", "/readyz")
    assert (ready.status, ready.json) == (200, {"ready": True, "postgresql": True, "spool": True})


def test_metrics_are_for_loopback_or_for_who_has_the_token(start: Serve) -> None:
    receiver = start(metrics_token="metrics-token", trusted_proxies=(ip_network("127.0.0.1"),))
    assert b"rxledger_batch_rows_bucket" in receiver.request("GET", "/metrics").body
    for name in ("X-Forwarded-For", "Forwarded", "Via", "X-Real-IP"):
        passed_on = {name: "127.0.0.1"}
        assert receiver.request("GET", "/metrics", headers=passed_on).status == 401
        given = passed_on | {"Authorization": "Bearer metrics-token"}
        assert receiver.request("GET", "/metrics", headers=given).status == 200
        given = passed_on | {"Authorization": "Bearer m\xe9trics"}
        assert receiver.request("GET", "/metrics", headers=given).status == 401


def test_without_a_metrics_token_none_is_right(start: Serve) -> None:
    receiver = start()
    for authorization in ("Bearer ", "Bearer None", "Bearer"):
        headers = {"X-Forwarded-For": "192.0.2.1", "Authorization": authorization}
        assert receiver.request("GET", "/metrics", headers=headers).status == 401


def test_an_error_of_ours_is_a_500_without_its_text(start: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    def crash(self: object, plain: bytes, context: bytes) -> bytes:
        raise ValueError("canary " + plain.decode())

    monkeypatch.setattr(Sealer, "seal", crash)
    receiver = start()
    answer = receiver.post(fresh())
    assert (answer.status, answer.json) == (500, {"error": "internal error"})
    assert b"rxledger_crashes_total 1.0" in receiver.request("GET", "/metrics").body


def test_bodies_in_pieces_may_not_hold_all_the_memory_there_is(start: Serve) -> None:
    receiver = start(Limits(held_bytes=100_000))
    assert receiver.post(os.urandom(50_000)).status == 200
    answer = receiver.post(os.urandom(900_000))
    assert answer.status == 503
    assert "retry-after" in answer.headers
