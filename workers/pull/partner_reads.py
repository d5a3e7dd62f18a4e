"""How the events and the record of one thing are had from the partner, by its kind."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from partners.faults import Garbled, NotGranted
from partners.truepill.client import Client
from partners.truepill.envelopes import RESOURCE_OF
from partners.truepill.pages import Page
from workers.pull.reads import Reads

__all__ = ["NOBODYS", "EventReads", "record_reads"]

CONSULTS_A_PAGE = 100
#: An id that no request has.
NOBODYS = "rxledger_nobodys_request"


class EventReads:
    """The events of one request: `workers.pull.requests.EventsOf`."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._filters = False

    def __call__(self, kind: str, key: str, *, next: str | None) -> Page:
        if kind == "fill_request":
            return self._client.fill_events(key, next=next)
        if kind == "prescription":
            return self._client.events("NOTIFY_RX", id=key, next=next)
        self._check_filter()
        return self._client.events(request_id=key, next=next)

    def _check_filter(self) -> None:
        """Ask once for the events of a request that is nobody's. Garbled where there are any.

        Most copies do not say whose they are: a partner that does not know the filter, and gives everybody's
        events instead, would have each of them stored as the news of whichever request was asked about.
        """
        if self._filters:
            return
        try:
            page = self._client.events(request_id=NOBODYS, limit=1)
        except NotGranted:
            page = None
        if page is not None and page.events:
            raise Garbled("webhook_events", "it gives others' events for a request_id", 200, again=False)
        self._filters = True


def record_reads(client: Client) -> Reads:
    """Records by their resource and id, and the pages of the lists of them."""
    singles: dict[str, Callable[[str], Any]] = {
        "fill_request": client.fill_request,
        "prescription": client.prescription,
        "transfer": client.transfer,
        "direct_transfer": client.direct_transfer,
        RESOURCE_OF["copay"]: client.copay_request,
    }
    return Reads(
        lambda resource, name: singles[resource](name),
        lambda page: client.consults(page=page, limit=CONSULTS_A_PAGE),
        client.transfers,
        lambda: client.partner_clock.answered_at,
        client.claims,
    )
