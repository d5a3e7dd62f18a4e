"""Secrets: seal keys, the look-up key, tokens, passwords and HMAC keys.

Each parser raises ValueError with what it wants, never with the value. What guards us has a least length,
since lists are cut at commas: a secret that was pasted with its version (`v1,whsec_…`) would make `v1` a
valid one.
"""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass, field

__all__ = ["SHORTEST", "Guards", "SealKey", "hmac_secret", "seal_key", "token"]

#: Characters of a secret that guards us, or bytes of a key that is given in base64.
SHORTEST = 16


@dataclass(frozen=True)
class SealKey:
    """One AES-256 key of the ring: `id` is written beside what it sealed."""

    id: str
    secret: bytes = field(repr=False)


def seal_key(value: str) -> SealKey:
    key_id, _, encoded = value.partition(":")
    wants = "wants id:base64 with 32 bytes of key and an id of 1-16 letters, digits, - or _"
    if not (
        1 <= len(key_id) <= 16 and key_id.isascii() and key_id.replace("-", "").replace("_", "").isalnum()
    ):
        raise ValueError(wants)
    try:
        secret = base64.b64decode(encoded.replace("-", "+").replace("_", "/"), validate=True)
    except binascii.Error:
        raise ValueError(wants) from None
    if len(secret) != 32:
        raise ValueError(wants)
    return SealKey(key_id, secret)


def token(value: str) -> str:
    """A secret that somebody else gave us."""
    if not value.isascii() or not value.isprintable():
        raise ValueError("wants printable ASCII")
    return value


def hmac_secret(key: str) -> bytes:
    """The bytes of an HMAC key: behind `whsec_` they are in base64, of either alphabet, padded or not."""
    encoded = key.removeprefix("whsec_")
    if encoded == key:
        return key.encode()
    plain = encoded.rstrip("=").replace("-", "+").replace("_", "/")
    return base64.b64decode(plain + "=" * (-len(plain) % 4), validate=True)


@dataclass(frozen=True)
class Guards:
    """The parsers of secrets that guard us. `shortest` is 1 where a test says that it may be."""

    shortest: int = SHORTEST

    def text(self, value: str) -> str:
        self._check(len(value), "characters")
        return value

    def secret(self, value: str) -> bytes:
        return self.text(value).encode()

    def token(self, value: str) -> str:
        """Comes in a header or a URL, so that it has no space: that would be a scheme's name before it."""
        if " " in token(value):
            raise ValueError("wants printable ASCII without a space")
        return self.text(value)

    def hmac_key(self, value: str) -> str:
        try:
            secret = hmac_secret(value)
        except binascii.Error:
            raise ValueError("wants base64 behind whsec_") from None
        self._check(
            len(secret), "bytes in base64 behind whsec_" if value.startswith("whsec_") else "characters"
        )
        return value

    def user_password(self, value: str) -> str:
        user, found, password = value.partition(":")
        if not (user and found and password):
            raise ValueError("wants user:password")
        self._check(len(password), "characters of password")
        return value

    def _check(self, length: int, what: str) -> None:
        if length < self.shortest:
            raise ValueError(f"wants at least {self.shortest} {what}")
