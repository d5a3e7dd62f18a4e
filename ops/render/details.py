"""What stands sealed beside a fact: texts worth showing, and codes that are no plain characters."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import orjson

from settings import SealKey
from statemachine import Fact, Line
from store.crypto.sealing import BrokenSeal, Sealer, UnknownSealKey
from store.ledger.model import FactRow

__all__ = ["Details", "as_written", "code_of", "is_hashed", "line_detail"]


class Details:
    """Unseals details; what cannot be unsealed is empty, and `problems` says once why."""

    def __init__(self, keys: Sequence[SealKey]) -> None:
        self._sealer = Sealer(keys) if keys else None
        self.problems: list[str] = []

    def of(self, row: FactRow) -> dict[str, Any]:
        """The detail of a fact; empty when it has none."""
        if row.detail is None:
            return {}
        if self._sealer is None:
            return self._without("RXLEDGER_SEAL_KEYS is not set: what is sealed is not shown")
        try:
            found = orjson.loads(self._sealer.unseal(row.detail, row.fact_id))
        except UnknownSealKey as error:
            return self._without(f"{error}: what was sealed under it is not shown")
        except BrokenSeal:
            return self._without("a sealed detail is damaged: it is not shown")
        return found if isinstance(found, dict) else {}

    def _without(self, problem: str) -> dict[str, Any]:
        if problem not in self.problems:
            self.problems.append(problem)
        return {}


def is_hashed(code: str | None) -> bool:
    """Whether a stored code only stands for free text, which is sealed in the detail."""
    return code is not None and code.startswith("#")


def code_of(fact: Fact, row: FactRow, details: Details) -> str | None:
    """A fact's code as the partner wrote it."""
    if not is_hashed(fact.code):
        return fact.code
    stated = details.of(row).get("code")
    return stated if isinstance(stated, str) else fact.code


def line_detail(row: FactRow, place: int, details: Details) -> dict[str, Any]:
    """What stands sealed beside line number `place` of a fact, from 0; empty where there is nothing."""
    found = details.of(row).get("lines")
    item = found[place] if isinstance(found, list) and place < len(found) else None
    return item if isinstance(item, dict) else {}


def as_written(line: Line, detail: Mapping[str, Any]) -> Line:
    """The line with token and code as the partner wrote them, where those may not stand in the clear."""
    code = detail.get("code", line.code) if is_hashed(line.code) else line.code
    token = detail.get("token") if line.token is None else line.token
    return line._replace(code=code, token=token)
