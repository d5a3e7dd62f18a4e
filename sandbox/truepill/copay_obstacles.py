"""Why a copay request that is not simulated gets no price: read off its prescriptions and insurances.

The rules are the sandbox's own, so that each outcome can be had on purpose: an insurance whose BIN is no
number is bad; a prescription that its patient should still have is too soon; one labelled "Brand" needs a
prior authorization; one without refills or transferred away is rejected before any claim is sent.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sandbox.engine import Turn
from sandbox.truepill import prior_auths
from sandbox.world import Record

__all__ = ["has_bad_insurance", "is_duplicate", "obstacle"]

DAY = 86_400.0
#: Insurers pay for a refill when three quarters of the last one should be used up.
USED_UP = 0.75


def has_bad_insurance(turn: Turn, copay: Record) -> bool:
    """Whether the primary insurance cannot be billed at all."""
    insurance = turn.own("insurance", copay.document["insurances"][0]["insurance_token"])
    return insurance is None or not insurance.document["rx_bin"].isdecimal()


def is_duplicate(turn: Turn, copay: Record) -> bool:
    """Whether an earlier request for one of these prescriptions is not answered yet."""
    wanted = {line["prescription_token"] for line in copay.document["lines"]}
    return any(
        other.number < copay.number
        and other.document["status"] in ("pending", "triage")
        and wanted & {line["prescription_token"] for line in other.document["lines"]}
        for other in turn.world.owned(copay.environment, "copay", copay.owner)
    )


def obstacle(turn: Turn, copay: Record, line: Mapping[str, Any]) -> tuple[str | None, float | None]:
    """Why a line is not paid for, and from when it can be."""
    token = line["prescription_token"]
    prescription = turn.own("prescription", token)
    known = prescription.document if prescription else {}
    if not known.get("fillable"):
        return "RX_TRANSFERRED", None
    if int(known["num_refills_filled"]) > 0 and known["refills_remaining"] <= 0:
        return "RX_NO_REFILLS", None
    if known["last_filled_date"]:
        filled = datetime.fromisoformat(known["last_filled_date"]).timestamp()
        due = math.ceil((filled + USED_UP * DAY * known["dispensed_days_supply"]) / DAY) * DAY
        if turn.now < due:
            return "RX_REFILL_TOO_SOON", due
    insurance = copay.document["insurances"][0]["insurance_token"]
    branded = known["prescribed_label_type"].casefold() == "brand"
    if branded and not prior_auths.approved(turn, copay.owner, token, insurance):
        return "PA_REQUIRED", None
    return None, None
