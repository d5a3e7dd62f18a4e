"""What can be read from Truepill: every read that its reference or its live contract has.

Nothing here writes: a POST that is sent twice is two requests ("Error Codes": R1, TRANSFER_DUPLICATE,
DUPLICATE_REQUEST).
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from orjson import JSONEncodeError

from partners.faults import Garbled
from partners.partner_clock import PartnerClock
from partners.truepill.operators import OperatorMemory, Operators, ask_since
from partners.truepill.pages import Page, listing_of, page_of
from partners.wire import Wire, url_name

__all__ = ["Client"]


class Client:
    """The partner's reads over one wire. Close it, or use it as a context.

    Every read raises CallFailed, what the gate raises, or ValueError for a name that may stand in no URL.
    `operators` keeps which operators of a query the partner refuses.
    """

    def __init__(self, wire: Wire, operators: Operators | None = None) -> None:
        self._wire = wire
        self._operators: Operators = operators or OperatorMemory()

    def __enter__(self) -> Client:
        return self

    def __exit__(self, *_: object) -> None:
        self._wire.close()

    @property
    def partner_clock(self) -> PartnerClock:
        """The partner's time, as its last answer told it."""
        return self._wire.partner_clock

    # Pulled events: "Get Webhook Events", "Get Fill Request Webhook Events".

    def events(
        self,
        of_type: str | None = None,
        *,
        since: int | None = None,
        id: str | None = None,
        request_id: str | None = None,
        next: str | None = None,
        limit: int | None = None,
    ) -> Page:
        """A page of events, of one type or, by the live contract, of all; since a second of Unix time.

        A partner that compares milliseconds gives some of the second before too. A `next` goes on with the
        query that it came from. `limit` and `request_id` are the live contract's.
        """
        path = "/v1/webhook_events" + (f"/{url_name(of_type.lower())}" if of_type else "")
        surface = f"webhook_events/{of_type.lower()}" if of_type else "webhook_events"
        asked: dict[str, str] = {}
        if next is not None:
            asked["next"] = next
        else:
            if id is not None:
                asked["id"] = f"$eq:{url_name(id)}"
            if request_id is not None:
                asked["request_id"] = f"$eq:{url_name(request_id)}"
            if limit is not None:
                asked["limit"] = str(limit)
            if since is not None:
                bounds = {"$gt": str(since - 1), "$gte": str(since)}

                def ask(bound: str) -> Page:
                    return self._page(surface, path, {**asked, "timestamp": bound}, beyond=of_type is None)

                return ask_since(surface, "timestamp", bounds, self._operators, ask)
        return self._page(surface, path, asked, beyond=of_type is None)

    def fill_events(self, request_id: str, *, next: str | None = None) -> Page:
        """A page of the events of one fill request."""
        path = f"/v1/fill_request/{url_name(request_id)}/webhook_events"
        return self._page("fill_request webhook_events", path, {} if next is None else {"next": next})

    # Records: each gives the document as it is.

    def fill_request(self, request_id: str) -> Any:
        """ "Get Fill Request"."""
        return self._wire.get("fill_request", f"/v1/fill_request/{url_name(request_id)}")

    def fill_requests(
        self, *, since: int | None = None, next: str | None = None, limit: int | None = None
    ) -> Page:
        """A page of all fill requests, made since a second of Unix time; the oldest first (live contract)."""
        asked: dict[str, str] = {}
        if next is not None:
            asked["next"] = next
        else:
            if limit is not None:
                asked["limit"] = str(limit)
            if since is not None:
                bounds = {"$gt": _iso(since - 1), "$gte": _iso(since)}

                def ask(bound: str) -> Page:
                    return self._listing({**asked, "created_at": bound})

                return ask_since("fill_requests", "created_at", bounds, self._operators, ask)
        return self._listing(asked)

    def _listing(self, asked: Mapping[str, str]) -> Page:
        page = listing_of(self._wire.get("fill_requests", "/v1/fill_requests", asked, beyond=True))
        if page is None:
            raise self._wire.noted(Garbled("fill_requests", "the answer is no list of fill requests", 200))
        return page

    def transfers(self, page: int = 0) -> Any:
        """A page of transfers, counted from 0, the earliest first; an empty list past the end."""
        return self._wire.get("transfer_request list", "/v1/transfer_request", {"page": str(page)})

    def transfer(self, transfer_token: str) -> Any:
        """A list of one transfer."""
        return self._wire.get("transfer_request", f"/v1/transfer_request/{url_name(transfer_token)}")

    def direct_transfer(self, token: str) -> Any:
        """One direct transfer (live contract)."""
        return self._wire.get("direct_transfer", f"/v1/direct_transfer/{url_name(token)}", beyond=True)

    def copay_request(self, request_id: str) -> Any:
        """One copay request (live contract)."""
        return self._wire.get("copay_request", f"/v1/copay_request/{url_name(request_id)}", beyond=True)

    def consult(self, consult_id: str) -> Any:
        """One consult, which prints no status. A 401 says that it is another customer's ("Get a Consult")."""
        return self._wire.get("consult", f"/consults/v0/consult/{url_name(consult_id)}", of_others=True)

    def consults(
        self, *, status: str | None = None, page: int | None = None, limit: int | None = None
    ) -> Any:
        """A page of consults, with their status (live contract)."""
        asked = {"status": status, "page_number": page, "limit": limit}
        return self._wire.get(
            "consults",
            "/consults/v0",
            {k: str(v) for k, v in asked.items() if v is not None},
            beyond=True,
            of_others=True,
        )

    def patient(self, patient_token: str) -> Any:
        """One patient: "Get a Patient"."""
        return self._wire.get("patient", f"/v1/patient/{url_name(patient_token)}")

    def prescriptions(self, patient_token: str) -> Any:
        """A patient's prescriptions."""
        return self._wire.get("patient prescriptions", f"/v1/patient/{url_name(patient_token)}/prescriptions")

    def prescription(self, token: str) -> Any:
        """One prescription, and whether it can be filled."""
        return self._wire.get("prescription", f"/v1/prescription/{url_name(token)}")

    def claims(self, prescription_token: str, fill_number: int) -> Any:
        """The claims of one fill of a prescription."""
        path = f"/v1/prescription/{url_name(prescription_token)}/fill/{int(fill_number)}/claims"
        return self._wire.get("claims", path)

    def _page(self, surface: str, path: str, asked: Mapping[str, str], *, beyond: bool = False) -> Page:
        document = self._wire.get(surface, path, asked, beyond=beyond)
        try:
            page = page_of(document)
            found = "the answer is no page of events"
        except JSONEncodeError:  # raised below: what is chained here has the document
            page, found = None, "the answer is nested too deep"
        if page is None:
            raise self._wire.noted(Garbled(surface, found, 200, again=False))
        return page


def _iso(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat()
