"""What the tests of the payments partner share."""

from __future__ import annotations

import json
from collections.abc import Mapping
from http.client import HTTPConnection
from typing import Any
from urllib.parse import urlsplit

from tests.support.sandbox import KEY, Desk

__all__ = ["PATIENT", "PRESCRIPTION", "Healnow", "webhooks"]

PATIENT = {
    "eid": "62bf832b-bbbd-44ff-9417-cd4949c8362c",
    "first_name": "Jane",
    "last_name": "Doe",
    "dob": "1979-05-07 00:00:00.000000",
    "phone": "+1111111111",
    "email": "jane@healnow.io",
}
PRESCRIPTION = {
    "eid": "35db90c0-97b7-4563-a18f-a364aeec95d9",
    "name": "Carisoprodol 350 Mg Tablet",
    "rx_number": "120143",
    "refill_number": None,
    "price_in_cents": 1299,
    "provider": "Dr Jones",
    "days_supply": 30,
    "qty": 30,
    "is_refill": False,
}


class Healnow:
    """A customer's hands on the payments partner of a running sandbox."""

    def __init__(self, desk: Desk, key: str = KEY) -> None:
        self.desk = desk
        self._key = key

    def call(
        self, method: str, path: str, body: Any = None, headers: Mapping[str, str] | None = None
    ) -> tuple[int, Any]:
        """The status and the document."""
        sent = {"Authorization": f"Bearer {self._key}", **(headers or {})}
        return self.desk.call(method, f"/healnow{path}", body, key=None, headers=sent)

    def done(self, method: str, path: str, body: Any = None) -> Any:
        """The document of a 200."""
        status, document = self.call(method, path, body)
        assert status == 200, document
        return document

    def patient(self, *prices: int, **changes: Any) -> tuple[str, list[str]]:
        """A patient, and the ids of prescriptions in the cart at these prices."""
        patient = self.done("POST", "/v1/patients", PATIENT)["id"]
        return patient, [self.prescription(patient, price_in_cents=price, **changes) for price in prices]

    def prescription(self, patient: str, **changes: Any) -> str:
        body = {**PRESCRIPTION, "eid": f"eid-{self.desk.sandbox.world.ids.counter}", **changes}
        return str(self.done("POST", f"/v1/patients/{patient}/prescriptions", body)["id"])

    def status(self, prescription: str) -> str:
        return str(self.done("GET", f"/v1/prescriptions/{prescription}")["status"])

    def session(self, patient: str, prescriptions: list[str]) -> Any:
        body = {
            "success_url": "https://healnow.io/success",
            "cancel_url": "https://healnow.io/cancel",
            "patient": {"id": patient},
            "items": [{"id": row} for row in prescriptions],
        }
        return self.done("POST", "/v1/checkout_sessions", body)

    def at(self, session: Any, method: str, path: str = "", body: Any = None) -> tuple[int, Any]:
        """What the patient does at the checkout's page, without a key."""
        parts = urlsplit(session["checkout_url"])
        assert parts.netloc == urlsplit(self.desk.url).netloc
        return self.desk.call(method, f"{parts.path}{path}", body, key=None)

    def paid(self, patient: str, prescriptions: list[str]) -> Any:
        """Have the patient pay these in a checkout; the order."""
        status, _ = self.at(self.session(patient, prescriptions), "POST", "/pay")
        assert status == 200
        orders = self.done("GET", f"/v1/patients/{patient}/orders?per_page=100")["data"]
        return next(row for row in orders if set(ids_of(row)) == set(prescriptions))

    def file(self, path: str) -> tuple[str, bytes]:
        """The content type and the bytes of an answer."""
        parts = urlsplit(self.desk.url)
        connection = HTTPConnection(str(parts.hostname), parts.port, timeout=20)
        try:
            connection.request("GET", f"/healnow{path}", headers={"Authorization": f"Bearer {self._key}"})
            answer = connection.getresponse()
            return str(answer.headers["Content-Type"]), answer.read()
        finally:
            connection.close()


def ids_of(order: Any) -> list[str]:
    """The prescriptions of an order, whichever way its items are told."""
    return [item.get("prescription", item)["id"] for item in order["items"]]


def webhooks(desk: Desk) -> list[Any]:
    """What the payments partner has sent so far, in the order of its arrival."""
    desk.wait()
    return [json.loads(row.body) for row in desk.recorder.received if row.path.endswith("/healnow")]
