"""What bodies of every type share: an envelope, details, a medication that was asked for, and their bytes."""

from __future__ import annotations

from collections.abc import Mapping

import factory
import orjson

__all__ = ["START", "Details", "Envelope", "RequestedMedication", "body"]

#: The second of Unix time from which timestamps of bodies count up.
START = 1_590_800_000


def body(content: Mapping[str, object]) -> bytes:
    """A callback as it stands on the wire."""
    return orjson.dumps(content)


class RequestedMedication(factory.DictFactory):  # type: ignore[misc]
    prescription_token = factory.Sequence(lambda n: f"rx{n:010x}")


class Envelope(factory.DictFactory):  # type: ignore[misc]
    request_id = factory.Sequence(lambda n: f"fill_request_{n:020x}")
    timestamp = factory.Sequence(lambda n: START + n)


class Details(factory.DictFactory):  # type: ignore[misc]
    metadata = factory.Sequence(lambda n: f"customer-{n}")
