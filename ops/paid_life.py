"""A copay, its checkout, its payment and its fill, with both partners of the sandbox: `demo --payment`."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import orjson

from ops.http import Unanswered, request
from ops.refused import Refused

__all__ = ["Step", "play"]

WAIT_SECONDS = 60.0
#: A medication as the sandbox makes one up, and what it costs the patient.
PATIENT = {"first_name": "Ada", "gender": "female", "dob": "19840229", "simulation": {"newRx": [True]}}
INSURANCE = {
    "cardholder_id": "ABC12345",
    "rx_group": "006543",
    "rx_bin": "997955",
    "pcn": "TEST",
    "phone_number": "(555) 555-1234",
}
ADDRESS = {
    "address_to_name": "Ada Example",
    "address_to_street1": "1 Sandbox Street",
    "address_to_street2": "",
    "address_to_city": "Hayward",
    "address_to_state": "CA",
    "address_to_zip": "94545",
    "address_to_country": "US",
    "address_to_phone": "415-555-0100",
    "address_to_email": "ada@example.com",
    "shipping_method": "usps_priority",
}


class Step(NamedTuple):
    """What was done, and the command that shows it."""

    text: str
    command: str


#: The state of (kind, key) as rxledger knows it; None where it knows nothing of it.
State = Callable[[str, str], str | None]
#: Makes the checkout of this copay; its address.
Checkout = Callable[[str], str]


def play(url: str, key: str, metadata: str, state: State, checkout: Checkout) -> Iterator[Step]:
    """Play it against the sandbox at `url`, step by step. Raises Refused."""
    call = _Caller(url, key)
    patient = call("PUT", "/v1/patient", {**PATIENT, "last_name": f"Demo {metadata}"})["patient_token"]
    listed = call("GET", f"/v1/patient/{patient}/prescriptions")["prescriptions"]
    token = listed[0]["prescription_token"]
    made = call("POST", "/v1/insurance", {"patient_token": patient, "insurance": INSURANCE})
    insurance = made["details"]["insurance_token"]
    asked = {
        "patient_token": patient,
        "insurance_token": [insurance],
        "prescriptions": [token],
        "metadata": metadata,
        "simulation": {},
    }
    copay = call("POST", "/v1/copay_request", asked)["request_id"]
    _until(state, "copay", copay, "completed")
    yield Step("the pharmacy says what the patient owes", f"rxledger show copay {copay} --details")

    page = checkout(copay)
    yield Step(f"the patient's checkout is {page}", f"rxledger checkout {copay}")

    call("POST", f"{urlsplit(page).path}/pay")
    _until(state, "payment", f"{copay}:{token}", "paid")
    yield Step("the patient has paid", f"rxledger show payment {copay}:{token}")

    fill = {
        **ADDRESS,
        "patient_token": patient,
        "patient_payment_type": "insurance",
        "insurances": [{"insurance_token": insurance}],
        "patient_survey": {"conditions": "None", "medications": "None", "allergies": "None"},
        "medications": [{"prescription_token": token}],
        "metadata": metadata,
        "simulation": {},
    }
    filled = call("POST", "/v1/fill_request", fill)["request_id"]
    _until(state, "fill_request", filled, "completed", "in_transit", "delivered")
    yield Step("the fill is on its way", f"rxledger show fill_request {filled}")


class _Caller:
    """Calls the sandbox as its customer."""

    def __init__(self, url: str, key: str) -> None:
        self._url = url.rstrip("/")
        self._headers = {"Authorization": f"ApiKey {key}", "Content-Type": "application/json"}

    def __call__(self, method: str, path: str, document: Any = None) -> Any:
        body = None if document is None else orjson.dumps(document)
        try:
            answer = request(method, f"{self._url}{path}", body, self._headers)
        except Unanswered as error:
            raise Refused(f"the sandbox at {self._url} {error}: is `rxledger up` running?") from None
        if not 200 <= answer.status < 300:
            raise Refused(f"the sandbox answers {answer.status} to {method} {path.partition('?')[0]}")
        return orjson.loads(answer.body) if answer.body else None


def _until(state: State, kind: str, key: str, *wanted: str) -> None:
    """Wait until rxledger knows it so. Raises Refused when that takes longer than WAIT_SECONDS."""
    deadline = time.monotonic() + WAIT_SECONDS
    while (found := state(kind, key)) not in wanted:
        if time.monotonic() > deadline:
            what = f"{kind} {key} is {found or 'not known'} after {WAIT_SECONDS:.0f} s"
            raise Refused(f"{what}: is a worker running? See `rxledger doctor`")
        time.sleep(0.2)
