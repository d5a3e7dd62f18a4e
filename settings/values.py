"""Parsers of values that are no secrets and that several settings share.

Each raises ValueError with what it wants, never with the value.
"""

from __future__ import annotations

import ipaddress

__all__ = ["Network", "count", "network", "seconds"]

Network = ipaddress.IPv4Network | ipaddress.IPv6Network


def count(value: str) -> int:
    if not (value.isascii() and value.isdigit() and 1 <= int(value[:9]) <= 1_000_000):
        raise ValueError("wants a whole number from 1 to 1000000")
    return int(value)


def seconds(value: str) -> float:
    try:
        found = float(value)
    except ValueError:
        found = 0.0
    if not 0.01 <= found <= 31_536_000:
        raise ValueError("wants seconds, more than none and less than a year")
    return found


def network(value: str) -> Network:
    try:
        return ipaddress.ip_network(value, strict=False)
    except ValueError:
        raise ValueError("wants addresses or networks such as 192.0.2.0/24") from None
