"""Consults: "Create a Consult Request", "Get a Consult", "Simulated Consults"; and the live list.

Readings: consults of the sandbox environment stay unassigned until they are simulated, since there is
nobody to take them. A questionnaire id is 24 hex digits, as printed; any such one is taken as set up. A
consult that has not ended may be simulated, not only an unassigned one: the flow begins where it stands, so
that an `issue` can be followed by `completed`. `statusflowFromTo` answers `completed`, `statusFlowFromTo`
answers `issueCompleted`.
"""

from __future__ import annotations

import re
from typing import Any

from sandbox.endpoint import Call, Endpoint
from sandbox.engine import Turn
from sandbox.moments import iso
from sandbox.truepill import consult_steps
from sandbox.truepill.consult_models import (
    Consult,
    ConsultAccepted,
    ConsultDocument,
    ConsultError,
    ConsultList,
    ConsultsQuery,
    Simulate,
    Simulated,
    no_access,
    refused,
    wrong,
)
from sandbox.truepill.patient_models import KEPT
from sandbox.truepill.patients import known_or_new
from sandbox.world import Record

__all__ = ["ENDPOINTS"]

#: Which photo is tagged how in a FILE callback.
TAGS = {"PHOTO_IDENTIFICATION": "PHOTO_ID", "SELF_PORTRAIT": "SELFIE"}
#: The key under which a simulation's flow is answered; the other statuses answer none.
FLOW_KEYS = {"completed": "statusflowFromTo", "issueCompleted": "statusFlowFromTo"}


def _create(turn: Turn, call: Call) -> dict[str, Any]:
    body: Consult = call.body
    if not re.fullmatch("[0-9a-fA-F]{24}", body.questionnaire):
        raise refused(404, "Questionaire not found (You may not be authorized to it).")
    given = [row.media_id for row in body.identification] + [row.id for row in body.media.documents]
    for media_id in given:
        media = turn.get("media", media_id)
        if media and media.customer != turn.customer.name:
            raise no_access()
    patient = known_or_new(turn, _patient(body))
    document = {
        "status": "unassigned",
        "updated": turn.now,
        # Where all that is planned will have brought it, and when.
        "heading": "unassigned",
        "busy_until": turn.now,
        "metadata": body.metadata,
        "wanted": [row.model_dump() for row in body.preferred_treatment.rx],
        "provider": None,
        "prescriptions": [],
        "files": [
            {
                "document_id": turn.ids.hex(24),
                "media": row.media_id,
                "tags": [TAGS.get(row.form, row.form)],
            }
            for row in body.identification
        ],
    }
    consult = turn.create("consult", turn.ids.hex(24), document, owner=patient.token)
    consult_steps.begin(turn, consult)
    return {"consult": consult.token, "patient": {"patient_token": patient.token}}


def _patient(body: Consult) -> dict[str, Any]:
    """As a create of the patient would have it."""
    who, contacts = body.patient, body.patient.contacts or body.contacts or {}
    address = {name: body.shipping_address.get(name) for name in ("street1", "street2", "city", "state")}
    return {
        **dict.fromkeys(KEPT),
        **address,
        "first_name": who.first_name,
        "last_name": who.last_name,
        "gender": who.gender,
        "dob": who.dob.replace("-", ""),
        "zip": who.home_zip,
        "phone": contacts.get("phone"),
        "email": contacts.get("email"),
    }


def _one(turn: Turn, call: Call) -> Record:
    consult = turn.get("consult", call.path["consult_id"])
    if consult is None:
        raise refused(404, "Consult not found.")
    if consult.customer != turn.customer.name:
        raise no_access()
    return consult


def _get(turn: Turn, call: Call) -> dict[str, Any]:
    return _told(_one(turn, call))


def _told(consult: Record) -> dict[str, Any]:
    known = consult.document
    return {"id": consult.token, "prescriptions": known["prescriptions"], "provider": known["provider"]}


def _list(turn: Turn, call: Call) -> dict[str, Any]:
    query: ConsultsQuery = call.query
    skip = (query.page_number - 1) * query.limit
    found = turn.world.paged(turn.customer.name, "consult", skip, query.limit, query.status)
    listed = [
        {
            **_told(consult),
            "status": consult.document["status"],
            "created_at": iso(consult.created),
            "updated_at": iso(consult.document["updated"]),
            "metadata": consult.document["metadata"],
            "patient_token": consult.owner,
        }
        for consult in found
    ]
    return {"consults": listed, "page_number": query.page_number, "limit": query.limit}


def _simulate(turn: Turn, call: Call) -> dict[str, Any]:
    body: Simulate = call.body
    if turn.customer.environment != "sandbox":
        raise no_access()
    consult = _one(turn, call)
    flow = consult_steps.flow(consult.document["heading"], body.status)
    if flow is None:
        raise refused(400, f"A consult that is {consult.document['heading']} cannot become {body.status}.")
    news = {
        "state": body.completionState,
        "ndc": body.rx_ndc,
        "icd10": body.icd10,
        "issue_reason": body.issueReason,
        "reject_reason": body.rejectReason,
    }
    consult_steps.simulate(turn, consult, flow, news)
    answer: dict[str, Any] = {"newStatus": flow[-1]}
    if key := FLOW_KEYS.get(body.status):
        answer[key] = flow
    return answer


CONSULT = "/consults/v0/consult"
ONE = f"{CONSULT}/{{consult_id}}"
REFUSALS = {400: ConsultError, 401: ConsultError, 404: ConsultError}
ENDPOINTS = (
    Endpoint(
        "POST",
        CONSULT,
        "Create a consult",
        _create,
        ConsultAccepted,
        body=Consult,
        refusals=REFUSALS,
        refuse=wrong,
    ),
    Endpoint("GET", ONE, "Get a consult", _get, ConsultDocument, refusals=REFUSALS),
    Endpoint(
        "PATCH",
        f"{ONE}/simulate",
        "Simulate a consult",
        _simulate,
        Simulated,
        body=Simulate,
        refusals=REFUSALS,
        refuse=wrong,
    ),
    Endpoint(
        "GET",
        "/consults/v0",
        "List consults",
        _list,
        ConsultList,
        query=ConsultsQuery,
        refusals={400: ConsultError},
        refuse=wrong,
        live=True,
    ),
)
