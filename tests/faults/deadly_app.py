"""The worker's application with one body that ends its process, as a crash in native code would."""

from __future__ import annotations

import os
from typing import Any

from partners.truepill import callbacks
from tests.faults.deadly_body import DEADLY
from workers.apply import read
from workers.celery.app import app

__all__ = ["app"]


def _read(body: bytes, hash: Any, url_id: str | None) -> Any:
    if body == DEADLY:
        os._exit(9)
    return callbacks.read(body, hash, url_id)


_known = read.readers()
_deadly = read.Readers({**_known.callbacks, "truepill": _read}, _known.records)
read.readers = lambda folders=(): _deadly  # type: ignore[assignment]
