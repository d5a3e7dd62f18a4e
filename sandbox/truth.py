"""What each event says, in the words of the kinds and states that rxledger promises: the sandbox's own model.

It follows the partner's life of a thing, event after event as they were generated. So it knows nothing of
orders of arrival, of ranks or of how copies are recognised, and must come out where rxledger does. A
partner's `truth.py` says what its callbacks say.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

__all__ = ["BY_ID", "Json", "Line", "Offered", "Said", "Truth"]

Json = Mapping[str, Any]
#: The token of a line and its status: filled, transferred, completed or rejected.
Line = tuple[str, str]
#: How a surface is written that gives the events of one request alone.
BY_ID = "?request_id="


class Said(NamedTuple):
    """One thing that an event says, about one entity: it is a fact once it is known.

    `lines`: what a success says of each medication or prescription.
    """

    kind: str
    key: str
    signal: str
    lines: tuple[Line, ...] = ()


class Offered(Protocol):
    def __call__(
        self, kind: str, key: str, type: str, body: Json, live_contract: bool, *, whole: bool = False
    ) -> list[str]:
        """The surfaces that still give an event to its customer, as paths of the API.

        Where the copy does not say whose it is, it has to be asked for by the request's id (`BY_ID`).
        `whole`: it has its id and status all the same.
        """


@dataclass(frozen=True)
class Truth:
    """How the callbacks of one partner are to be understood.

    `kinds`: of what they speak. `said` gives what a callback says, from its kind, key, type and body: nothing
    when its type is unknown. `state_after` gives where that leaves an entity whose state was, or is None
    where it was not heard of; idle (the third) changes nothing. `dated`: whether callbacks carry their time.
    """

    partner: str
    kinds: frozenset[str]
    said: Callable[[str, str, str, Json], list[Said]]
    state_after: Callable[[str | None, Said, bool], str]
    offered: Offered
    dated: bool = True
    ranks: tuple[str, ...] = ()
