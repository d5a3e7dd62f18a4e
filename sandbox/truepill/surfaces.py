"""Where an event can still be had: the surfaces that give it to its customer, where its copy tells anything.

A pulled copy prints neither the id nor the status of what was pushed ("Get Fill Request Webhook Events"). The
details tell what its status was, or they do not: then the copy is there, and offers nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from sandbox.truepill.truth import said
from sandbox.truth import BY_ID, Json, Said

__all__ = ["offered"]

#: Types whose bare copies name what they are about.
NAMED = frozenset({"NOTIFY_RX", "CONSULT", "FILE", "COVERAGE"})


def offered(
    kind: str, key: str, type: str, body: Json, live_contract: bool, *, whole: bool = False
) -> list[str]:
    """The surfaces that still give this event to its customer, as paths of the API.

    Where the copy does not say whose it is, it has to be asked for by the request's id (`BY_ID`). `whole`: it
    has its id and status all the same.
    """
    if not (whole or _tells_its_status(type, body)):
        return []
    surfaces = []
    if type == "NOTIFY_RX":
        surfaces.append("/v1/webhook_events/notify_rx")
    if kind == "fill_request":
        surfaces.append(f"/v1/fill_request/{key}/webhook_events")
    if live_contract:
        is_named = whole or type in NAMED
        surfaces.append("/v1/webhook_events" if is_named else f"/v1/webhook_events{BY_ID}{key}")
    return surfaces


def _tells_its_status(type: str, body: Json) -> bool:
    teller = TELLERS.get(type)
    return teller is None or teller(body, body.get("details") or {}) == body.get("status")


def _coded(lines: str) -> Callable[[Json, Json], str | None]:
    """ORDER, COPAY and TRANSFER: by their code, or else by what they list under this name."""

    def told(body: Json, details: Json) -> str | None:
        if details.get("error_code"):
            return "error"
        if details.get("code"):
            return "triage"
        came = any(status != "rejected" for row in _said(body) for _, status in row.lines)
        priced = lines == "prescriptions" and details.get(lines)
        packed = details.get("tracking_number") or details.get("otc_products")
        return "success" if came or priced or packed else None

    return told


def _said(body: Json) -> list[Said]:
    return said("", "", body["callback_type"], {**body, "status": "success"})


def _contact(_: Json, details: Json) -> str | None:
    if details.get("error_code"):
        return "error"
    return "success" if details.get("contact_number") else None


def _direct_transfer(_: Json, details: Json) -> str | None:
    message = str(details.get("message")).lower()
    return "success" if "accepted" in message else "error" if "rejected" in message else None


def _prior_auth(_: Json, details: Json) -> str | None:
    """By the words of the message. `submitted` and `pending` have the same: the type tells which it is."""
    message = str(details.get("message")).lower()
    if "submitted to the payer" in message:
        return "pending" if details.get("prior_auth_type") == "ePA" else "submitted"
    return next((status for word, status in PRIOR_AUTH_WORDS.items() if word in message), None)


def _coverage(body: Json, details: Json) -> str | None:
    if details.get("insurances"):
        return "success"
    return "error" if body.get("message") else None


def _consult(_: Json, details: Json) -> str | None:
    return next((status for field, status in CONSULT_FIELDS.items() if details.get(field)), None)


PRIOR_AUTH_WORDS = {
    "created": "new",
    "approved": "approved",
    "declined": "declined",
    "appeal": "appealed",
    "cancel": "cancelled",
}
CONSULT_FIELDS = {"state": "completed", "reject_reason": "rejected", "issue_reason": "issue"}
#: What each type's copy says that its status was. Of the others none has one, or it is of no account.
TELLERS: Mapping[str, Callable[[Json, Json], str | None]] = {
    "ORDER": _coded("medications"),
    "COPAY": _coded("prescriptions"),
    "TRANSFER": _coded("medications"),
    "TRANSFER_CONTACT": _contact,
    "DIRECT_TRANSFER": _direct_transfer,
    "DIRECT_TRANSFER_V2": _direct_transfer,
    "PRIOR_AUTH": _prior_auth,
    "COVERAGE": _coverage,
    "CONSULT": _consult,
}
