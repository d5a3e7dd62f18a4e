"""The printed callbacks by a hand-written table, and what their envelopes may look like."""

from __future__ import annotations

from pathlib import Path

import pytest

from partners.reading import Unreadable
from partners.truepill.callbacks import read
from statemachine import MACHINES
from tests.factories import OrderSuccess, body
from tests.reading import keyed, reason, stated

CALLBACKS = Path(__file__).parent.parent / "data" / "callbacks"
AT = 1_590_800_072


FIRST, SECOND, THIRD = (
    "fill_request_2c069215483bb6676a9b",
    "fill_request_991e90fa6b367cf72032",
    "fill_request_0fbbde7492c8b024d800",
)
DISPENSED = "7cb7d8ea418d filled, e9549cca9639 filled"
ONE_REFUSED = "z3q2jr filled, 3cs873 filled, 7ebc894e rejected"

# file: key, seconds, signal, code, lines
PRINTED = {
    "order.error.1": (FIRST, 1585608018, "order:rejected", "NR", "z3q2jr rejected, 3cs873 rejected"),
    "order.error.2": (FIRST, 1585608018, "order:rejected", "R009", "z3q2jr rejected, 3cs873 rejected"),
    "order.error.3": (FIRST, 1585608018, "order:unpaid", "R028", "z3q2jr cancelled, 3cs873 cancelled"),
    "order.error.4": (SECOND, 1591763649, "order:rejected", "#", ""),
    "order.success.1": (SECOND, 1590800072, "order:success", None, DISPENSED),
    "order.success.2": (THIRD, 1571251314, "order:success", None, ONE_REFUSED),
    "order.success.3": (THIRD, 1571251314, "order:success", None, ONE_REFUSED),
    "order.success.4": (SECOND, 1590800072, "order:success", None, DISPENSED),
    "order.triage.1": (FIRST, 1585608018, "order:triage", "T001", "z3q2jr triage, 3cs873 triage"),
    "order.triage.2": (FIRST, 1585608018, "order:triage", "T005", "z3q2jr triage, 3cs873 triage"),
    "shipment.success.1": (SECOND, 1590800222, "shipment:delivered", None, ""),
    "shipment.success.2": (SECOND, 1590800102, "shipment:transit", None, ""),
    "shipment.success.3": (SECOND, 1590800162, "shipment:transit", None, ""),
}
# How many files of each type there are whose machine is not built yet.
OTHERS = {
    "CONSULT": 4,
    "COPAY": 8,
    "COVERAGE": 5,
    "DIRECT_TRANSFER": 4,
    "FILE": 1,
    "NOTIFY_RX": 4,
    "PRIOR_AUTH": 4,
    "TRANSFER": 5,
    "TRANSFER_CONTACT": 2,
}


@pytest.mark.parametrize("name", PRINTED)
def test_a_printed_callback_states_what_it_says(name: str) -> None:
    key, at, signal, code, lines = PRINTED[name]
    reading = read((CALLBACKS / f"{name}.json").read_bytes(), keyed)
    (one,) = reading.stated
    assert reading.callback_type == name.partition(".")[0].upper()
    assert (one.kind, one.key, one.fact.occurred_at, one.fact.signal) == ("fill_request", key, at, signal)
    assert ", ".join(f"{line.token} {line.status}" for line in one.fact.lines) == lines
    assert [line.position for line in one.fact.lines] == list(range(len(one.fact.lines)))
    assert all(line.code is None for line in one.fact.lines)
    if code == "#":
        assert one.fact.code == "#" + keyed("code", "passing in error message").hex()[:16]
        assert one.detail["code"] == "passing in error message"
    else:
        assert one.fact.code == code
        assert "code" not in one.detail


def test_printed_callbacks_without_a_machine_are_refused_by_name() -> None:
    found: dict[str, int] = {}
    for path in sorted(CALLBACKS.glob("*.json")):
        if path.stem in PRINTED or path.stem.startswith("page."):
            continue
        with pytest.raises(Unreadable) as raised:
            read(path.read_bytes(), keyed)
        assert raised.value.reason == "no_machine"
        name = raised.value.callback_type
        assert name is not None
        assert path.stem.startswith(name.lower() + ".")
        found[name] = found.get(name, 0) + 1
    assert found == OTHERS


def test_pages_of_pulled_events_are_not_callbacks() -> None:
    pages = sorted(CALLBACKS.glob("page.*.json"))
    assert len(pages) == 2
    assert [reason(page.read_bytes()) for page in pages] == ["page", "page"]


def test_the_printed_fill_ends_delivered_in_full() -> None:
    names = ["shipment.success.1", "order.success.1", "shipment.success.3", "shipment.success.2"]
    facts = [read((CALLBACKS / f"{n}.json").read_bytes(), keyed).stated[0].fact for n in names]
    summary, steps = MACHINES["fill_request"].fold(facts)
    assert (summary.state, summary.outcome, summary.review) == ("delivered", "full", None)
    assert len(steps) == 4


def test_two_printed_successes_of_one_second_with_other_texts_are_one_fact() -> None:
    # They differ in quantities and over-the-counter products, which are no lines.
    second, third = (
        read((CALLBACKS / f"order.success.{n}.json").read_bytes(), keyed).stated[0].fact for n in (2, 3)
    )
    assert second == third


@pytest.mark.parametrize(
    "junk",
    [
        b"",
        b"{",
        b'{"a": NaN}',
        b'{"a": Infinity}',
        b'{"a": "\xff"}',
        b'{"a": "\\ud800"}',
        b"\xef\xbb\xbf{}",
        b"[" * 100_000,
        b'{"a":' * 2000 + b"1" + b"}" * 2000,
        body(OrderSuccess())[:-7],
        "{'callback_type': 'ORDER'}".encode("utf-16"),
    ],
)
def test_what_is_no_json_is_refused(junk: bytes) -> None:
    assert reason(junk) == "not_json"


@pytest.mark.parametrize("junk", [b"[]", b"null", b"1", b'"text"', b"true", b'[{"callback_type": "ORDER"}]'])
def test_a_list_or_a_scalar_is_refused(junk: bytes) -> None:
    assert reason(junk) == "not_an_object"


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ({}, "missing_type"),
        ({"callback_type": None}, "missing_type"),
        ({"callback_type": ""}, "missing_type"),
        ({"results": []}, "page"),
        ({"results": [], "callback_type": None}, "page"),
        ({"callback_type": "VISIT"}, "unknown_type"),
        ({"callback_type": "ORDERS"}, "unknown_type"),
        ({"callback_type": 7}, "unknown_type"),
        ({"callback_type": ["ORDER"]}, "unknown_type"),
        ({"callback_type": "COPAY"}, "no_machine"),
        ({"callback_type": "DIRECT_TRANSFER_V2"}, "no_machine"),
        ({"callback_type": "ORDER"}, "missing_key"),
        ({"callback_type": "ORDER", "request_id": "a"}, "missing_time"),
        ({"callback_type": "ORDER", "request_id": "a", "timestamp": AT}, "missing_status"),
        ({"callback_type": "SHIPMENT", "request_id": "a", "timestamp": AT}, "missing_status"),
        ({"callback_type": "ORDER_CLAIM", "request_id": "a", "timestamp": AT}, "bad_details"),
    ],
)
def test_what_is_missing_is_named(content: dict[str, object], expected: str) -> None:
    assert reason(content) == expected


@pytest.mark.parametrize("key", [7, True, "", " ", "a b", "a/b", "a\n", "ä", "a" * 129, ["a"], {"a": 1}])
def test_a_key_that_may_not_stand_in_the_clear_is_refused(key: object) -> None:
    assert reason(OrderSuccess(request_id=key)) == "bad_key"


@pytest.mark.parametrize("key", ["a", "a" * 128, "fill_request_0f.b-c", "0fbbde7492c8b024d800"])
def test_a_plain_key_is_taken_as_it_is(key: str) -> None:
    assert stated(OrderSuccess(request_id=key)).key == key


@pytest.mark.parametrize(
    ("timestamp", "seconds"),
    [
        (1563916377, 1563916377),
        (1563916377515, 1563916377),
        (1563916377999.9, 1563916377),
        (1631571795.423, 1631571795),
        (1631571795.999, 1631571795),
        ("1590800072", 1590800072),
        (" 1590800072 ", 1590800072),
        ("1563916377515", 1563916377),
        ("1631571795.423", 1631571795),
        (0, 0),
        (-1.5, -2),
        (99_999_999_999, 99_999_999_999),
        (100_000_000_000, 100_000_000),
    ],
)
def test_every_form_of_a_time_becomes_the_same_whole_second(timestamp: object, seconds: int) -> None:
    assert stated(OrderSuccess(timestamp=timestamp)).fact.occurred_at == seconds


@pytest.mark.parametrize(
    "timestamp",
    [
        True,
        "",
        "now",
        "2020-05-30T00:54:32Z",
        "-1",
        "1e9",
        "١٢٣",
        [],
        {},
        2**63,
        -(2**63),
        1e300,
        -1e300,
        "9" * 15,
    ],
)
def test_a_time_that_is_none_is_refused(timestamp: object) -> None:
    assert reason(OrderSuccess(timestamp=timestamp)) == "bad_time"


def test_a_null_time_is_a_missing_one() -> None:
    assert reason(OrderSuccess(timestamp=None)) == "missing_time"
