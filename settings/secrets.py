"""Secrets: seal keys, the look-up key, tokens, passwords and HMAC keys.

Each parser raises ValueError with what it wants, never with the value.
"""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass, field

__all__ = ["SealKey", "hmac_key", "long_secret", "long_text", "seal_key", "token", "user_password"]


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


def long_text(value: str) -> str:
    if len(value) < 16:
        raise ValueError("wants at least 16 characters")
    return value


def long_secret(value: str) -> bytes:
    return long_text(value).encode()


def token(value: str) -> str:
    if not value.isascii() or not value.isprintable():
        raise ValueError("wants printable ASCII")
    return value


def hmac_key(value: str) -> str:
    if value.startswith("whsec_"):
        try:
            base64.b64decode(value.removeprefix("whsec_"), validate=True)
        except binascii.Error:
            raise ValueError("wants base64 behind whsec_") from None
    return value


def user_password(value: str) -> str:
    user, found, password = value.partition(":")
    if not (user and found and password):
        raise ValueError("wants user:password")
    return value
