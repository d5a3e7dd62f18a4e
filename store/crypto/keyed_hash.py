"""Keyed hashes: how a copy is recognised and how what is sealed can still be found.

Everything is 128 bits under `RXLEDGER_LOOKUP_KEY`: events are named by HMAC-SHA256; values, of which an event
may carry a dozen, by keyed BLAKE2b, which takes half the time. Fields are joined with their lengths in front,
so that no two different lists of fields give one input.
"""

from __future__ import annotations

import hmac
from collections.abc import Iterable
from hashlib import blake2b
from struct import Struct

__all__ = ["KeyedHash"]

_SIZE = 16
_LENGTHS = Struct(">HHHI")


class KeyedHash:
    """Hashes under one look-up key. Another key makes every earlier event a stranger: it is never rotated."""

    def __init__(self, key: bytes) -> None:
        # Begun once and copied for each event: to begin costs more than to hash a body.
        self._events = hmac.new(key, b"event", "sha256")
        # BLAKE2b takes keys of up to 64 bytes; this one is made for it alone.
        self._values = blake2b(key=hmac.digest(key, b"values", "sha256"), digest_size=_SIZE)
        # With the domain's name already in: one body carries a dozen names, and this is half of a hash.
        self._facts: dict[str, blake2b] = {}
        self._links: dict[str, blake2b] = {}

    def event_id(self, partner: str, via: str, url_id: str, body: bytes) -> bytes:
        """The 16 bytes that name one copy: of (partner, push | pull | snapshot, id in the URL, body).

        The same on every process and at any time, so a copy that was spooled or whose COMMIT is unknown
        is recognised when it comes again. Its public form is `.hex()`.
        """
        head = partner.encode(), via.encode(), url_id.encode()
        lengths = _LENGTHS.pack(len(head[0]), len(head[1]), len(head[2]), len(body))
        digest = self._events.copy()
        digest.update(lengths + b"".join(head))
        digest.update(body)
        return digest.digest()[:_SIZE]

    def hash(self, domain: str, value: str) -> bytes:
        """16 bytes that stand for a value of one domain (a discriminator). Domains are few and our own."""
        begun = self._facts.get(domain)
        if begun is None:
            begun = self._facts[domain] = self._begin(domain)
        return _ended(begun, value)

    def link(self, domain: str, value: str) -> bytes:
        """16 bytes under which entities whose bodies carry this name meet (`partners.reading.DOMAINS`)."""
        return _ended(self._links.get(domain) or self._begin_link(domain), value)

    def links(self, names: Iterable[tuple[str, str]]) -> list[tuple[bytes, str]]:
        """As `link` for many names, given as (domain, value): the hash of each and its domain."""
        begun = self._links
        found = []
        for domain, value in names:
            digest = (begun.get(domain) or self._begin_link(domain)).copy()
            digest.update(value.encode("utf-8", "surrogatepass"))
            found.append((digest.digest(), domain))
        return found

    def _begin_link(self, domain: str) -> blake2b:
        begun = self._links[domain] = self._begin(f"link:{domain}")
        return begun

    def _begin(self, domain: str) -> blake2b:
        prefix = domain.encode()
        digest = self._values.copy()
        digest.update(b"%c" % len(prefix) + prefix)
        return digest


def _ended(begun: blake2b, value: str) -> bytes:
    digest = begun.copy()
    digest.update(value.encode("utf-8", "surrogatepass"))
    return digest.digest()
