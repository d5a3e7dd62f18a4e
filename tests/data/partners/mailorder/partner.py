"""Mailorder, a small pharmacy."""

from __future__ import annotations

from partners.families import Families, Family
from partners.registry import Partner, Reader

__all__ = ["PARTNER"]


def _reader() -> Reader:
    from partners.mailorder.callbacks import read

    return read


def _families() -> Families:
    status = Family("STATUS", "fill_request")
    return Families(events={"order": status, "shipment": status})


PARTNER = Partner(
    name="mailorder", kinds=("fill_request",), timeless=True, reader=_reader, families=_families
)
