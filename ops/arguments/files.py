"""Files of JSON that are given to a command."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ops.refused import Refused

__all__ = ["FILE_LIMIT", "read_object"]

FILE_LIMIT = 1 << 20  # bytes, as for a callback


def read_object(what: str, file: Path) -> dict[str, Any]:
    """The JSON object in a file; `what` names it in errors.

    Raises Refused, whose text holds nothing of it.
    """
    from tolerant_json import NOT_JSON, loads

    try:
        with file.open("rb") as stream:
            raw = stream.read(FILE_LIMIT + 1)
    except OSError as error:
        raise Refused(f"the {what} cannot be read: {error.strerror}") from None
    if len(raw) > FILE_LIMIT:
        raise Refused(f"the {what} is larger than 1 MiB")
    found = loads(raw)
    if found is NOT_JSON:
        raise Refused(f"the {what} is not JSON")
    if not isinstance(found, dict):
        raise Refused(f"the {what} is not a JSON object")
    return found
