"""Sealing: AES-256-GCM under a ring of keys.

A sealed value is `0x01 | len(key id) | key id | nonce (12) | ciphertext and tag`. The context (an event's or
a fact's id) is authenticated but not stored, so a sealed value cannot be moved to another row.
The first key of the ring seals, every key unseals: a new key is rolled out behind the first one
everywhere before it is put first.
"""

from __future__ import annotations

from collections.abc import Sequence
from os import urandom

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from settings import SealKey

__all__ = ["BrokenSeal", "Sealer", "UnknownSealKey"]

_VERSION = 1
_NONCE = 12


class UnknownSealKey(Exception):
    """The ring lacks the key a value was sealed under. The environment's fault: retry once it is there."""

    def __init__(self, key_id: str) -> None:
        super().__init__(f"no seal key {key_id!r} in RXLEDGER_SEAL_KEYS")
        self.key_id = key_id


class BrokenSeal(Exception):
    """The value is not what was sealed: damaged, cut short, or sealed for another row."""


class Sealer:
    """Seals and unseals with one ring of keys; safe to share between threads."""

    def __init__(self, keys: Sequence[SealKey]) -> None:
        self._ring = {key.id.encode(): AESGCM(key.secret) for key in keys}
        first = keys[0].id.encode()
        self._first = self._ring[first]
        self._head = bytes((_VERSION, len(first))) + first

    def seal(self, plain: bytes, context: bytes) -> bytes:
        nonce = urandom(_NONCE)
        return self._head + nonce + self._first.encrypt(nonce, plain, context)

    def seal_all(self, rows: Sequence[tuple[bytes, bytes]]) -> list[bytes]:
        """As `seal` for each (plain, context): their nonces are drawn at once, and each is used once."""
        nonces = urandom(_NONCE * len(rows))
        head, encrypt = self._head, self._first.encrypt
        sealed = []
        for start, (plain, context) in zip(range(0, len(nonces), _NONCE), rows, strict=True):
            nonce = nonces[start : start + _NONCE]
            sealed.append(head + nonce + encrypt(nonce, plain, context))
        return sealed

    def unseal(self, sealed: bytes, context: bytes) -> bytes:
        """The plain bytes. Raises UnknownSealKey or BrokenSeal."""
        if len(sealed) < 2 or sealed[0] != _VERSION:
            raise BrokenSeal("not a sealed value")
        end = 2 + sealed[1]
        key_id = sealed[2:end]
        key = self._ring.get(key_id)
        if key is None:
            raise UnknownSealKey(key_id.decode("ascii", "replace"))
        try:
            return key.decrypt(sealed[end : end + _NONCE], sealed[end + _NONCE :], context)
        except (InvalidTag, ValueError):
            raise BrokenSeal("the seal does not hold") from None
