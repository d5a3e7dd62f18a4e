"""The payments partner's webhooks: signed, of drifting names, and as badly delivered as a profile says."""

from __future__ import annotations

import hmac
from typing import Any

import pytest

from sandbox.profile import Profile
from tests.integration.sandbox.payments import Healnow, webhooks
from tests.support.sandbox import HMAC_KEY, Desk
from tests.support.sandbox import desk as served

NAMES = {
    "external_id": "eid",
    "rxNumber": "rx_number",
    "orderId": "order_id",
    "amountInCents": "amount_in_cents",
}


@pytest.fixture
def healnow(desk: Desk) -> Healnow:
    return Healnow(desk)


def plain(webhook: Any) -> Any:
    """Under the names that most have."""
    data = {NAMES.get(name, name): value for name, value in webhook["data"].items()}
    return {"type": webhook["type"].replace("cancelled", "canceled"), "data": data}


def truth(desk: Desk, prescription: str) -> Any:
    return desk.done("GET", f"/_sandbox/truth/payment/{prescription}", key=None)


def test_each_change_of_a_prescription_is_told(desk: Desk, healnow: Healnow) -> None:
    patient, rows = healnow.patient(100, 200, 400, 800)
    session = healnow.session(patient, rows)
    healnow.at(session, "DELETE", f"/items/{rows[3]}")
    healnow.at(session, "POST", "/pay", {"items": rows[:1]})
    healnow.at(healnow.session(patient, rows[1:2]), "POST", "/moto")
    healnow.done("POST", f"/v1/prescriptions/{rows[0]}/cancel")
    desk.done("POST", f"/_sandbox/healnow/prescriptions/{rows[1]}/manually_canceled", key=None)
    told = [plain(row)["type"].removeprefix("prescription::") for row in webhooks(desk)]
    assert sorted(told) == sorted(
        [*["pending"] * 4, "removed", "paid", "moto", "canceled", "manually_canceled"]
    )
    assert [truth(desk, row)["state"] for row in rows] == ["cancelled", "cancelled", "pending", "removed"]


def test_a_webhook_carries_no_time_and_a_name_of_its_prescription(desk: Desk, healnow: Healnow) -> None:
    known: dict[str, Any] = {}
    for number in range(40):
        patient, rows = healnow.patient(number, rx_number=f"rx-{number}", eid=f"eid-{number}")
        known[str(number)] = healnow.paid(patient, rows)["id"]
    told = webhooks(desk)
    assert all(set(row) == {"type", "data"} for row in told)
    assert any("external_id" in row["data"] for row in told)
    by_rx = 0
    for row in map(plain, told):
        data = row["data"]
        name = data.get("eid") or data["rx_number"]
        number = name.split("-")[1]
        assert data["amount_in_cents"] == int(number)
        if row["type"].endswith("pending"):
            assert "order_id" not in data
        else:
            assert data["order_id"] == known[number]
            by_rx += "eid" not in data
    assert 3 <= by_rx <= 20
    assert any("id" in row["data"] for row in told)
    assert any("qty" in row["data"] for row in told)


def test_two_of_one_order_that_share_an_rx_number_are_told_apart(desk: Desk, healnow: Healnow) -> None:
    for _ in range(20):
        patient, rows = healnow.patient(100, 200)
        healnow.paid(patient, rows)
    assert all("eid" in plain(row)["data"] for row in webhooks(desk))


def test_every_webhook_is_signed_with_and_without_a_scheme(desk: Desk, healnow: Healnow) -> None:
    healnow.patient(*range(30))
    desk.wait()
    schemes = set()
    for row in desk.recorder.received:
        signature = row.headers["X-Healnow-Signature"]
        scheme, _, digest = signature.rpartition("=")
        schemes.add(scheme)
        assert digest == hmac.new(HMAC_KEY.encode(), row.body, "sha256").hexdigest()
        assert "X-Webhook-Token" not in row.headers
        assert row.headers["User-Agent"] == "healnow-sandbox"
    assert schemes == {"", "sha256"}


def test_the_pharmacys_callbacks_go_where_they_went_and_are_not_signed(desk: Desk, healnow: Healnow) -> None:
    desk.patient(True)
    healnow.patient(100)
    desk.wait(1)
    paths = [(row.path, "X-Healnow-Signature" in row.headers) for row in desk.recorder.received]
    assert sorted(paths) == [("/webhooks", False), ("/webhooks/healnow", True)]


def test_pulled_events_of_the_pharmacy_hold_no_payments(live: Desk) -> None:
    Healnow(live).patient(100)
    live.wait(1)
    assert live.done("GET", "/v1/webhook_events")["results"] == []


def test_a_changed_copy_has_other_names_and_states_the_same() -> None:
    with served(profile=Profile(change=1.0), until_ended=False) as desk:
        Healnow(desk).patient(*range(1, 9))
        desk.wait(3600)
        told = webhooks(desk)
        assert len(told) == 16
        assert len({str(row) for row in told}) == 16
        essence = {str(sorted(plain(row)["data"].items())) for row in told}
        assert len(essence) == 8


def test_webhooks_are_lost_doubled_and_late_as_a_profile_says() -> None:
    with served(profile=Profile(drop=1.0), until_ended=False) as desk:
        _, rows = Healnow(desk).patient(100)
        desk.wait(3600)
        assert webhooks(desk) == []
        assert truth(desk, rows[0])["state"] == "pending"
        (event,) = truth(desk, rows[0])["events"]
        assert (event["partner"], event["offered"], event["delivered"]) == ("healnow", [], 0)
    with served(profile=Profile(duplicate=1.0, delay=1.0, delay_seconds=600), until_ended=False) as desk:
        Healnow(desk).patient(100)
        assert webhooks(desk) == []
        desk.wait(3600)
        one, other = webhooks(desk)
        assert one == other


def test_a_surprise_is_of_a_type_that_nobody_knows() -> None:
    with served(profile=Profile(unknown_type=1.0, unknown_code=1.0), until_ended=False) as desk:
        _, rows = Healnow(desk).patient(100)
        desk.wait(1)
        types = {row["type"] for row in webhooks(desk)}
        assert len(types) == 2
        assert "prescription::pending" in types
        events = truth(desk, rows[0])["events"]
        assert [event["surprise"] for event in events] == [None, "type"]
        assert events[1]["says"] == []


def test_the_desk_tells_all_payments_and_whose_fills_they_are(desk: Desk, healnow: Healnow) -> None:
    patient, rows = healnow.patient(100, 200)
    order = healnow.paid(patient, rows[:1])
    told = {"payment": rows[0], "fill": "fill_request_1", "token": "rx1", "ambiguous": False}
    desk.done("POST", "/_sandbox/joins", told, key=None)
    assert desk.call("POST", "/_sandbox/joins", {"payment": "none"}, key=None)[0] == 404
    page = desk.done("GET", "/_sandbox/payments", key=None)
    assert page["next"] is None
    paid, pending = page["data"]
    assert paid["id"] == rows[0]
    assert (paid["state"], paid["order_id"], paid["price_in_cents"]) == ("paid", order["id"], 100)
    assert paid["join"] == {"fill": "fill_request_1", "token": "rx1", "ambiguous": False}
    assert (pending["state"], pending["order_id"], pending["join"]) == ("pending", None, None)
    after = desk.sandbox.world.get("sandbox", "payment", rows[1])
    assert after
    assert desk.done("GET", f"/_sandbox/payments?after={after.number}", key=None)["data"] == []
    session = healnow.session(patient, rows[1:])
    *_, checkout = desk.done("GET", "/_sandbox/checkouts", key=None)["data"]
    assert checkout == {"id": session["id"], "customer": "sandbox", "state": "open"}
