"""HealNow's client against a server that answers well, badly, or not at all."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from typing import Any

import orjson
import pytest
import stamina

from partners.faults import CallFailed, Failing, Garbled, KeyRefused, NotGranted, Silent, Throttled
from partners.healnow.client import Client
from partners.healnow.partner import PARTNER
from partners.listing import Listing
from partners.wire import HttpClient, Wire
from tests.support.partner import Answer, Asked, partner

KEY = "hn_live_key_that_is_secret"
CANARY = b"Jane Canary"
PDF = b"%PDF-1.4\n" + CANARY


@pytest.fixture(autouse=True)
def without_waits() -> Iterator[None]:
    with stamina.set_testing(True, attempts=3):
        yield


def client(url: str, timeout: float = 5.0) -> Client:
    return Client(Wire(HttpClient(url, KEY, timeout=timeout, scheme=PARTNER.scheme)))


def listing(*records: Any, **given: Any) -> Answer:
    return Answer(body=orjson.dumps({"page": 0, "per_page": 0, "total_pages": 1, "data": records} | given))


READS: list[tuple[Callable[[Client], Any], str, dict[str, list[str]]]] = [
    (lambda c: c.orders(1), "/v1/orders", {"page": ["1"], "per_page": ["100"]}),
    (lambda c: c.patients(3), "/v1/patients", {"page": ["3"], "per_page": ["100"]}),
    (
        lambda c: c.prescriptions("p1", 2),
        "/v1/patients/p1/prescriptions",
        {"page": ["2"], "per_page": ["100"]},
    ),
    (lambda c: c.cart("p1"), "/v1/patients/p1/cart", {}),
    (lambda c: c.prescription("rx1"), "/v1/prescriptions/rx1", {}),
    (lambda c: c.order("o1"), "/v1/orders/o1", {}),
    (lambda c: c.checkout_session("s1"), "/v1/checkout_sessions/s1", {}),
]


@pytest.mark.parametrize(("read", "path", "query"), READS)
def test_each_read_asks_for_its_path_with_the_key(
    read: Callable[[Client], Any], path: str, query: dict[str, list[str]]
) -> None:
    with partner(lambda _: listing()) as server, client(f"{server.url}/v1") as reading:
        read(reading)
    (asked,) = server.asked
    assert (asked.method, asked.path, asked.query) == ("GET", path, query)
    assert asked.headers["Authorization"] == f"Bearer {KEY}"


@pytest.mark.parametrize("given", [{}, {"per_page": None, "per_pate": 20}, {"page": 7}, {"extra": 1}])
def test_a_page_is_read_by_its_records_and_its_number_of_pages(given: dict[str, Any]) -> None:
    with partner(lambda _: listing({"id": "a"}, 7, **given)) as server, client(server.url) as reading:
        assert reading.orders(1) == Listing(({"id": "a"}, 7), 1)


@pytest.mark.parametrize(
    ("total", "known"), [("3", 3), (0, None), (None, None), ("many", None), (-1, None), (True, None)]
)
def test_a_number_of_pages_that_is_none_is_not_known(total: object, known: int | None) -> None:
    with partner(lambda _: listing(total_pages=total)) as server, client(server.url) as reading:
        assert reading.orders(1).total_pages == known


@pytest.mark.parametrize("body", [b"[]", b"{}", b'{"data": null}', b'{"data": {"a": 1}}', b"7"])
def test_what_is_no_page_is_garbled(body: bytes) -> None:
    with (
        partner(lambda _: Answer(body=body)) as server,
        client(server.url) as reading,
        pytest.raises(Garbled, match="no page"),
    ):
        reading.patients(1)
    assert len(server.asked) == 1


@pytest.mark.parametrize("content_type", [None, "application/pdf", "application/json", "text/html"])
def test_a_receipt_is_a_pdf_whatever_its_content_type_says(content_type: str | None) -> None:
    headers = {} if content_type is None else {"Content-Type": content_type}
    with partner(lambda _: Answer(body=PDF, headers=headers)) as server, client(server.url) as reading:
        assert reading.receipt("o1") == PDF
    (asked,) = server.asked
    assert asked.path == "/v1/orders/o1/receipt"
    assert asked.headers["Accept"] == "*/*"


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (Answer(body=CANARY), Garbled),
        (Answer(body=b""), Garbled),
        (Answer(404, CANARY), NotGranted),
        (Answer(401, CANARY), KeyRefused),
        (Answer(429, CANARY), Throttled),
        (Answer(500, CANARY), Failing),
        (Answer(200, PDF, cut=True), Silent),
    ],
)
def test_a_receipt_that_is_none_says_nothing_of_what_came(answer: Answer, kind: type[CallFailed]) -> None:
    with partner(lambda _: answer) as server, client(server.url) as reading, pytest.raises(kind) as raised:
        reading.receipt("o1")
    assert "Canary" not in f"{raised.value!r}"
    assert str(raised.value).startswith("receipt: ")
    assert raised.value.__context__ is None


def test_a_receipt_is_read_only_up_to_a_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("partners.healnow.client.LARGEST_RECEIPT", 1 << 20)
    with (
        partner(lambda _: Answer(body=PDF + b" " * (3 << 20))) as server,
        client(server.url) as reading,
        pytest.raises(Garbled, match="larger than 1 MiB"),
    ):
        reading.receipt("o1")


@pytest.mark.parametrize("name", ["", ".", "..", "a/b", "a?b", "a b", "é", "x" * 129])
def test_a_name_that_could_become_another_path_is_asked_of_nobody(name: str) -> None:
    def never(_: Asked) -> Answer:
        raise AssertionError("it was asked")

    with partner(never) as server, client(server.url) as reading:
        for read in (
            reading.cart,
            reading.prescription,
            reading.order,
            reading.checkout_session,
            reading.receipt,
        ):
            with pytest.raises(ValueError, match="URL"):
                read(name)
        with pytest.raises(ValueError, match="URL"):
            reading.prescriptions(name, 1)
    assert server.asked == []


def test_neither_the_key_nor_a_patient_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    with (
        partner(lambda _: Answer(500, CANARY)) as server,
        client(server.url) as reading,
        pytest.raises(Failing),
    ):
        reading.cart("patient_canary")
    assert [word for word in (KEY, "patient_canary", "Canary") if word in caplog.text] == []
