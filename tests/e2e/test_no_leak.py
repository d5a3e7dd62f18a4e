"""What a body says is found nowhere in the clear: no log, message, page, table, file or answer."""

from __future__ import annotations

import base64
import json
import re
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote

import psycopg
import redis

from tests.e2e.conftest import Up
from tests.support.factories import (
    FilledMedication,
    OrderClaim,
    OrderError,
    OrderSuccess,
    OrderTriage,
    RefusedMedication,
    Shipment,
    body,
)
from tests.support.ledger import every_text

CANARY = "Jane Canary"
TABLES = (
    *("events", "bodies", "queue", "quarantine", "entities", "facts", "event_facts", "audit", "lookups"),
    *("aliases", "alias_names", "alias_news", "postings", "changes_unplaced", "changes", "drift"),
    *("payment_joins", "payment_names", "intents", "record_reads"),
)


def bodies() -> list[bytes]:
    """The canary in every field that is not an id, in every kind of body, whole and broken."""
    medication = FilledMedication(
        medication_name=CANARY, rx_number=CANARY, medication_token=CANARY, dispensed_ndc=CANARY
    )
    refused = RefusedMedication(reject_reason=CANARY, error_code=CANARY, requested_medication_name=CANARY)
    texts = {
        f"details__{name}": CANARY
        for name in ("message", "metadata", "patient_token", "tracking_number", "tracking_url", "carrier")
    }
    whole: list[dict[str, object]] = [
        OrderSuccess(**texts, details__medications=[medication, refused], details__location=CANARY),
        OrderTriage(
            details__additional_information=CANARY, details__description=CANARY, details__code=CANARY
        ),
        OrderError(details__error_code=CANARY, details__description=CANARY, details__message=CANARY),
        OrderClaim(details__medications=[{"prescription_token": CANARY, "copay_amount": CANARY}]),
        Shipment(**texts, details__status=CANARY, details__eta=CANARY),
        {**OrderSuccess(), "request_id": CANARY},
        {**OrderSuccess(), "timestamp": CANARY},
        {**OrderSuccess(), "status": CANARY},
        {**OrderSuccess(), "details": CANARY},
        {**OrderSuccess(), "callback_type": CANARY},
        {CANARY: CANARY},
    ]
    broken = [
        body(whole[0])[:-20],
        b"[" + CANARY.encode(),
        CANARY.encode() + b"\xff\x00",
        CANARY.encode("utf-16"),
    ]
    return [body(content) for content in whole] + broken


def paid() -> list[bytes]:
    """The same of the payments partner."""
    data = {"eid": "canary-1", "order_id": "O1", "amount_in_cents": 1000}
    texts = {"name": CANARY, "rx_number": CANARY, "provider": CANARY, "last4": CANARY, "address": CANARY}
    whole: list[dict[str, object]] = [
        {"type": "prescription::paid", "data": {**data, **texts}},
        {"type": "prescription::paid", "data": {**data, "eid": CANARY}},
        {"type": "prescription::moto", "data": {"order_id": CANARY, "rx_number": CANARY}},
        {"type": "prescription::paid", "data": {**data, "amount_in_cents": CANARY, CANARY: CANARY}},
        {"type": "prescription::paid", "data": {**data, "id": CANARY}},
        {"type": f"prescription::{CANARY}", "data": data},
        {"type": "prescription::pending", "data": CANARY},
    ]
    return [body(content) for content in whole]


def post(
    up: Up, data: bytes, headers: dict[str, str], query: str = "", partner: str = "truepill"
) -> tuple[int, str]:
    request = urllib.request.Request(
        f"{up.ready['receiver']}/webhooks/{partner}{query}", data, headers, method="POST"
    )
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as answer:
        with answer:
            return answer.code, answer.read().decode()


@contextmanager
def listening(url: str) -> Iterator[list[str]]:
    """Every command that anybody sends to the broker meanwhile, with its arguments."""
    heard: list[str] = []
    client = redis.Redis.from_url(url)
    with client.monitor() as monitor:  # type: ignore[no-untyped-call]
        over = threading.Event()

        def listen() -> None:
            for command in monitor.listen():
                heard.append(str(command["command"]))
                if over.is_set():
                    return

        thread = threading.Thread(target=listen)
        thread.start()
        yield heard
        over.set()
        client.ping()
        thread.join(10)
    client.close()


def page(url: str, login: str) -> str:
    token = base64.b64encode(login.encode()).decode()
    request = urllib.request.Request(url, headers={"Authorization": f"Basic {token}"})
    with urllib.request.urlopen(request, timeout=10) as answer:
        return str(answer.read().decode())


def applied(database: str) -> None:
    deadline = time.monotonic() + 30
    with psycopg.connect(database, autocommit=True) as conn:
        while conn.execute("SELECT count(*) FROM queue").fetchone() != (0,):
            assert time.monotonic() < deadline, "the queue was not emptied"
            time.sleep(0.05)


def unescaped(text: str) -> str:
    """A broker's messages hold their bodies as base64: what that says is added."""
    for found in set(re.findall(r"[A-Za-z0-9+/]{16,}={0,2}", text)):
        if len(found) % 4 == 0:
            text += base64.b64decode(found).decode("latin-1")
    return text


def test_a_canary_in_bodies_headers_and_queries_is_found_nowhere(up: Up) -> None:
    token = up.ready["env"]["RXLEDGER_TRUEPILL_WEBHOOK_TOKENS"]
    seen = []
    with listening(up.ready["broker"]) as heard:
        for data in bodies():
            status, answer = post(up, data, {"X-Webhook-Token": token})
            assert status == 200
            seen.append(answer)
        for data in paid():
            secret = up.ready["env"]["RXLEDGER_HEALNOW_WEBHOOK_TOKENS"]
            status, answer = post(up, data, {"X-Webhook-Token": secret}, partner="healnow")
            assert status == 200
            seen.append(answer)
        for headers, query in (
            ({"Authorization": f"Bearer {CANARY}"}, ""),
            ({"Authorization": f"Basic {CANARY}"}, f"?token={quote(CANARY)}"),
            ({"X-Webhook-Token": token, "Content-Encoding": CANARY}, ""),
        ):
            status, answer = post(up, CANARY.encode(), headers, query)
            assert status in (401, 415)
            seen.append(answer)
        applied(up.ready["database"])
        login = up.ready["env"]["RXLEDGER_FLOWER_BASIC_AUTH"]
        pages = ("/workers", "/tasks", "/broker", "/api/tasks", "/api/workers?refresh=1")
        seen += [page(up.ready["flower"] + path, login) for path in pages]
        seen.append(unescaped(json.dumps(heard)))
    assert "rxledger.apply" in seen[-1], "the broker was listened to"
    with urllib.request.urlopen(f"{up.ready['receiver']}/metrics", timeout=10) as answer:
        seen.append(answer.read().decode())
    commands = (["events"], ["quarantine", "list"], ["stats"], ["doctor"], ["worklist"], ["drift"])
    for command in (*commands, ["show", "payment", "canary-1"]):
        done = up.rxledger(*command)
        seen += [done.stdout, done.stderr]
    with psycopg.connect(up.ready["database"]) as conn:
        seen.append(every_text(conn, TABLES))
    seen += [file.read_bytes().decode("latin-1") for file in files(up)]
    everything = "\n".join(seen)
    for form in (CANARY, CANARY.encode().hex(), base64.b64encode(CANARY.encode()).decode().rstrip("=")[:-1]):
        assert form not in everything
    assert "Canary" not in everything


def files(up: Up) -> list[Path]:
    """The log of everything under `up`, and all that the service and its servers keep on disk."""
    kept = [path for path in up.data.rglob("*") if path.is_file()]
    return [up.data.with_suffix(".log"), *kept]
