"""What becomes of a consult: its statuses, the prescriptions that it ends with, and the photos that come in.

A simulated flow tells a status a second. In the live environment providers take minutes and hours; no source
has numbers, and those here are for something to happen.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sandbox.engine import Step, Turn
from sandbox.moments import iso
from sandbox.truepill.consult_models import STATES
from sandbox.truepill.prescriptions import receive
from sandbox.truepill.rx_models import NewRx
from sandbox.world import Record

__all__ = ["STEPS", "begin", "file_arrived", "flow", "simulate"]

MINUTE = 60.0
HOUR = 60 * MINUTE
FILE_SECONDS = 1.0
STEP_SECONDS = 1.0
GIVEN_BACK, TROUBLED, REJECTED, CALLED_OFF, NOT_PRESCRIBED = 0.08, 0.10, 0.08, 0.01, 0.15
PROVIDERS = (("Doogie", "Howser"), ("Maria", "Abad"), ("Jane", "Foster"))
MESSAGES = {
    "unassigned": "Licensed provider has declined the Consult request after accepting it",
    "assigned": "Licensed provider has accepted the Consult",
    "review": "Licensed provider has started the Consult",
    "issue": "Licensed provider has run into an issue",
    "resolved": "Care team has resolved the issue",
    "rejected": "Licensed provider has rejected the Consult request."
    " Rejection reason provided under `reject_reason`",
    "completed": "Licensed provider has completed the Consult request",
    "cancelled": "The Consult request was cancelled",
}
#: How the way of each simulated status goes on from where a consult stands.
COMPLETED = {
    "unassigned": ("assigned", "review", "completed"),
    "assigned": ("review", "completed"),
    "review": ("completed",),
    "issue": ("resolve", "review", "completed"),
    "resolved": ("review", "completed"),
}
ISSUE = {
    "unassigned": ("assigned", "issue"),
    "assigned": ("issue",),
    "review": ("issue",),
    "resolved": ("issue",),
}
FLOWS: Mapping[str, Mapping[str, tuple[str, ...]]] = {
    "completed": COMPLETED,
    "issue": ISSUE,
    "rejected": dict.fromkeys(COMPLETED, ("rejected",)) | {"unassigned": ("assigned", "rejected")},
    "issueCompleted": {name: (*way, *COMPLETED["issue"]) for name, way in ISSUE.items()}
    | {"issue": COMPLETED["issue"]},
}


def flow(current: str, wanted: str) -> list[str] | None:
    """The statuses from where it stands to what is wanted, in the spelling of the answers; None: no way."""
    way = FLOWS[wanted].get(current)
    return None if way is None else ["resolve" if current == "resolved" else current, *way]


def begin(turn: Turn, consult: Record) -> None:
    """Plan what happens without being asked for."""
    _tell_files(turn, consult)
    if turn.customer.environment != "live":
        return
    way = ["assigned"]
    if turn.ids.between(0, 1) < GIVEN_BACK:
        way += ["unassigned", "assigned"]
    way.append("review")
    if turn.ids.between(0, 1) < TROUBLED:
        way += ["issue", "resolved", "review"]
    luck = turn.ids.between(0, 1)
    if luck < REJECTED:
        way = [*way[:-1], "rejected"]
    else:
        way.append("cancelled" if luck < REJECTED + CALLED_OFF else "completed")
    news = {
        "state": ["rx_prescribed"],
        "ndc": None,
        "icd10": None,
        "issue_reason": "The patient's answers are incomplete",
        "reject_reason": "Patient is not eligible",
    }
    if turn.ids.between(0, 1) < NOT_PRESCRIBED:
        news["state"] = [STATES[int(turn.ids.between(0, len(STATES)))]]
    _plan(turn, consult, [(turn.ids.between(10 * MINUTE, 4 * HOUR), status) for status in way], news)


def simulate(turn: Turn, consult: Record, way: Sequence[str], news: Mapping[str, Any]) -> None:
    """Tell what `flow` found, behind what is planned already. `news`: what the callbacks say beside it."""
    _plan(turn, consult, [(STEP_SECONDS, status) for status in way[1:]], news)


def _plan(turn: Turn, consult: Record, way: list[tuple[float, str]], news: Mapping[str, Any]) -> None:
    known = consult.document
    moment = max(turn.now, known["busy_until"])
    for seconds, spelled in way:
        moment += seconds
        status = "resolved" if spelled == "resolve" else spelled
        turn.later(moment - turn.now, "consult_moves", consult, status=status, news=news)
        known["heading"] = status
    known["busy_until"] = moment
    turn.save(consult)


def _moves(turn: Turn, consult: Record, data: Mapping[str, Any]) -> None:
    known, status, news = consult.document, data["status"], data["news"]
    if status == "assigned" or known["provider"] is None:
        known["provider"] = _provider(turn)
    known |= {"status": status, "updated": turn.now}
    said: dict[str, Any] = {}
    if status == "completed":
        said = {"state": news["state"]}
        if "rx_prescribed" in news["state"]:
            _prescribe(turn, consult, news)
    elif status == "rejected":
        said = {"reject_reason": news["reject_reason"]}
    elif status == "issue":
        said = {"issue_reason": news["issue_reason"]}
    turn.save(consult)
    provider = f"{known['provider']['first_name']} {known['provider']['last_name']}"
    body = {
        "consult_id": consult.token,
        "timestamp": turn.timestamp,
        "callback_type": "CONSULT",
        "status": status,
        "details": {
            **said,
            "message": MESSAGES[status],
            "provider": provider,
            "metadata": known["metadata"],
        },
    }
    turn.emit("consult", consult.token, body)


def _provider(turn: Turn) -> dict[str, Any]:
    first, last = PROVIDERS[int(turn.ids.between(0, len(PROVIDERS)))]
    return {"npi": int(turn.ids.digits(10)), "first_name": first, "last_name": last}


def _prescribe(turn: Turn, consult: Record, news: Mapping[str, Any]) -> None:
    """What the provider writes comes in at the pharmacy as any prescription does: its NOTIFY_RX follows."""
    patient = turn.own("patient", consult.owner)
    if patient is None:
        raise LookupError("a consult's patient is gone")
    wanted = consult.document["wanted"] or [{}]
    provider = consult.document["provider"]
    for row in [{**wanted[0], "ndc": news["ndc"]}] if news["ndc"] else wanted:
        given = {"prescriber": f"Dr. {provider['first_name']} {provider['last_name']}"}
        overrides = given | _overrides(row, news["icd10"])
        prescription = receive(turn, patient, overrides)
        consult.document["prescriptions"].append(_told(turn, prescription, row))


def _overrides(wanted: Mapping[str, Any], icd10: str | None) -> dict[str, Any]:
    overrides: dict[str, Any] = {"diagnosis_codes": {"icd10": [icd10], "icd9": []}} if icd10 else {}
    if ndc := wanted.get("ndc"):
        overrides |= {"prescribed_ndc": ndc.replace("-", ""), "dispensed_ndc": ndc.replace("-", "")}
    if (days := wanted.get("days_supply")) is not None:
        overrides |= {"days_supply": str(days), "dispensed_days_supply": days}
    if (quantity := wanted.get("quantity")) is not None:
        overrides |= {"prescribed_quantity": quantity, "dispensed_quantity": quantity}
    if (refills := wanted.get("num_refills")) is not None:
        overrides |= {"refills_remaining": refills, "number_of_refills_allowed": refills}
    return overrides


def _told(turn: Turn, prescription: Record, wanted: Mapping[str, Any]) -> dict[str, Any]:
    fields = NewRx.model_validate(prescription.document)
    return {
        "id": turn.ids.hex(24),
        "ndc": wanted.get("ndc") or fields.prescribed_ndc,
        "name": fields.prescribed_written_name,
        "strength": fields.prescribed_drug_strength,
        "days_supply": fields.dispensed_days_supply,
        "refills": fields.refills_remaining,
        "sig": fields.medication_sig,
        "quantity": fields.prescribed_quantity,
        "created_at": iso(turn.now),
    }


def _tell_files(turn: Turn, consult: Record) -> None:
    """Have a FILE tell of the photos that are there; those still to be uploaded follow one by one."""
    there = []
    for file in consult.document["files"]:
        media = turn.own("media", file["media"])
        if media and media.document["status"] == "AWAITING_UPLOAD":
            media.document["consults"].append(consult.token)
            turn.save(media)
        else:
            # One that was uploaded, or that this sandbox has never seen.
            there.append(file["document_id"])
    if there:
        turn.later(FILE_SECONDS, "consult_files", consult, documents=there)


def file_arrived(turn: Turn, media: Record) -> None:
    """A photo was uploaded that consults wait for."""
    for token in media.document["consults"]:
        consult = turn.own("consult", token)
        if consult:
            files = [row["document_id"] for row in consult.document["files"] if row["media"] == media.token]
            turn.later(FILE_SECONDS, "consult_files", consult, documents=files)
    media.document["consults"] = []


def _files(turn: Turn, consult: Record, data: Mapping[str, Any]) -> None:
    documents = [
        {"status": "UPLOADED", "document_id": file["document_id"], "tags": file["tags"]}
        for file in consult.document["files"]
        if file["document_id"] in data["documents"]
    ]
    body = {
        "timestamp": turn.timestamp,
        "consult_id": consult.token,
        "callback_type": "FILE",
        "details": {"metadata": consult.document["metadata"], "documents": documents},
    }
    turn.emit("consult", consult.token, body)


STEPS: dict[str, Step] = {"consult_moves": _moves, "consult_files": _files}
