"""Truepill, the pharmacy."""

from __future__ import annotations

from partners.families import Families
from partners.registry import Partner, Reader

__all__ = ["PARTNER"]


def _reader() -> Reader:
    from partners.truepill.callbacks import read

    return read


def _record_reader() -> Reader:
    from partners.truepill.snapshots import read

    return read


def _families() -> Families:
    from partners.truepill.families import families

    return families()


PARTNER = Partner(
    name="truepill",
    kinds=(
        "fill_request",
        "transfer",
        "direct_transfer",
        "copay",
        "prior_auth",
        "consult",
        "coverage",
        "prescription",
    ),
    timeless=False,
    reader=_reader,
    record_reader=_record_reader,
    families=_families,
    base_url="https://api.truepill.com",
    scheme="ApiKey",
)
