"""Tokens, ids and draws, all from one seed and a counter: a run can be repeated, and a restart goes on."""

from __future__ import annotations

import hashlib
from string import ascii_letters, digits

__all__ = ["Ids", "chance", "opaque"]

LETTERS = digits + ascii_letters


class Ids:
    """`counter` says how many were given out; whoever keeps it can go on from there."""

    def __init__(self, seed: int, counter: int = 0) -> None:
        self.seed = seed
        self.counter = counter
        self._key = seed.to_bytes(16, "big", signed=True)

    def _next(self) -> bytes:
        self.counter += 1
        return hashlib.blake2b(self.counter.to_bytes(8, "big"), digest_size=32, key=self._key).digest()

    def hex(self, length: int) -> str:
        """A token of so many hex digits, at most 64."""
        return self._next().hex()[:length]

    def digits(self, length: int) -> str:
        """A number of so many digits, at most 26, that does not begin with 0."""
        value = int.from_bytes(self._next()[:16], "big")
        return str(10 ** (length - 1) + value % (9 * 10 ** (length - 1)))

    def letters(self, length: int) -> str:
        """A token of so many letters and digits, at most 40."""
        value = int.from_bytes(self._next(), "big")
        found = []
        for _ in range(length):
            value, place = divmod(value, len(LETTERS))
            found.append(LETTERS[place])
        return "".join(found)

    def between(self, low: float, high: float) -> float:
        """A draw, evenly from low to high."""
        return low + (high - low) * int.from_bytes(self._next()[:7], "big") / (1 << 56)


def chance(seed: int, *parts: object) -> float:
    """A draw from 0 to 1 that depends on these parts alone, whatever was drawn before."""
    text = "\x1f".join(str(part) for part in (seed, *parts)).encode()
    return int.from_bytes(hashlib.blake2b(text, digest_size=7).digest(), "big") / (1 << 56)


def opaque(seed: int, content: bytes) -> str:
    """16 hex digits that stand for this content."""
    return hashlib.blake2b(content, digest_size=8, key=seed.to_bytes(16, "big", signed=True)).hexdigest()
