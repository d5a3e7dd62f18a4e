"""What the tests of insurances, copays and prior authorizations share."""

from __future__ import annotations

from typing import Any

from tests.support.sandbox import KEY, Desk, shape

__all__ = ["CARD", "DAY", "HOUR", "branded", "card", "copay", "lines_told", "news", "patient_with", "told"]

HOUR, DAY = 3600, 86_400
CARD = {
    "cardholder_id": "A9321328",
    "rx_group": "006726",
    "rx_bin": "997928",
    "pcn": "AXA",
    "relationship_code": 1,
    "phone_number": "(955) 372-4143",
}
#: The sandbox's insurers pay for these with a prior authorization alone.
branded = {"prescribed_label_type": "Brand"}


def patient_with(desk: Desk, *prescriptions: Any, **fields: Any) -> tuple[str, list[str]]:
    """A patient and the tokens of its prescriptions, whose NOTIFY_RX have come and are forgotten."""
    patient = desk.patient(*prescriptions, **fields)
    desk.wait(1)
    desk.recorder.received.clear()
    return patient, desk.prescriptions(patient)


def card(desk: Desk, patient: str, *, key: str = KEY, **fields: Any) -> str:
    """Give a patient an insurance; its token."""
    body = {"patient_token": patient, "insurance": {**CARD, **fields}}
    return str(desk.done("POST", "/v1/insurance", body, key=key)["details"]["insurance_token"])


def copay(desk: Desk, patient: str, insurances: list[str], prescriptions: list[Any], **fields: Any) -> Any:
    """Create a copay request; the answer."""
    body = {
        "patient_token": patient,
        "insurance_token": insurances,
        "prescriptions": prescriptions,
        "metadata": "cfe146",
        **fields,
    }
    return desk.done("POST", "/v1/copay_request", body)


def told(desk: Desk) -> list[Any]:
    """The callbacks that have come, in the order in which the partner generated them.

    Callbacks about different things that were due during one wait may overtake each other.
    """
    arrived = desk.callbacks
    events = desk.done("GET", "/_sandbox/truth", key=None)["events"]
    ordered = [event["body"] for event in events if event["body"] in arrived]
    assert len(ordered) == len(arrived)
    assert desk.done("GET", "/_sandbox/status", key=None)["steps_failed"] == 0
    return ordered


def news(desk: Desk) -> list[tuple[str, str]]:
    """Type and status of each callback so far, in the order of `told`."""
    return [(row["callback_type"], row["status"]) for row in told(desk)]


def lines_told(callback: Any) -> list[Any]:
    """The shapes of a copay's lines."""
    return [shape(line) for line in callback["details"]["prescriptions"]]
