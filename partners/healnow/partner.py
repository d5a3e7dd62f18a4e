"""HealNow, where patients pay."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from partners.families import Families
from partners.registry import Partner, Reader

if TYPE_CHECKING:
    from partners.listing import RecordReads

__all__ = ["PARTNER"]


def _reader() -> Reader:
    from partners.healnow.callbacks import read

    return read


def _record_reader() -> Reader:
    from partners.healnow.records import read

    return read


def _reads() -> Callable[..., RecordReads]:
    from partners.healnow.reads import reads

    return reads


def _families() -> Families:
    from partners.healnow.families import families

    return families()


PARTNER = Partner(
    name="healnow",
    kinds=("payment", "checkout"),
    timeless=True,
    reader=_reader,
    record_reader=_record_reader,
    families=_families,
    base_url="https://api.healnow.io",
    reads=_reads,
    streams=("orders", "patients", "checkouts", "prescriptions"),
    bare_digest=True,
)
