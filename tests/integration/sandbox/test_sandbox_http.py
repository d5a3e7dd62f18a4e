"""Keys, bodies and paths: what every endpoint has in common."""

from __future__ import annotations

import base64
from typing import Any
from urllib.parse import urlencode

import pytest
from pydantic import TypeAdapter

from sandbox.endpoint import offered
from sandbox.truepill.partner import ENDPOINTS
from tests.support.sandbox import KEY, Desk

UNAUTHORIZED = {"statusCode": 401, "error": "Unauthorized", "message": "Please Send a Valid Api-Key"}
ADA = {"first_name": "Ada", "last_name": "Doe", "gender": "female", "dob": "19820115"}


def basic(text: str) -> str:
    return f"Basic {base64.b64encode(text.encode()).decode()}"


@pytest.mark.parametrize("header", [f"ApiKey {KEY}", basic(f"{KEY}:"), basic(KEY), basic(f"any:{KEY}")])
def test_a_key_comes_as_api_key_or_as_basic_auth(desk: Desk, header: str) -> None:
    assert desk.call("PUT", "/v1/patient", ADA, key=None, headers={"Authorization": header})[0] == 200


@pytest.mark.parametrize("value", [KEY, f"ApiKey {KEY}"])
def test_a_key_comes_in_the_body_as_some_samples_have_it(desk: Desk, value: str) -> None:
    assert desk.call("PUT", "/v1/patient", {**ADA, "api_key": value}, key=None)[0] == 200


@pytest.mark.parametrize(
    "header", ["", "ApiKey", "ApiKey wrong", f"Bearer {KEY}", "Basic !", basic("a:b"), KEY]
)
def test_without_a_valid_key_nothing_is_told(desk: Desk, header: str) -> None:
    answer = desk.call("PUT", "/v1/patient", {}, key=None, headers={"Authorization": header})
    assert answer == (401, UNAUTHORIZED)


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b'{"api_key": 5}', b"api_key=wrong"])
def test_a_body_without_a_key_is_unauthorized_whatever_it_is(desk: Desk, body: bytes) -> None:
    assert desk.call("PUT", "/v1/patient", body, key=None) == (401, UNAUTHORIZED)


def test_a_form_as_curl_sends_it_is_understood(desk: Desk) -> None:
    simulation = '{"newRx": [true]}'
    form = urlencode({**ADA, "communications_opt_in": "true", "simulation": simulation}).encode()
    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    status, document = desk.call("PUT", "/v1/patient", form, headers=headers)
    assert status == 200
    assert len(desk.prescriptions(document["patient_token"])) == 1


def test_json_that_curl_calls_a_form_is_understood(desk: Desk) -> None:
    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    body = b'{"first_name":"Ada","last_name":"Doe","gender":"female","dob":"19820115"}'
    assert desk.call("PUT", "/v1/patient", body, headers=headers)[0] == 200


def test_a_name_that_was_cut_within_a_character_is_taken_and_given_back_whole(desk: Desk) -> None:
    body = rb'{"first_name":"Ada \ud83d","last_name":"Doe","gender":"female","dob":"19820115"}'
    for mark in (b"", b"\xef\xbb\xbf"):
        status, made = desk.call(
            "PUT", "/v1/patient", mark + body, headers={"Content-Type": "application/json"}
        )
        assert status == 200, made


@pytest.mark.parametrize("body", [b"{", b"[]", b"null", b'{"a":' * 5000, b"\xff"])
def test_a_body_that_is_no_json_object_is_a_bad_request(desk: Desk, body: bytes) -> None:
    status, document = desk.call("PUT", "/v1/patient", body, headers={"Content-Type": "application/json"})
    assert (status, document["statusCode"], document["error"]) == (400, 400, "Bad Request")


def test_other_types_and_larger_bodies_are_refused(desk: Desk) -> None:
    status, document = desk.call("PUT", "/v1/patient", b"<x/>", headers={"Content-Type": "text/xml"})
    assert (status, document["statusCode"]) == (415, 415)
    status, document = desk.call("PUT", "/v1/patient", b" " * (1 << 20) + b"{}")
    assert (status, document["statusCode"]) == (413, 413)


def test_paths_and_methods_that_are_not_there_say_so(desk: Desk) -> None:
    missing = {"statusCode": 404, "error": "Not Found", "message": "Resource Not Found."}
    assert desk.call("GET", "/v1/nothing") == (404, missing)
    status, document = desk.call("DELETE", "/v1/patient")
    assert (status, document["error"]) == (405, "Method Not Allowed")


def test_what_the_desk_is_told_needs_no_key(desk: Desk) -> None:
    assert desk.done("GET", "/_sandbox/ready", key=None) == {"ready": True}
    status = desk.done("GET", "/_sandbox/status", key=None)
    assert status["clock"]["speed"] == 1
    assert status["settled"] is True
    assert desk.call("GET", "/_sandbox/truth?after=x", key=None)[0] == 400


@pytest.mark.parametrize("live_contract", [False, True])
def test_every_endpoint_is_described(desk: Desk, live: Desk, live_contract: bool) -> None:
    described = (live if live_contract else desk).done("GET", "/openapi.json", key=None)
    known = {(method.upper(), path) for path, methods in described["paths"].items() for method in methods}
    assert known == {(endpoint.method, endpoint.path) for endpoint in offered(ENDPOINTS, live_contract)}
    for methods in described["paths"].values():
        for operation in methods.values():
            assert {"200", "400", "401", "404", "405", "413"} <= set(operation["responses"])


def test_each_answer_is_described_by_its_own_model(live: Desk) -> None:
    described = live.done("GET", "/openapi.json", key=None)
    for endpoint in offered(ENDPOINTS, True):
        operation = described["paths"][endpoint.path][endpoint.method.lower()]
        schema = operation["responses"]["200"]["content"]["application/json"]["schema"]
        own = TypeAdapter(endpoint.answer).json_schema()
        assert inlined(schema, described["components"]["schemas"]) == inlined(own, own.get("$defs", {}))


def inlined(schema: Any, definitions: dict[str, Any]) -> Any:
    """A schema with what it refers to in the place of the reference."""
    if isinstance(schema, list):
        return [inlined(part, definitions) for part in schema]
    if not isinstance(schema, dict):
        return schema
    if "$ref" in schema:
        return inlined(definitions[schema["$ref"].rpartition("/")[2]], definitions)
    return {name: inlined(part, definitions) for name, part in schema.items() if name != "$defs"}


def test_answers_keep_to_their_description(desk: Desk) -> None:
    patient = desk.patient(True)
    desk.wait(1)
    (prescription,) = desk.prescriptions(patient)
    card = {"patient_token": patient, "insurance": {"cardholder_id": "A9321328", "rx_bin": "997928"}}
    insurance = desk.done("POST", "/v1/insurance", card)["details"]["insurance_token"]
    values = {"patient_token": patient, "prescription_token": prescription, "webhook_type": "notify_rx"}
    values |= {"insurance_token": insurance, "fill_number": "1"}
    values |= {"id": desk.done("POST", "/api/v2/media", {"name": "me.jpg"})["id"]}
    # What fills, transfers and consults answer is compared with what is printed, where they are made.
    elsewhere = ("{request_id}", "{transfer_token}", "{consult_id}")
    asked = 0
    for endpoint in offered(ENDPOINTS, False):
        if (
            endpoint.method == "GET"
            and endpoint.query is None
            and not any(name in endpoint.path for name in elsewhere)
        ):
            document = desk.done("GET", endpoint.path.format(**values))
            TypeAdapter(endpoint.answer).validate_python(document, strict=True)
            asked += 1
    assert asked == 8
