"""How HealNow's records are had: two lists, and what only its patient's or its own id leads to.

Orders and patients have lists of their own; prescriptions and carts are those of a patient, and a session is
read by its id, which only whoever made it knows.
"""

from __future__ import annotations

from functools import partial

from partners.envelopes import Envelope
from partners.faults import NotGranted
from partners.fields import name
from partners.healnow.client import Client
from partners.healnow.envelopes import envelope
from partners.listing import RecordList, RecordReads, Singles, read_whole
from partners.wire import Wire

__all__ = ["reads"]


def reads(wire: Wire) -> RecordReads:
    """The reads over one wire."""
    client = Client(wire)

    def prescription(key: str) -> list[Envelope]:
        return [envelope("prescription", client.prescription(key), asked_for=key)]

    def checkout(key: str) -> list[Envelope]:
        return [envelope("checkout_session", client.checkout_session(key), asked_for=key)]

    return RecordReads(
        lists=(
            RecordList("orders", client.orders, envelope=partial(envelope, "order")),
            RecordList("patients", client.patients, finds="prescriptions"),
        ),
        singles=(
            Singles("checkouts", checkout, kind="checkout", state="open"),
            Singles("prescriptions", partial(_of_patient, client)),
        ),
        records={"payment": prescription, "checkout": checkout},
        open_signals=frozenset({"seen:pending", "seen:open"}),
        partner_clock=client.partner_clock,
        close=client.__exit__,
    )


def _of_patient(client: Client, patient_id: str) -> list[Envelope]:
    """A patient's prescriptions, and the cart, where there is one."""
    listed = read_whole(partial(client.prescriptions, patient_id), _name)
    found = [envelope("prescription", record, patient_id=patient_id) for record in listed]
    try:
        cart = client.cart(patient_id)
    except NotGranted:
        # What was read of the prescriptions stands without it.
        return found
    return [*found, envelope("cart", cart, asked_for=patient_id)]


def _name(record: object) -> object:
    """What tells a record from the others of its list; one without an id only its place could."""
    own = name(record.get("id")) if isinstance(record, dict) else None
    return id(record) if own is None else own
