"""Traffic of every type: lives of patients whose fills, copays, transfers and consults share their names.

Of 100 events 20 are ORDER, 40 SHIPMENT, 15 COPAY and 15 NOTIFY_RX; TRANSFER, TRANSFER_CONTACT,
DIRECT_TRANSFER, PRIOR_AUTH, COVERAGE, CONSULT, FILE and ORDER_CLAIM share the other 10. Bodies have the
fields and the length of the partner's own; as in `traffic`, lives overlap, some events are early, and some
are another copy of the same news.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable

import orjson

from bench.traffic import AGE, COPY_SHARE, EARLY_SHARE, Event, Fill, interleaved

__all__ = ["EVENTS_OF_A_PATIENT", "MANY", "mixed", "wide"]

EVENTS_OF_A_PATIENT = 20
#: The medications of a body that is meant to be large.
MANY = 200


def mixed(patients: int, seed: str) -> list[Event]:
    """Twenty events for each of `patients` patients, in the order in which they arrive."""
    rng = random.Random(seed)  # noqa: S311 - made-up news, the same in every run
    base = int(time.time()) - AGE
    lives = (_Patient(rng, seed, number, base + rng.randrange(86_400)).life() for number in range(patients))
    return list(interleaved(lives, rng))


def wide(bodies: int, seed: str) -> list[Event]:
    """Orders of 200 medications each, every one of another fill."""
    rng = random.Random(seed)  # noqa: S311 - made-up news, the same in every run
    base = int(time.time()) - AGE
    events = []
    for number in range(bodies):
        fill = Fill(rng, f"fill_request_{seed}_{number:06x}", base)
        fill.medications = [fill.medication() for _ in range(MANY)]
        events.append(fill.success())
    return events


class _Patient:
    """One patient with three prescriptions; each method tells of one of the patient's requests."""

    def __init__(self, rng: random.Random, seed: str, number: int, start: int) -> None:
        self.rng = rng
        self.seed = seed
        self.number = number
        self.at = start
        self.requests = 0
        self.token = rng.randbytes(8).hex()
        self.insurance = rng.randbytes(8).hex()
        self.prescriptions = [rng.randbytes(6).hex() for _ in range(3)]

    def life(self) -> list[Event]:
        """Odd patients have three fills of which one is triaged first, even ones four."""
        orders = [["triage", "success", "T", "T", "D"], ["success", "T", "T", "D"], ["success", "T", "D"]]
        if self.number % 2 == 0:
            orders = [["success", "T", "D"]] * 4
        first, second, *others = [self._fill(steps) for steps in orders]
        pair = OTHERS[self.number % len(OTHERS)](self)
        copay = self._copay("triage", "success")
        events = [*self._notices(), *pair[:1], copay[0], *pair[1:], copay[1], *self._copay("success")]
        events += [*first, *second, *(event for fill in others for event in fill)]
        for place in range(len(events) - 1):
            if self.rng.random() < EARLY_SHARE:
                events[place], events[place + 1] = events[place + 1], events[place]
        return events

    def _fill(self, steps: list[str]) -> list[Event]:
        fill = self._request("fill_request")
        told: list[Event] = []
        for step in steps:
            if told and step == "D" and self.rng.random() < COPY_SHARE * len(steps):
                # The same news, not the same bytes: what a second delivery through another path looks like.
                key, at, body = told[-1][:3]
                told.append(Event(key, at, body + b"\n"))
            elif step in ("T", "D"):
                told.append(fill.shipment("TRANSIT" if step == "T" else "DELIVERED"))
            else:
                told.append(fill.triage() if step == "triage" else fill.success())
        return told

    def _notices(self) -> list[Event]:
        notice = self._request("notice")
        told = []
        for token in self.prescriptions:
            medication = notice.medication()
            details = {
                "medication_name": medication["medication_name"],
                "prescriber": "Dr. P. Scribe",
                "prescription_token": token,
                "patient_token": self.token,
                "location": "Hayward, CA",
            }
            told.append(_without_request(notice.event("NOTIFY_RX", "", details), "status", "metadata"))
        return told

    def _copay(self, *statuses: str) -> list[Event]:
        copay = self._request("copay")
        message = "Here is a list of medications that we have successfully checked the copay amounts for"
        triage: dict[str, object] = {
            "message": "This copay has been moved to Triage status",
            "code": "CT003",
            "description": "Prior authorization required",
            "patient_token": self.token,
            "copay_token": copay.key[-10:],
        }
        priced = [self._priced(token) for token in self.prescriptions[:2]]
        success: dict[str, object] = {
            "message": message,
            "patient_token": self.token,
            "prescriptions": priced,
        }
        names = [{name: line[name] for name in ("prescription_token", "insurance_token")} for line in priced]
        details = {"triage": {**triage, "prescriptions": names}, "success": success}
        return [copay.event("COPAY", status, details[status]) for status in statuses]

    def _priced(self, token: str) -> dict[str, object]:
        amount = f"{self.rng.randrange(100, 9_000) / 100:.2f}"
        claim = {
            "insurance_token": self.insurance,
            "billing_order": 1,
            "status": "Paid",
            "copay_amount": amount,
        }
        return {
            "prescription_token": token,
            "insurance_token": self.insurance,
            "status": "completed",
            "next_fill_date": "2026-01-31T00:00:00.000Z",
            "copay_amount": amount,
            "copay_request_prescription_token": self.rng.randbytes(4).hex(),
            "fill_number": 1,
            "days_supply": "28",
            "quantity": 28,
            "claims": [claim],
        }

    def transfer(self) -> list[Event]:
        request = self._request("transfer_request")
        contact = {
            "message": "A transfer contact was successfully made",
            "patient_token": self.token,
            "transfer_token": request.key[-10:],
            "contact_name": "A pharmacy",
            "contact_method": "fax",
            "contact_number": "6235474583",
        }
        medication = request.medication()
        line = {
            "transfer_medication_token": self.rng.randbytes(7).hex(),
            "requested_medication_name": medication["medication_name"],
            "last_filled_date": "No Data",
            "prescription_token": self.prescriptions[0],
            "prescriber": "Dr. P. Scribe",
            "medication_name": medication["medication_name"],
            "medication_sig": "Take one daily.",
            "num_refills_remaining": 1,
            "quantity": 150,
            "days_supply": 30,
            "dea_schedule": 0,
        }
        success = {
            "message": "Here is a list of medications that were successfully transferred",
            "patient_token": self.token,
            "medications": [line, {**line, "transfer_medication_token": self.rng.randbytes(7).hex()}],
        }
        return [
            request.event("TRANSFER_CONTACT", "success", contact),
            request.event("TRANSFER", "success", success),
        ]

    def prior_auth(self) -> list[Event]:
        """Approved between the copay's triage and its success, of which it then tells something."""
        request = self._request("prior_auth")
        details = {
            "prior_auth_type": "ePA",
            "message": "The PA has been submitted to the payer for approval",
            "patient_token": self.token,
            "prescription_token": self.prescriptions[0],
            "insurance_token": self.insurance,
            "prescriber_phone": "1-800-123-4567",
            "prescriber_fax": "1-800-234-5678",
        }
        return [request.event("PRIOR_AUTH", status, dict(details)) for status in ("submitted", "approved")]

    def consult(self) -> list[Event]:
        request = self._request("consult")
        documents = [
            {"status": "UPLOADED", "document_id": self.rng.randbytes(12).hex(), "tags": [tag]}
            for tag in ("SELFIE", "PHOTO_ID")
        ]
        return [
            self._consult(request, "assigned"),
            _of_consult(request.event("FILE", "", {"documents": documents})),
        ]

    def coverage(self) -> list[Event]:
        request, direct = self._request("coverage"), self._request("direct_transfer")
        insurance = {
            "insurance_token": self.insurance,
            "cardholder_id": f"XBC{self.rng.randrange(10**10):010d}",
            "bin": "880099",
            "group_number": "D96009620",
            "pcn": "SP9E6",
            "plan_type": "commercial",
            "effective_date": "2019-03-01T00:00:00.000Z",
            "payer_name": "A payer",
            "person_code": "03",
            "patient_relationship": "Child",
        }
        names = {"coverage_request_token": request.key, "patient_token": self.token}
        accepted = {
            "message": "Direct Transfer Accepted.",
            "patient_token": self.token,
            "direct_transfer_token": direct.key[-10:],
            "prescription_token": self.prescriptions[1],
        }
        return [
            request.event("COVERAGE", "success", {**names, "insurances": [insurance]}),
            direct.event("DIRECT_TRANSFER", "success", accepted),
        ]

    def claim(self) -> list[Event]:
        request = self._request("fill_request")
        owed = [{"prescription_token": token, "copay_amount": "21.02"} for token in self.prescriptions]
        return [
            request.event("ORDER_CLAIM", "success", {"medications": owed}),
            self._consult(self._request("consult"), "completed"),
        ]

    def _consult(self, request: Fill, status: str) -> Event:
        details = {"message": "A licensed provider reviews the request", "provider": "Dr. P. Scribe"}
        state: dict[str, object] = {"state": ["rx_prescribed"]} if status == "completed" else {}
        return _of_consult(request.event("CONSULT", status, {**details, **state}))

    def _request(self, prefix: str) -> Fill:
        """The next request; its fill's body is what every type's is made of."""
        self.requests += 1
        self.at += self.rng.randrange(60, 9_000)
        made = Fill(self.rng, f"{prefix}_{self.seed}_{self.number:06x}{self.requests:02x}", self.at)
        made.patient = self.token
        for medication in made.medications:
            medication["prescription_token"] = self.rng.choice(self.prescriptions)
        return made


OTHERS: tuple[Callable[[_Patient], list[Event]], ...] = (
    _Patient.transfer,
    _Patient.prior_auth,
    _Patient.consult,
    _Patient.coverage,
    _Patient.claim,
)


def _without_request(event: Event, *fields: str) -> Event:
    """A body that has no request_id, nor these fields; its prescription is its key."""
    content = orjson.loads(event.body)
    for name in ("request_id", *fields):
        content.pop(name, None)
        content["details"].pop(name, None)
    return Event(content["details"]["prescription_token"], event.at, orjson.dumps(content))


def _of_consult(event: Event) -> Event:
    content = orjson.loads(event.body)
    content = {"consult_id": content.pop("request_id"), **content}
    if not content["status"]:
        del content["status"]
    return event._replace(body=orjson.dumps(content))
