"""What can be read from HealNow. Nothing here writes."""

from __future__ import annotations

from typing import Any

from partners.faults import Garbled
from partners.healnow import assumed
from partners.healnow.pages import listing_of
from partners.listing import Listing
from partners.partner_clock import PartnerClock
from partners.wire import Wire, url_name

__all__ = ["Client"]

#: A receipt is a page or two.
LARGEST_RECEIPT = 10 << 20
PDF = b"%PDF"


class Client:
    """HealNow's reads over one wire. Close it, or use it as a context.

    Records are given as decoded JSON, whatever their shape. Every read raises CallFailed, what the gate
    raises, or ValueError for a name that may stand in no URL. Pages are counted as in `assumed.FIRST_PAGE`.
    """

    def __init__(self, wire: Wire) -> None:
        self._wire = wire

    def __enter__(self) -> Client:
        return self

    def __exit__(self, *_: object) -> None:
        self._wire.close()

    @property
    def partner_clock(self) -> PartnerClock:
        """The partner's time, as its last answer told it."""
        return self._wire.partner_clock

    def orders(self, page: int) -> Listing:
        """A page of all orders, each as it would be read by itself."""
        return self._listing("orders", assumed.ORDERS, page)

    def patients(self, page: int) -> Listing:
        """A page of all patients."""
        return self._listing("patients", assumed.PATIENTS, page)

    def prescriptions(self, patient_id: str, page: int) -> Listing:
        """A page of a patient's prescriptions, paid ones and those that were cancelled among them."""
        return self._listing("patient prescriptions", assumed.prescriptions_path(url_name(patient_id)), page)

    def cart(self, patient_id: str) -> Any:
        """A patient's cart: the prescriptions that are to be paid."""
        return self._wire.get("cart", assumed.cart_path(url_name(patient_id)))

    def prescription(self, prescription_id: str) -> Any:
        """One prescription."""
        return self._wire.get("prescription", assumed.prescription_path(url_name(prescription_id)))

    def order(self, order_id: str) -> Any:
        """One order."""
        return self._wire.get("order", assumed.order_path(url_name(order_id)))

    def checkout_session(self, session_id: str) -> Any:
        """One checkout session. There is no list of them."""
        return self._wire.get("checkout_session", assumed.checkout_path(url_name(session_id)))

    def receipt(self, order_id: str) -> bytes:
        """The receipt of an order, a PDF: its content type is printed nowhere, so its first bytes decide."""
        path = assumed.receipt_path(url_name(order_id))
        found = self._wire.get_file("receipt", path, largest=LARGEST_RECEIPT)
        if not found.startswith(PDF):
            raise self._wire.noted(Garbled("receipt", "the answer is no PDF", 200, again=False))
        return found

    def _listing(self, surface: str, path: str, page: int) -> Listing:
        asked = {"page": str(page), "per_page": str(assumed.MOST_A_PAGE)}
        found = listing_of(self._wire.get(surface, path, asked))
        if found is None:
            raise self._wire.noted(Garbled(surface, "the answer is no page of a list", 200, again=False))
        return found
