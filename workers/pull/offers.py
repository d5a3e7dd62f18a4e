"""Which streams the partner offers.

By the reference two surfaces give events: NOTIFY_RX by time, and those of one fill request. Where the partner
offers events of all types (its live contract), those are read by time too, and every other kind of request
can be polled by its id. Of most types a pulled copy does not say whose it is, so its request is polled.
What waits too long is also read in the partner's records.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import psycopg

from partners.faults import CallFailed, NotGranted
from partners.truepill.client import Client
from settings import CallSettings
from store.pulls import surfaces
from store.pulls.streams import EVERYTHING, FILL_LIST, FILLS, NOTIFY, REQUESTS, SNAPSHOTS
from workers.pull.rate_gate import NotNow
from workers.pull.store_page import PARTNER

__all__ = ["BY_REQUEST", "Offers"]

#: Kinds that only the live contract lets one poll, by the id in `request_id`.
BY_REQUEST = ("consult", "copay", "coverage", "direct_transfer", "prior_auth", "transfer")
#: Kinds that the reference has a record of that tells a state, and those that only the live contract has.
RECORDED, RECORDED_LIVE = (
    ("fill_request", "prescription", "transfer"),
    ("consult", "copay", "direct_transfer"),
)


class Offers:
    """What the settings and the partner's answers say of its surfaces. Raises psycopg.Error."""

    def __init__(self, settings: CallSettings, conn: psycopg.Connection[Any], client: Client) -> None:
        self._settings = settings
        self._conn = conn
        self._client = client

    def streams(self) -> list[str]:
        """The streams that can be read. Once a day the partner is asked whether it has more."""
        types = [name.lower() for name in self._settings.types if name.lower() != NOTIFY]
        found = [NOTIFY, *types]
        everything = self.everything()
        if everything:
            found.append(EVERYTHING)
        if self.fill_list():
            found.append(FILL_LIST)
        found.append(FILLS)
        if everything:
            found.append(REQUESTS)
        return list(dict.fromkeys([*found, SNAPSHOTS]))

    def everything(self) -> bool:
        """Whether events of all types can be had."""
        return self._offers(EVERYTHING, partial(self._client.events, limit=1))

    def fill_list(self) -> bool:
        """Whether fill requests can be had as a list."""
        return self._offers(FILL_LIST, partial(self._client.fill_requests, limit=1))

    def recorded(self) -> tuple[str, ...]:
        """The kinds whose records the partner gives."""
        return (*RECORDED, *RECORDED_LIVE) if self.everything() else RECORDED

    def _offers(self, surface: str, ask: Callable[[], object]) -> bool:
        """Whether a surface of the live contract is there: by the settings, an earlier answer, or asking."""
        if self._settings.live_contract != "auto":
            return self._settings.live_contract == "yes"
        before = surfaces.known(self._conn, PARTNER, surface)
        if before is not None and before[1]:
            return before[0]
        try:
            ask()
        except NotGranted:
            found = False
        except (CallFailed, NotNow):
            # It says nothing of what is offered; the streams will meet the same and tell.
            return before is not None and before[0]
        else:
            found = True
        surfaces.note(self._conn, PARTNER, surface, found)
        return found
