"""Verification: what is taken, what is refused and why, and that junk is never more than a refusal."""

from __future__ import annotations

import base64
import hmac
from ipaddress import ip_network

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest.addresses import client_address, parse
from ingest.verification import TOLERANCE, Verdict, Verifier, fields
from settings import PartnerSettings

NOW = 1_700_000_000
BODY = b'{"request_id": "r1"}'
WHSEC = "whsec_" + base64.b64encode(b"a key of the standard kind").decode()

TOKENS = Verifier(PartnerSettings("truepill", tokens=("old-token", "new token+")))
BASIC = Verifier(PartnerSettings("truepill", basic=("user:pass:word", "ärzte:geheim")))
SIGNED = Verifier(
    PartnerSettings("truepill", hmac_keys=("plain-key", WHSEC), hmac_header="x-truepill-signature")
)

Headers = list[tuple[bytes, bytes]]


def judge(verifier: Verifier, headers: Headers, query: bytes = b"", body: bytes = BODY) -> Verdict:
    """Both halves, as the handler joins them."""
    read = fields(headers)
    verdict = verifier.before_body("192.0.2.7", read, query)
    return verifier.after_body(read, body, NOW) if verdict is Verdict.UNDECIDED else verdict


def basic(pair: bytes) -> Headers:
    return [(b"authorization", b"Basic " + base64.b64encode(pair))]


def standard(key: bytes, *, at: int = NOW, message_id: bytes = b"msg_1", before: bytes = b"") -> Headers:
    digest = hmac.digest(key, b"%b.%d.%b" % (message_id, at, BODY), "sha256")
    return [
        (b"webhook-id", message_id),
        (b"webhook-timestamp", b"%d" % at),
        (b"webhook-signature", before + b"v1," + base64.b64encode(digest)),
    ]


def hexed(key: bytes, prefix: bytes = b"", body: bytes = BODY) -> Headers:
    return [(b"x-truepill-signature", prefix + hmac.digest(key, body, "sha256").hex().encode())]


@pytest.mark.parametrize(
    ("headers", "query", "verdict"),
    [
        ([(b"authorization", b"Bearer old-token")], b"", Verdict.VERIFIED),
        ([(b"authorization", b"bearer  new token+ ")], b"", Verdict.VERIFIED),
        ([(b"x-webhook-token", b"old-token")], b"", Verdict.VERIFIED),
        ([], b"token=old-token", Verdict.VERIFIED),
        ([], b"a=1&token=old%2Dtoken&b", Verdict.VERIFIED),
        ([], b"token=new+token%2B", Verdict.VERIFIED),
        ([], b"token=new%20token+", Verdict.VERIFIED),
        ([(b"authorization", b"Basic eDp5")], b"token=old-token", Verdict.VERIFIED),
        ([], b"", Verdict.MISSING),
        ([], b"tokens=old-token", Verdict.MISSING),
        ([], b"token=old-token%", Verdict.MISSING),
        ([], b"token=old-token%zz", Verdict.MISSING),
        ([], b"token=old-token&token=old-token", Verdict.MISSING),
        ([], b"token=" + b"x" * 10_000, Verdict.MISSING),
        ([], b"token=wrong", Verdict.WRONG),
        ([(b"authorization", b"Bearer")], b"", Verdict.WRONG),
        ([(b"authorization", b"Bearer ")], b"", Verdict.WRONG),
        ([(b"authorization", b"Token old-token")], b"", Verdict.WRONG),
        ([(b"authorization", b"Bearer old-toke\xff")], b"", Verdict.WRONG),
        (
            [(b"authorization", b"Bearer old-token"), (b"authorization", b"Bearer old-token")],
            b"",
            Verdict.WRONG,
        ),
        ([(b"x-webhook-token", b"old-token"), (b"x-webhook-token", b"x")], b"", Verdict.WRONG),
        ([(b"x-webhook-token", b"y" * 100_000)], b"", Verdict.MISSING),
        (basic(b"old-token:old-token"), b"", Verdict.WRONG),
        (standard(b"old-token"), b"", Verdict.MISSING),
    ],
)
def test_a_token_is_taken_from_three_places_and_nowhere_else(
    headers: Headers, query: bytes, verdict: Verdict
) -> None:
    assert judge(TOKENS, headers, query) is verdict


@pytest.mark.parametrize(
    ("headers", "verdict"),
    [
        (basic(b"user:pass:word"), Verdict.VERIFIED),
        (basic("ärzte:geheim".encode()), Verdict.VERIFIED),
        (basic(b"user:pass"), Verdict.WRONG),
        (basic(b"\xff\xfe"), Verdict.WRONG),
        ([(b"authorization", b"Basic user:pass:word")], Verdict.WRONG),
        ([(b"authorization", b"Basic dXNlcjpwYXNzOndvcmQ")], Verdict.WRONG),
        ([(b"authorization", b"Bearer user:pass:word")], Verdict.WRONG),
        ([(b"x-webhook-token", b"user:pass:word")], Verdict.MISSING),
        (basic(b"user:pass:word") * 2, Verdict.WRONG),
    ],
)
def test_basic_wants_one_of_the_pairs(headers: Headers, verdict: Verdict) -> None:
    assert judge(BASIC, headers) is verdict


KEY = b"plain-key"


def replaced(headers: Headers, name: bytes, value: bytes) -> Headers:
    return [(n, value if n == name else v) for n, v in headers]


@pytest.mark.parametrize(
    ("headers", "verdict"),
    [
        (standard(KEY), Verdict.VERIFIED),
        (standard(b"a key of the standard kind"), Verdict.VERIFIED),
        (standard(KEY, before=b"v1a,zzz v1,AAAA v2,x v1,%%% "), Verdict.VERIFIED),
        (standard(KEY, at=NOW - TOLERANCE), Verdict.VERIFIED),
        (standard(KEY, at=NOW + TOLERANCE), Verdict.VERIFIED),
        (standard(KEY, at=NOW - TOLERANCE - 1), Verdict.STALE),
        (standard(KEY, at=NOW + TOLERANCE + 1), Verdict.STALE),
        (standard(b"another key"), Verdict.WRONG),
        (standard(WHSEC.encode()), Verdict.WRONG),
        (standard(KEY, message_id=b""), Verdict.WRONG),
        (standard(KEY)[1:], Verdict.WRONG),
        (standard(KEY)[:1] + standard(KEY)[2:], Verdict.WRONG),
        (standard(KEY)[:2], Verdict.MISSING),
        (standard(KEY) + standard(KEY)[2:], Verdict.WRONG),
        (standard(KEY) + standard(KEY)[:1], Verdict.WRONG),
        (replaced(standard(KEY), b"webhook-timestamp", b"soon"), Verdict.WRONG),
        (replaced(standard(KEY), b"webhook-timestamp", b"-1"), Verdict.WRONG),
        (replaced(standard(KEY), b"webhook-timestamp", b"1" * 5000), Verdict.WRONG),
        (replaced(standard(KEY), b"webhook-timestamp", "١٢٣".encode()), Verdict.WRONG),
        (replaced(standard(KEY), b"webhook-id", b"msg_2"), Verdict.WRONG),
        (replaced(standard(KEY), b"webhook-signature", b"v1"), Verdict.WRONG),
        (replaced(standard(KEY), b"webhook-signature", b"\xff\xff"), Verdict.WRONG),
        (replaced(standard(KEY), b"webhook-signature", b"v1,AA== " * 5000), Verdict.WRONG),
        (hexed(KEY), Verdict.VERIFIED),
        (hexed(KEY, b"sha256="), Verdict.VERIFIED),
        (replaced(hexed(KEY), b"x-truepill-signature", hexed(KEY)[0][1].upper()), Verdict.VERIFIED),
        (hexed(b"a key of the standard kind"), Verdict.VERIFIED),
        (hexed(KEY, b"sha1="), Verdict.WRONG),
        (hexed(KEY, body=BODY + b" "), Verdict.WRONG),
        (hexed(KEY) * 2, Verdict.WRONG),
        ([(b"x-truepill-signature", b"\xc3\xa4")], Verdict.WRONG),
        ([(b"x-truepill-signature", b"abc")], Verdict.WRONG),
        (standard(b"another key") + hexed(KEY), Verdict.VERIFIED),
        ([(b"authorization", b"Bearer plain-key")], Verdict.WRONG),
        ([], Verdict.MISSING),
    ],
)
def test_a_signature_is_taken_in_both_forms(headers: Headers, verdict: Verdict) -> None:
    assert judge(SIGNED, headers) is verdict


def test_the_body_is_not_waited_for_when_no_signature_has_come() -> None:
    mixed = Verifier(PartnerSettings("truepill", tokens=("t",), hmac_keys=("k",)))
    assert mixed.before_body(None, {b"x-webhook-token": b"t"}, b"") is Verdict.VERIFIED
    assert mixed.before_body(None, {b"x-webhook-token": b"x"}, b"") is Verdict.WRONG
    assert mixed.before_body(None, {b"webhook-signature": b"v1,"}, b"") is Verdict.UNDECIDED


def test_a_hex_digest_counts_only_in_a_header_that_is_configured() -> None:
    unnamed = Verifier(PartnerSettings("truepill", hmac_keys=("plain-key",)))
    assert judge(unnamed, hexed(KEY)) is Verdict.MISSING


NETWORKS = (ip_network("198.51.100.0/24"), ip_network("2001:db8::/32"))
PROXIES = (ip_network("10.0.0.0/8"), ip_network("127.0.0.1/32"))


@pytest.mark.parametrize(
    ("peer", "forwarded", "address"),
    [
        ("198.51.100.9", None, "198.51.100.9"),
        ("203.0.113.1", b"198.51.100.9", "203.0.113.1"),
        ("10.0.0.1", b"198.51.100.9", "198.51.100.9"),
        ("10.0.0.1", b"198.51.100.9, 203.0.113.5", "203.0.113.5"),
        ("10.0.0.1", b"198.51.100.9, 10.2.3.4", "198.51.100.9"),
        ("127.0.0.1", b"1.1.1.1,198.51.100.9:4711 , 10.2.3.4", "198.51.100.9"),
        ("::ffff:10.0.0.1", b"[2001:db8::7]:443", "2001:db8::7"),
        ("10.0.0.1", b"198.51.100.9, unknown", None),
        ("10.0.0.1", b"198.51.100.9, \xff", None),
        ("10.0.0.1", b"", None),
        ("10.0.0.1", b"10.0.0.2", "10.0.0.2"),
        ("10.0.0.1", b"198.51.100.9" + b",10.0.0.3" * 64, "10.0.0.3"),
        ("a-socket", b"198.51.100.9", None),
        (None, b"198.51.100.9", None),
    ],
)
def test_the_client_is_the_right_most_address_that_is_no_proxy_of_ours(
    peer: str | None, forwarded: bytes | None, address: str | None
) -> None:
    found = client_address(peer, forwarded, PROXIES)
    assert (str(found) if found else None) == address


def test_networks_are_a_condition_on_top_of_the_secret() -> None:
    partner = PartnerSettings("truepill", tokens=("t",), allowed_cidrs=NETWORKS)
    verifier = Verifier(partner, PROXIES)
    token = [(b"x-webhook-token", b"t")]
    hop = (b"x-forwarded-for", b"198.51.100.9")
    assert verifier.before_body("198.51.100.1", fields(token), b"") is Verdict.VERIFIED
    assert verifier.before_body("198.51.100.1", fields([]), b"") is Verdict.MISSING
    assert verifier.before_body("203.0.113.1", fields([*token, hop]), b"") is Verdict.ADDRESS
    assert verifier.before_body("10.0.0.1", fields([*token, hop]), b"") is Verdict.VERIFIED
    spoofed = [*token, hop, (b"x-forwarded-for", b"203.0.113.5")]
    assert verifier.before_body("10.0.0.1", fields(spoofed), b"") is Verdict.ADDRESS
    assert verifier.before_body(None, fields(token), b"") is Verdict.ADDRESS


names = st.sampled_from(
    [
        b"authorization",
        b"x-webhook-token",
        b"webhook-id",
        b"webhook-timestamp",
        b"webhook-signature",
        b"x-truepill-signature",
        b"x-forwarded-for",
    ]
)
values = st.binary(max_size=60) | st.sampled_from(
    [b"Basic ", b"Bearer ", b"v1,", b"sha256=", b"::1", b"1" * 13]
)
junk = st.lists(st.tuples(names, st.builds(bytes.__add__, values, values)), max_size=8)


@settings(max_examples=300, deadline=None, derandomize=True)
@given(headers=junk, query=st.binary(max_size=60), body=st.binary(max_size=20))
def test_junk_is_refused_and_never_an_error(headers: Headers, query: bytes, body: bytes) -> None:
    everything = PartnerSettings(
        "truepill",
        ("nobody guesses this " * 4,),
        ("user:" + "word" * 30,),
        ("plain-key", WHSEC),
        "x-truepill-signature",
        (ip_network("0.0.0.0/0"),),
    )
    verifier = Verifier(everything, (ip_network("192.0.2.0/24"),))
    assert judge(verifier, headers, b"token=" + query, body) in (
        Verdict.WRONG,
        Verdict.MISSING,
        Verdict.STALE,
        Verdict.ADDRESS,
    )


@settings(max_examples=200, deadline=None, derandomize=True)
@given(st.text(max_size=40))
def test_any_text_is_an_address_or_none(text: str) -> None:
    found = parse(text)
    assert found is None or parse(str(found)) == found
