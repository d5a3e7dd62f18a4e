"""What a checkout sends to HealNow, and what comes back: a patient, prescriptions, a session.

The reference prints the fields. What a session's patient and items have is assumed (`assumed`, as the paths).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any, NamedTuple

from partners.faults import Garbled
from partners.fields import Json, name, text
from partners.healnow.assumed import (
    FIRST_PAGE,
    PATIENTS,
    SESSIONS,
    named,
    prescriptions_path,
)
from partners.healnow.client import Client
from partners.healnow.prescriptions import links_of, prescription
from partners.listing import Listing
from partners.reading import Link
from partners.wire import Wire, url_name

__all__ = [
    "Checkouts",
    "Item",
    "Session",
    "eid_of",
    "id_of",
    "names_of",
    "patient_body",
    "prescription_body",
    "session_body",
    "session_of",
]

#: More pages than any customer's patients fill: a list without an end is none.
MOST_PAGES = 10_000
#: A list may grow while it is read, and what is looked for may move to a page that was read already.
PASSES = 2


class Item(NamedTuple):
    """A prescription to be paid for. `price` is in cents; `refill` is None for a first fill."""

    eid: str
    name: str
    provider: str
    rx_number: str
    refill: str | None
    price: int
    days_supply: int
    quantity: int
    is_refill: bool


class Session(NamedTuple):
    """A checkout session. `status` is open, paid, expired, or as it is printed; lower case."""

    id: str
    status: str | None
    url: str | None


def eid_of(request: str, prescription_token: str) -> str:
    """Our own name of a prescription that is to be paid for one request."""
    return f"{request}:{prescription_token}"


def patient_body(
    eid: str, first_name: str, last_name: str, born: str, phone: str | None, email: str | None
) -> dict[str, Any]:
    """ "Create patient". `born` is YYYY-MM-DD."""
    body = {"eid": eid, "first_name": first_name, "last_name": last_name, "dob": born}
    return body | {key: value for key, value in (("phone", phone), ("email", email)) if value is not None}


def prescription_body(item: Item) -> dict[str, Any]:
    """ "Create patient prescription"."""
    return {
        "eid": item.eid,
        "name": item.name,
        "rx_number": item.rx_number,
        "refill_number": item.refill,
        "price_in_cents": item.price,
        "provider": item.provider,
        "days_supply": item.days_supply,
        "qty": item.quantity,
        "is_refill": item.is_refill,
    }


def session_body(
    patient_id: str, prescription_ids: Sequence[str], success_url: str, cancel_url: str
) -> dict[str, Any]:
    """ "Create Checkout Session"."""
    return {
        "success_url": success_url,
        "cancel_url": cancel_url,
        "patient": named(patient_id),
        "items": [named(found) for found in prescription_ids],
    }


def names_of(body: Mapping[str, Any], answer: Any, patient_id: str | None) -> frozenset[Link]:
    """The names that a prescription shares with others, by what was sent and what was answered."""
    answered = answer if isinstance(answer, dict) else {}
    found = prescription({**body, **answered}, patient_id=patient_id)
    own = set() if found.id is None else {("payment", found.id)}
    return frozenset({*links_of(found), *own})


def id_of(answer: Any) -> str | None:
    """The id of a record; None where it has none that can be one."""
    return name(answer.get("id")) if isinstance(answer, dict) else None


def session_of(answer: Any) -> Session | None:
    """A session; None for what is none. One with a payment is paid, and one that says paid without is too."""
    found = id_of(answer)
    if found is None:
        return None
    status = text(answer.get("status"))
    url = answer.get("checkout_url")
    return Session(
        found, status.lower() if status else None, url if isinstance(url, str) and url.strip() else None
    )


class Checkouts:
    """What a checkout asks of HealNow: three creates, and what can be looked up of them.

    Each raises CallFailed, what the gate raises, and ValueError for an id that may stand in no URL. A create
    is sent once; `key` is sent as its Idempotency-Key, which only the live contract has.
    """

    def __init__(self, wire: Wire) -> None:
        self._wire = wire
        self._reads = Client(wire)

    def create_patient(self, body: Json, key: str | None = None) -> Any:
        return self._wire.post("patient", PATIENTS, body, key)

    def create_prescription(self, patient_id: str, body: Json, key: str | None = None) -> Any:
        return self._wire.post("prescription", prescriptions_path(url_name(patient_id)), body, key)

    def create_session(self, body: Json, key: str | None = None) -> Any:
        return self._wire.post("checkout_session", SESSIONS, body, key)

    def session(self, session_id: str) -> Any:
        return self._reads.checkout_session(session_id)

    def prescription(self, prescription_id: str) -> Any:
        return self._reads.prescription(prescription_id)

    def find_patient(self, eid: str) -> Any:
        """The patient of this eid among all patients; None where there is none."""
        return _find("patients", self._reads.patients, eid)

    def find_prescription(self, patient_id: str, eid: str) -> Any:
        """The patient's prescription of this eid; None where there is none."""
        return _find("patient prescriptions", partial(self._reads.prescriptions, patient_id), eid)


def _find(surface: str, read: Callable[[int], Listing], eid: str) -> Any:
    for _ in range(PASSES):
        for row in _rows(surface, read):
            if isinstance(row, dict) and row.get("eid") == eid and id_of(row) is not None:
                return row
    return None


def _rows(surface: str, read: Callable[[int], Listing]) -> Iterator[Any]:
    seen: set[str | None] = set()
    for page in range(FIRST_PAGE, FIRST_PAGE + MOST_PAGES):
        listing = read(page)
        yield from listing.records
        ids = set(map(id_of, listing.records))
        last = listing.total_pages
        # Whoever does not count pages, and gives the same one for every number, has no more.
        if not ids or (seen.issuperset(ids) if last is None else page >= last):
            return
        seen |= ids
    # Not to be found is said of a list that was read to its end alone.
    raise Garbled(surface, "the list has no end", 200, again=False)
