"""Patients, their addresses and their cards."""

from __future__ import annotations

from typing import Any

from sandbox.endpoint import Call, Endpoint
from sandbox.engine import Turn
from sandbox.healnow import assumed
from sandbox.healnow.models import (
    AddressDocument,
    Addresses,
    AddressFields,
    CardDocument,
    Cards,
    Deleted,
    PageQuery,
    PatientCreate,
    PatientDocument,
    PatientFields,
    Patients,
)
from sandbox.healnow.paging import all_of, page_of
from sandbox.healnow.prescriptions import add_to_cart
from sandbox.healnow.records import ADDRESS, CARD, PATIENT, address_of, card_of, new_id, own, patient_of
from sandbox.world import Record

__all__ = ["ENDPOINTS", "patient_in"]


def patient_in(turn: Turn, call: Call) -> Record:
    """The patient of the path. Raises Refusal."""
    return own(turn, PATIENT, call.path["patient_id"])


def _list(turn: Turn, call: Call) -> dict[str, Any]:
    return all_of(turn, PATIENT, call.query, patient_of)


def _create(turn: Turn, call: Call) -> dict[str, Any]:
    body: PatientCreate = call.body
    patient = turn.create(PATIENT, new_id(turn), body.model_dump(include=set(PatientFields.model_fields)))
    for address in body.addresses:
        _add_address(turn, patient, address)
    for prescription in body.prescriptions:
        add_to_cart(turn, patient, prescription)
    return patient_of(patient)


def _get(turn: Turn, call: Call) -> dict[str, Any]:
    return patient_of(patient_in(turn, call))


def _update(turn: Turn, call: Call) -> dict[str, Any]:
    patient = patient_in(turn, call)
    patient.document |= call.body.model_dump(include=set(PatientFields.model_fields), exclude_unset=True)
    turn.save(patient)
    return patient_of(patient)


def _add_address(turn: Turn, patient: Record, fields: AddressFields) -> Record:
    document = fields.model_dump(include=set(AddressFields.model_fields))
    return turn.create(ADDRESS, new_id(turn), document, owner=patient.token)


def _addresses(turn: Turn, call: Call) -> dict[str, Any]:
    patient = patient_in(turn, call)
    found = turn.world.owned(patient.environment, ADDRESS, patient.token)
    return page_of(turn, found, call.query, address_of)


def _create_address(turn: Turn, call: Call) -> dict[str, Any]:
    return address_of(_add_address(turn, patient_in(turn, call), call.body))


def _address(turn: Turn, call: Call) -> dict[str, Any]:
    return address_of(own(turn, ADDRESS, call.path["address_id"]))


def _update_address(turn: Turn, call: Call) -> dict[str, Any]:
    address = own(turn, ADDRESS, call.path["address_id"])
    address.document |= call.body.model_dump(include=set(AddressFields.model_fields), exclude_unset=True)
    turn.save(address)
    return address_of(address)


def _delete_address(turn: Turn, call: Call) -> dict[str, Any]:
    turn.delete(own(turn, ADDRESS, call.path["address_id"]))
    return {}


def _cards(turn: Turn, call: Call) -> dict[str, Any]:
    patient = patient_in(turn, call)
    return page_of(turn, turn.world.owned(patient.environment, CARD, patient.token), call.query, card_of)


def _card(turn: Turn, call: Call) -> dict[str, Any]:
    return card_of(own(turn, CARD, call.path["card_id"]))


def _delete_card(turn: Turn, call: Call) -> dict[str, Any]:
    turn.delete(own(turn, CARD, call.path["card_id"]))
    return {}


PATIENTS, ONE = assumed.PATIENTS, assumed.PATIENT
ENDPOINTS = (
    Endpoint("GET", PATIENTS, "List patients", _list, Patients, query=PageQuery),
    Endpoint("POST", PATIENTS, "Create a patient", _create, PatientDocument, body=PatientCreate),
    Endpoint("GET", ONE, "Fetch a patient", _get, PatientDocument),
    Endpoint("PUT", ONE, "Update a patient", _update, PatientDocument, body=PatientFields),
    Endpoint("GET", f"{ONE}/addresses", "List addresses", _addresses, Addresses, query=PageQuery),
    Endpoint(
        "POST", f"{ONE}/addresses", "Create an address", _create_address, AddressDocument, body=AddressFields
    ),
    Endpoint("GET", assumed.ADDRESS, "Fetch an address", _address, AddressDocument),
    Endpoint(
        "PUT", assumed.ADDRESS, "Update an address", _update_address, AddressDocument, body=AddressFields
    ),
    Endpoint("DELETE", assumed.ADDRESS, "Delete an address", _delete_address, Deleted),
    Endpoint("GET", f"{ONE}/cards", "List cards", _cards, Cards, query=PageQuery),
    Endpoint("GET", assumed.CARD, "Fetch a card", _card, CardDocument),
    Endpoint("DELETE", assumed.CARD, "Delete a card", _delete_card, Deleted),
)
