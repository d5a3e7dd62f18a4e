"""What becomes of a copay request by itself: an answer, an error, a triage, and what follows an approval.

A simulated one is answered after a second, as printed. Without a simulation `copay_obstacles` decides; when
all prescriptions are too soon, the request waits in triage. Where a request starts prior authorizations and
nothing else can be told, there is no news until they are decided, as printed ("Initiating a Prior Auth from
Copay Request").
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from sandbox.engine import Step, Turn
from sandbox.moments import day, iso
from sandbox.truepill import claims, copay_bodies, prior_auths
from sandbox.truepill.copay_models import CopaySimulation
from sandbox.truepill.copay_obstacles import has_bad_insurance, is_duplicate, obstacle
from sandbox.world import Record

__all__ = ["CANCELLED", "CANCEL_SECONDS", "STEPS", "begin"]

DAY = 86_400.0
SIMULATED_SECONDS = 1.0
TRIAGE_SECONDS = 60.0
RESUMED_SECONDS = 40.0
CANCEL_SECONDS = 1.0
USUAL_SECONDS = (60.0, 3600.0)
SIMULATED_PRICE = Decimal("13.37")
CANCELLED = "CUSTOMER_CANCELLATION_REQUEST"
PA_NEEDED = "75"
TOO_SOON = "79"
REASON_OF = {"70": "RX_NOT_COVERED", PA_NEEDED: "PA_REQUIRED", TOO_SOON: "RX_REFILL_TOO_SOON"}

Line = dict[str, Any]


def begin(turn: Turn, copay: Record, simulation: CopaySimulation | None) -> None:
    """Plan the first step of a copay request that was accepted."""
    if simulation is None:
        turn.later(turn.ids.between(*USUAL_SECONDS), "copay_runs", copay)
        return
    error, triage = simulation.error, simulation.triage
    if triage:
        data = {"code": triage.code, "information": triage.additional_information}
        turn.later(SIMULATED_SECONDS, "copay_triaged", copay, **data)
    elif error and error.error_code:
        data = {"code": error.error_code, "other": error.reject_reason_other}
        turn.later(SIMULATED_SECONDS, "copay_fails", copay, **data)
    else:
        codes, only = (error.reject_codes, error.prescriptions) if error else (None, [])
        turn.later(SIMULATED_SECONDS, "copay_simulated", copay, codes=codes, only=only)


def _simulated(turn: Turn, copay: Record, data: Mapping[str, Any]) -> None:
    only = data.get("only")
    for line in copay.document["lines"]:
        if data["codes"] is None or (only and line["prescription_token"] not in only):
            _price(turn, copay, line, SIMULATED_PRICE, iso(copay.created))
        else:
            known = [REASON_OF[code] for code in data["codes"] if code in REASON_OF]
            needs = PA_NEEDED in data["codes"]
            reason = "PA_REQUIRED" if needs else (known or ["INSURANCE_ISSUE"])[0]
            _reject(turn, copay, line, reason, data["codes"])
    _answer(turn, copay)


def _runs(turn: Turn, copay: Record, _: Mapping[str, Any]) -> None:
    """What the pharmacy's own system finds."""
    if is_duplicate(turn, copay):
        _fail(turn, copay, "DUPLICATE_REQUEST", None)
        return
    if has_bad_insurance(turn, copay):
        _fail(turn, copay, "BAD_INSURANCE_DETAILS", "Invalid BIN")
        return
    lines = copay.document["lines"]
    found = [obstacle(turn, copay, line) for line in lines]
    reasons = [reason for reason, _ in found]
    if all(reason == "RX_REFILL_TOO_SOON" for reason in reasons):
        first = min(due for _, due in found if due is not None)
        _triage(turn, copay, "CT004", day(first))
        turn.later(first - turn.now, "copay_runs", copay)
        return
    for line, (reason, due) in zip(lines, found, strict=True):
        if reason is None:
            # A single payer says from when it can be filled, several do not, as printed.
            ready = iso(turn.now - turn.now % DAY) if len(copay.document["insurances"]) == 1 else None
            _price(turn, copay, line, claims.price(turn, line["prescription_token"]), ready)
        else:
            codes = [code for code, name in REASON_OF.items() if name == reason]
            _reject(turn, copay, line, reason, codes, iso(due) if due else None)
    if copay.document["initiate_prior_auth"] and all(reason == "PA_REQUIRED" for reason in reasons):
        _start_prior_auths(turn, copay)
        _keep(turn, copay, "pending")
    else:
        _answer(turn, copay)


def _price(turn: Turn, copay: Record, line: Line, price: Decimal, ready: str | None) -> None:
    """The first payer leaves the most to pay, the last what the patient pays."""
    count = len(copay.document["insurances"])
    amounts = [price * 2 ** (count - 1 - place) for place in range(count)]
    line |= {
        "status": "completed",
        "reason": None,
        "codes": [],
        "waits": False,
        "next_fill_date": ready,
        "amounts": [copay_bodies.dollars(amount) for amount in amounts],
        "copay_amount": copay_bodies.dollars(price),
    }
    cards = _cards(turn, copay)
    claims.bill(turn, copay, line["prescription_token"], line["fill_number"], cards, amounts)


def _reject(
    turn: Turn, copay: Record, line: Line, reason: str, codes: list[str], ready: str | None = None
) -> None:
    line |= {
        "status": "rejected",
        "reason": reason,
        "codes": codes,
        "waits": reason == "PA_REQUIRED",
        "next_fill_date": ready,
    }
    if codes:
        cards = _cards(turn, copay)
        claims.bill(turn, copay, line["prescription_token"], line["fill_number"], cards, codes=codes)


def _cards(turn: Turn, copay: Record) -> list[Mapping[str, Any]]:
    records = [turn.own("insurance", row["insurance_token"]) for row in copay.document["insurances"]]
    return [record.document for record in records if record]


def _answer(turn: Turn, copay: Record) -> None:
    _emit(turn, copay, "completed", copay_bodies.success(copay, turn.now, copay.document["lines"]))
    if copay.document["initiate_prior_auth"]:
        _start_prior_auths(turn, copay)


def _fails(turn: Turn, copay: Record, data: Mapping[str, Any]) -> None:
    _fail(turn, copay, data["code"], data.get("other"))


def _fail(turn: Turn, copay: Record, code: str, other: str | None) -> None:
    known = copay.document
    known["error_code"] = code
    for line in known["lines"]:
        line |= {"status": "rejected", "waits": code == "PA_REQUIRED"}
    state = "cancelled" if code == CANCELLED else "rejected"
    _emit(turn, copay, state, copay_bodies.error(copay, turn.now, code, other))
    if known["initiate_prior_auth"] and code == "PA_REQUIRED":
        _start_prior_auths(turn, copay)


def _triaged(turn: Turn, copay: Record, data: Mapping[str, Any]) -> None:
    """A simulated triage is over after a minute, unless it is for a prior authorization. Until then it is
    worked on again, which no callback says."""
    code = data["code"]
    if code == "CT003":
        for line in copay.document["lines"]:
            line["waits"] = True
    information = data["information"]
    if code == "CT004" and information is None:
        information = day(turn.now + 3 * DAY)
    _triage(turn, copay, code, information)
    if code != "CT003":
        turn.later(RESUMED_SECONDS, "copay_resumes", copay)
        turn.later(TRIAGE_SECONDS, "copay_simulated", copay, codes=None)
    elif copay.document["initiate_prior_auth"]:
        _start_prior_auths(turn, copay)


def _resumes(turn: Turn, copay: Record, _: Mapping[str, Any]) -> None:
    _keep(turn, copay, "pending")


def _triage(turn: Turn, copay: Record, code: str, information: str | None) -> None:
    copay.document["triage_reason"] = code
    _emit(turn, copay, "triage", copay_bodies.triage(copay, turn.timestamp, code, information))


def _start_prior_auths(turn: Turn, copay: Record) -> None:
    """One for each prescription that waits for one."""
    known = copay.document
    for line in known["lines"]:
        if line["waits"]:
            tokens = {
                "prescription_token": line["prescription_token"],
                "insurance_token": known["insurances"][0]["insurance_token"],
            }
            prior_auths.start(
                turn,
                copay.owner,
                tokens,
                metadata=known["metadata"],
                flow=known["flow"],
                quick=known["simulated"],
                copay=copay.token,
            )


def _decided(turn: Turn, copay: Record, data: Mapping[str, Any]) -> None:
    """The payer has decided on a prescription: that line is answered anew, and it alone."""
    known = copay.document
    if data["insurance_token"] not in [row["insurance_token"] for row in known["insurances"]]:
        return
    for line in known["lines"]:
        if line["prescription_token"] != data["prescription_token"] or not line["waits"]:
            continue
        if data["granted"]:
            ready = iso(turn.now - turn.now % DAY)
            _price(turn, copay, line, claims.price(turn, line["prescription_token"]), ready)
            _emit(turn, copay, "completed", copay_bodies.authorized(copay, turn.now, line))
        else:
            _reject(turn, copay, line, "PA_DENIED", [PA_NEEDED])
            line["waits"] = True  # an appeal may follow
            _emit(turn, copay, "completed", copay_bodies.denied(copay, turn.now, line))


def _emit(turn: Turn, copay: Record, state: str, body: dict[str, Any]) -> None:
    _keep(turn, copay, state)
    turn.emit("copay", copay.token, body)


def _keep(turn: Turn, copay: Record, state: str) -> None:
    copay.document |= {"status": state, "updated": turn.now}
    turn.save(copay)


STEPS: dict[str, Step] = {
    "copay_runs": _runs,
    "copay_simulated": _simulated,
    "copay_fails": _fails,
    "copay_triaged": _triaged,
    "copay_resumes": _resumes,
    "copay_decided": _decided,
}
