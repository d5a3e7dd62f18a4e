"""Is this request the partner's? Pure functions over headers, query and the raw bytes of the body.

Any one configured secret suffices (several stand side by side while one is rotated); the allowed networks
are a further condition. Whatever a header holds, the outcome is a verdict and never an exception. Every
secret is compared, in constant time, so that neither a match's place nor its beginning can be timed.

HMAC-SHA256 comes in two forms: Standard Webhooks (`webhook-id`, `webhook-timestamp`, `webhook-signature`;
https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md) and a hex
digest of the body, bare or behind `sha256=`, in a header the partner names.
"""

from __future__ import annotations

import base64
import binascii
import hmac
import re
from collections.abc import Mapping, Sequence
from enum import StrEnum
from urllib.parse import unquote_to_bytes

from ingest.addresses import client_address, within
from settings import Network, PartnerSettings, hmac_secret

__all__ = ["Verdict", "Verifier", "fields", "has_bearer"]

#: How far a signed timestamp may be from our clock, in seconds (Standard Webhooks recommends five minutes).
TOLERANCE = 300
#: No credential is longer; what is, is not looked at.
LONGEST = 8192
MOST_SIGNATURES = 16

_BAD_ESCAPE = re.compile(rb"%(?![0-9A-Fa-f]{2})")


class Verdict(StrEnum):
    """VERIFIED, UNDECIDED (only the body can tell) or the reason for a refusal, as metrics count it."""

    VERIFIED = "verified"
    UNDECIDED = "undecided"
    ADDRESS = "address"
    MISSING = "missing"
    WRONG = "wrong"
    STALE = "stale"


def fields(headers: Sequence[tuple[bytes, bytes]]) -> dict[bytes, bytes]:
    """ASGI's header list (names in lower case) as a dict.

    X-Forwarded-For may come several times and is joined with commas. Any other header that is doubled is
    joined with NUL, which no header can hold: such a value matches nothing.
    """
    found = dict(headers)
    if len(found) == len(headers):
        return found
    found = {}
    for name, value in headers:
        if name in found:
            separator = b"," if name == b"x-forwarded-for" else b"\0"
            value = found[name] + separator + value
        found[name] = value
    return found


def has_bearer(headers: Mapping[bytes, bytes], token: str) -> bool:
    """Whether the Authorization header carries this bearer token."""
    given = _after(b"bearer", headers.get(b"authorization", b""))
    return given is not None and hmac.compare_digest(given, token.encode())


class Verifier:
    """One partner's secrets, made ready once."""

    def __init__(self, partner: PartnerSettings, trusted_proxies: Sequence[Network] = ()) -> None:
        self._tokens = [token.encode() for token in partner.tokens]
        self._basic = [pair.encode() for pair in partner.basic]
        self._keys = [hmac_secret(key) for key in partner.hmac_keys]
        self._digest_header = partner.hmac_header.encode() if partner.hmac_header else None
        self._networks = partner.allowed_cidrs
        self._proxies = trusted_proxies

    def before_body(self, peer: str | None, headers: Mapping[bytes, bytes], query: bytes) -> Verdict:
        """What address, headers and query say. UNDECIDED when a signature has come for the body."""
        if self._networks:
            client = client_address(peer, headers.get(b"x-forwarded-for"), self._proxies)
            if not within(client, self._networks):
                return Verdict.ADDRESS
        authorization = headers.get(b"authorization")
        presented = authorization is not None
        if self._tokens:
            given = _tokens(authorization, headers.get(b"x-webhook-token"), query)
            if _any_equal(given, self._tokens):
                return Verdict.VERIFIED
            presented = presented or bool(given)
        if self._basic and authorization is not None and _any_equal(_basic(authorization), self._basic):
            return Verdict.VERIFIED
        if self._keys and (b"webhook-signature" in headers or self._digest_header in headers):
            return Verdict.UNDECIDED
        return Verdict.WRONG if presented else Verdict.MISSING

    def after_body(self, headers: Mapping[bytes, bytes], body: bytes, now: float) -> Verdict:
        """What the signatures say of the body; `now` is in Unix seconds."""
        signatures = headers.get(b"webhook-signature")
        verdict = Verdict.MISSING if signatures is None else self._standard(headers, signatures, body, now)
        digest = headers.get(self._digest_header) if self._digest_header else None
        if verdict is Verdict.VERIFIED or digest is None:
            return verdict
        ours = [hmac.digest(key, body, "sha256") for key in self._keys]
        return Verdict.VERIFIED if _any_equal(_hex_digest(digest), ours) else Verdict.WRONG

    def _standard(
        self, headers: Mapping[bytes, bytes], signatures: bytes, body: bytes, now: float
    ) -> Verdict:
        message_id = headers.get(b"webhook-id", b"")
        timestamp = headers.get(b"webhook-timestamp", b"")
        given = _signatures(signatures)
        # isdigit of bytes takes ASCII digits only.
        if not (given and 0 < len(message_id) <= LONGEST and timestamp.isdigit() and len(timestamp) <= 12):
            return Verdict.WRONG
        if abs(now - int(timestamp)) > TOLERANCE:
            return Verdict.STALE
        signed = b"%b.%b.%b" % (message_id, timestamp, body)
        digests = [hmac.digest(key, signed, "sha256") for key in self._keys]
        return Verdict.VERIFIED if _any_equal(given, digests) else Verdict.WRONG


def _any_equal(given: Sequence[bytes], secrets: Sequence[bytes]) -> bool:
    equal = False
    for one in given:
        for secret in secrets:
            equal |= hmac.compare_digest(one, secret)
    return equal


def _after(scheme: bytes, authorization: bytes) -> bytes | None:
    """The credentials behind a scheme, whose name may be in any case; None for another scheme."""
    name, found, rest = authorization.partition(b" ")
    return rest.strip() if found and name.lower() == scheme and len(rest) <= LONGEST else None


def _tokens(authorization: bytes | None, header: bytes | None, query: bytes) -> list[bytes]:
    """Every token the request presents, wherever it stands."""
    given = []
    if authorization is not None and (bearer := _after(b"bearer", authorization)) is not None:
        given.append(bearer)
    if header is not None and len(header) <= LONGEST:
        given.append(header.strip())
    if query and len(query) <= LONGEST:
        given += _query_tokens(query)
    return given


def _query_tokens(query: bytes) -> list[bytes]:
    """The `token` of a query string; none when it is doubled or its escapes are broken.

    A plus sign is a space to a form and itself to those who paste a token into an address: both are tried.
    """
    values = [value for name, _, value in (p.partition(b"=") for p in query.split(b"&")) if name == b"token"]
    if len(values) != 1 or _BAD_ESCAPE.search(values[0]):
        return []
    raw = values[0]
    return [unquote_to_bytes(raw)] + ([unquote_to_bytes(raw.replace(b"+", b" "))] if b"+" in raw else [])


def _basic(authorization: bytes) -> list[bytes]:
    """The `user:password` of HTTP basic (RFC 7617); empty when it is something else or broken."""
    encoded = _after(b"basic", authorization)
    if encoded is None:
        return []
    try:
        return [base64.b64decode(encoded, validate=True)]
    except binascii.Error:
        return []


def _signatures(value: bytes) -> list[bytes]:
    """The digests of a `webhook-signature`: `v1,BASE64` parted by spaces; other versions are passed over."""
    digests = []
    if len(value) > LONGEST:
        return []
    for item in value.split(b" ")[:MOST_SIGNATURES]:
        version, _, encoded = item.partition(b",")
        if version == b"v1":
            try:
                digests.append(base64.b64decode(encoded, validate=True))
            except binascii.Error:
                continue
    return digests


def _hex_digest(value: bytes) -> list[bytes]:
    """The digest of a hex header, bare or behind `sha256=`; empty when it is not one."""
    try:
        return [binascii.unhexlify(value.strip().removeprefix(b"sha256="))] if len(value) <= LONGEST else []
    except binascii.Error:
        return []
