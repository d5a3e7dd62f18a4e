"""Both partners as the ways out see them: they keep what they are sent, and count it."""

from __future__ import annotations

import json
import os
import re
import signal
from collections import Counter
from typing import Any

from tests.support.commandline import Cli
from tests.support.factories import CopaySuccess, PricedPrescription
from tests.support.partner import Answer, Asked

__all__ = ["CANARY", "Payees", "carry_options", "copay", "long_ago", "other_fields", "priced"]

#: What may stand nowhere but sealed.
CANARY = "Canary"
_path = re.compile(r"/healnow/v1/(\w+)(?:/([\w.-]+))?(?:/(\w+))?").fullmatch

Row = dict[str, Any]


class Payees:
    """Answers for both. `fails` says, by what is sent, what becomes of its answer: it is cut off, it is of
    that status, or (`kill`) whoever sent it is killed before it comes. `seen` counts what was taken.
    """

    def __init__(self) -> None:
        self.seen: Counter[str] = Counter()
        self.sent: list[tuple[str, Row, dict[str, str]]] = []
        self.fails: dict[str, str | int | Answer] = {}
        self.lists_nothing = False
        self.pid: int | None = None
        self.rows: dict[str, dict[str, Row]] = {"patients": {}, "prescriptions": {}, "checkout_sessions": {}}
        self.patient: Row = {
            "first_name": f"Jane {CANARY}",
            "last_name": "Doe",
            "dob": "19790507",
            "address": {"phone": "430-304-3949", "email": "jane@canary.example", "street1": "1 Canary Lane"},
        }
        self.prescription: Row = {
            "prescribed_written_name": f"{CANARY}il 350 Mg Tablet",
            "prescriber": "Dr. Canary",
            "days_supply": "84",
            "prescribed_quantity": 84,
            "rx_number": "1966785",
            "is_refill": 0,
        }

    def __call__(self, asked: Asked) -> Answer:
        if asked.method == "POST":
            return self._post(asked)
        if asked.path.startswith("/v1/patient/"):
            return _json(self.patient)
        if asked.path.startswith("/v1/prescription/"):
            return _json({"prescription": self.prescription})
        found = _path(asked.path)
        if found is None:
            return Answer(404)
        name, record_id, inner = found.groups()
        if record_id is not None and inner is None:
            row = self.rows[name].get(record_id)
            return Answer(404) if row is None else _json(row)
        return self._list(inner or name, int(asked.query["page"][0]), int(asked.query["per_page"][0]))

    def _list(self, name: str, page: int, size: int) -> Answer:
        rows = [] if self.lists_nothing else list(self.rows[name].values())
        pages = -(-len(rows) // size)
        data = rows[(page - 1) * size : page * size]
        return _json({"page": page, "per_page": size, "total_pages": pages, "data": data})

    def _post(self, asked: Asked) -> Answer:
        body = json.loads(asked.body)
        found = _path(asked.path)
        name = "fill_request" if found is None else str(found[3] or found[1])
        how = self.fails.get(name)
        if isinstance(how, int):
            return Answer(how)
        self.seen[name] += 1
        self.sent.append((name, body, dict(asked.headers)))
        answer = self._take(name, body)
        if how == "kill" and self.pid is not None:
            os.kill(self.pid, signal.SIGKILL)
        return how if isinstance(how, Answer) else Answer(answer.status, answer.body, cut=how is not None)

    def _take(self, name: str, body: Row) -> Answer:
        number = self.seen[name]
        if name == "fill_request":
            details = {"message": "Your fill request has been processed successfully."}
            return _json(
                {"request_id": f"new_fill_{number}", "timestamp": 1, "status": "success", "details": details}
            )
        row = {**body, "id": f"{name[:2]}{number}"}
        if name == "prescriptions":
            row["status"] = "pending"
        if name == "checkout_sessions":
            row |= {"status": "open", "checkout_url": f"https://pay.example/{row['id']}", "payment": None}
        self.rows[name][row["id"]] = row
        return _json(row, 201)


def _json(document: Any, status: int = 200) -> Answer:
    return Answer(status, json.dumps(document).encode())


def copay(cli: Cli, *lines: Any, key: str = "c1") -> None:
    """A completed copay of these lines, or of three, of which the third owes nothing."""
    prescriptions = list(lines) or [priced("rx1", "21.02"), priced("rx2", "8.5"), priced("rx3", "0")]
    details = {"patient_token": "pat1", "prescriptions": prescriptions}
    body = CopaySuccess(request_id=key)
    cli.ledger.apply({**body, "details": {**body["details"], **details}})


def priced(token: str, amount: object, **others: Any) -> Row:
    """A line of a copay that is covered, for 30 days, 60 pieces."""
    found = PricedPrescription(prescription_token=token, copay_amount=amount)
    return {**found, "days_supply": "30", "quantity": 60, "fill_number": 1, **others}


def long_ago(cli: Cli) -> None:
    """Nobody waits for the answer to anything any more."""
    cli.ledger.conn.execute("UPDATE intents SET sent_at = sent_at - interval '1 hour'")


def carry_options() -> list[str]:
    """What a person has to tell of a payment."""
    at = "2023-02-25T15:17:51Z"
    consent = ("provided_by=Jane Canary", "patient_name=Jane Canary", "method=online", f"date={at}")
    told = (*consent, "statement=Truepill may bill my insurance.")
    options = ["--cardholder-name", "Jane Canary", "--transaction-date", at]
    return [*options, *(part for one in told for part in ("--consent", one))]


def other_fields() -> Row:
    """The rest of a fill's create."""
    return {
        "patient_token": "patient-token",
        "patient_payment_type": "insurance",
        "insurances": [{"insurance_token": "139jdk20s3"}],
        "address_to_name": "Jane Canary",
        "address_to_street1": "3121 Canary Ave",
        "address_to_city": "Hayward",
        "address_to_state": "AK",
        "address_to_zip": "94545",
        "address_to_phone": "111-222-3333",
        "patient_survey": {"conditions": None, "medications": None, "allergies": None},
        "metadata": "cfe146",
    }
