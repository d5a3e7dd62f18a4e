"""Whose address a request came from, when proxies stand before us. Pure."""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence

from settings import Network

__all__ = ["Address", "client_address", "parse", "within"]

Address = ipaddress.IPv4Address | ipaddress.IPv6Address

#: A longer chain of trusted proxies than this is nobody's network.
MAX_HOPS = 32


def parse(text: str) -> Address | None:
    """An address as it stands in X-Forwarded-For: bare, with a port, or in brackets. None when it is neither.

    An IPv4 address mapped into IPv6 is the IPv4 address.
    """
    text = text.strip()
    if text.startswith("["):
        text = text[1:].partition("]")[0]
    elif text.count(":") == 1:
        text = text.partition(":")[0]
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return None
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return mapped or address


def within(address: Address | None, networks: Sequence[Network]) -> bool:
    return address is not None and any(address in network for network in networks)


def client_address(peer: str | None, forwarded: bytes | None, trusted: Sequence[Network]) -> Address | None:
    """The right-most address that is not a trusted proxy's: what stands left of it anybody may have written.

    `peer` is the connection's other end, `forwarded` the X-Forwarded-For fields joined with commas.
    None when that address cannot be read.
    """
    address = parse(peer) if peer else None
    if forwarded is None or not within(address, trusted):
        return address
    for hop in reversed(forwarded.rsplit(b",", MAX_HOPS)[-MAX_HOPS:]):
        address = parse(hop.decode("latin-1"))
        if not within(address, trusted):
            return address
    return address
