"""What an answer and a request say of names, beside the links in them."""

from __future__ import annotations

from typing import Any

import pytest

from partners.reading import DOMAINS
from partners.truepill.answers import (
    JOINED_BY,
    accepted_at,
    changes_another,
    is_refusal,
    names_of,
    relations_of,
)
from statemachine import MACHINES

NOW = 1_600_000_000
#: As each create answers; the callbacks of all but the prior authorization print the same id.
CREATED = {
    "fill_request": "fill_request_bd6825a9d66a49b3d7a7",
    "transfer": "transfer_request_68e47e32ba93db638259",
    "direct_transfer": "5a9a79a446f5d554",
    "copay": "cnpsa8ms8vbs7f52c8y2xchd77tza3nv",
    "coverage": "skhsyq83rkd3uht9",
    "consult": "6dcf35ee85c869d281d85d43",
    "prior_auth": "prior_auth_bd6825a9d66a49b3d7a7",
}


@pytest.mark.parametrize("kind", sorted(CREATED))
def test_an_answers_own_name_is_another_name_where_callbacks_use_one_of_their_own(kind: str) -> None:
    answer = {"request_id": CREATED[kind], "timestamp": 1_592_183_925, "status": "success"}
    assert names_of(kind, CREATED[kind], answer, {})[1] == ()
    _, others = names_of(kind, "given", answer, {})
    assert others == ((CREATED[kind],) if kind == "prior_auth" else ())


@pytest.mark.parametrize("kind", sorted(CREATED))
def test_the_id_of_a_create_is_not_taken_for_that_of_an_update_or_a_cancellation(kind: str) -> None:
    assert not changes_another(CREATED[kind], {"request_id": CREATED[kind]})


@pytest.mark.parametrize(
    "name",
    [
        "update_request_bc22b83aeb5fc2970920",
        "cancel_request_3a8bc280d8e959287db0",
        "cancel_copay_request_a122673989c1a4fd2152be59961ba31c",
        "cancel_transfer_request_1",
        "update_fill_request_1",
    ],
)
def test_the_id_of_an_update_or_a_cancellation_is_told_by_how_it_begins(name: str) -> None:
    assert changes_another(name, {})
    assert changes_another("k1", {"request_id": name})


@pytest.mark.parametrize("request_id", [None, "", 17, ["cancel_request_1"], {"a": 1}, "cancel request 1"])
def test_an_answer_without_such_an_id_changes_nothing_else(request_id: Any) -> None:
    assert not changes_another("k1", {"request_id": request_id})


@pytest.mark.parametrize("time", [1_592_183_925, 1_592_183_925_515, 1_592_183_925.5, "1592183925"])
def test_when_a_request_was_accepted_is_read_in_each_form_of_a_time(time: Any) -> None:
    assert accepted_at("prior_auth", {"timestamp": time}, NOW) == 1_592_183_925
    assert accepted_at("prior_auth", {"timestamp": time}, 1_592_000_000) == 1_592_000_000
    assert accepted_at("copay", {"timestamp": time}, NOW) is None


@pytest.mark.parametrize("time", [None, "soon", {}, True, -(10**30), float("inf")])
def test_an_answer_without_a_time_says_nothing_of_it(time: Any) -> None:
    assert accepted_at("prior_auth", {"timestamp": time}, NOW) is None


def test_a_request_says_what_it_is_to_each_earlier_order() -> None:
    request = {"replacement_order": "f1", "reference_order": "f0", "metadata": "m"}
    assert relations_of("fill_request", "f2", request) == {("replaces", "f1"), ("refers_to", "f0")}
    assert relations_of("fill_request", "f1", request) == {("refers_to", "f0")}
    assert relations_of("copay", "c1", request) == frozenset()


def test_kinds_are_joined_by_names_that_are_declared() -> None:
    for kind, by in JOINED_BY.items():
        assert kind in MACHINES
        assert set(by) <= set(DOMAINS)
        assert "metadata" not in by


@pytest.mark.parametrize(
    "answer",
    [
        {"timestamp": 1511913120, "status": "error", "message": "There was an error."},
        {"message": "Claims are not to be had."},
        {"statusCode": 400, "error": "Bad Request", "message": "x"},
        {"statusCode": "400", "validation_errors": []},
        {"error": "Unauthorized", "message": "x"},
        {"status_code": 404},
    ],
)
def test_a_refusal_is_one_in_each_of_its_forms(answer: dict[str, Any]) -> None:
    assert is_refusal(answer)


@pytest.mark.parametrize(
    "answer",
    [
        {"request_id": "a", "status": "success", "details": {"message": "processed"}},
        {"consult": "6dcf35ee85c869d281d85d43", "patient": {"patient_token": "9c04e6837c6c96f5"}},
        {"statusCode": 202},
        {"request_id": "a", "error": None},
        {"status": "accepted", "message": "x"},
    ],
)
def test_what_was_accepted_is_no_refusal(answer: dict[str, Any]) -> None:
    assert not is_refusal(answer)
