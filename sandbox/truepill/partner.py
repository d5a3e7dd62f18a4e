"""The pharmacy, put together: a part of its reference is a module; here it takes its place."""

from __future__ import annotations

from sandbox.endpoint import Endpoint
from sandbox.engine import Step
from sandbox.openapi import About
from sandbox.partner import Partner
from sandbox.truepill import (
    claims,
    consult_steps,
    consults,
    copay_steps,
    copays,
    coverage,
    direct_transfers,
    events,
    fill_changes,
    fill_requests,
    fill_steps,
    insurance,
    media,
    patients,
    prescriptions,
    prior_auths,
    safety,
    transfer_steps,
    transfers,
)
from sandbox.truepill.authentication import authenticate
from sandbox.truepill.callbacks import CALLBACKS
from sandbox.truepill.errors import WORDING, Error
from sandbox.truepill.surfaces import offered
from sandbox.truepill.truth import KINDS, said, state_after
from sandbox.truth import Truth

__all__ = ["ENDPOINTS", "PARTNER"]

ENDPOINTS: tuple[Endpoint, ...] = (
    *patients.ENDPOINTS,
    *prescriptions.ENDPOINTS,
    *fill_requests.ENDPOINTS,
    *fill_changes.ENDPOINTS,
    *insurance.ENDPOINTS,
    *claims.ENDPOINTS,
    *copays.ENDPOINTS,
    *prior_auths.ENDPOINTS,
    *coverage.ENDPOINTS,
    *safety.ENDPOINTS,
    *transfers.ENDPOINTS,
    *direct_transfers.ENDPOINTS,
    *consults.ENDPOINTS,
    *media.ENDPOINTS,
    *events.ENDPOINTS,
)
STEPS: dict[str, Step] = {
    **prescriptions.STEPS,
    **fill_steps.STEPS,
    **copay_steps.STEPS,
    **prior_auths.STEPS,
    **coverage.STEPS,
    **transfer_steps.STEPS,
    **direct_transfers.STEPS,
    **consult_steps.STEPS,
    **media.STEPS,
}
ABOUT = About(
    "Truepill, emulated",
    Error,
    {
        "ApiKey": {"type": "apiKey", "in": "header", "name": "Authorization"},
        "Basic": {"type": "http", "scheme": "basic"},
    },
)
PARTNER = Partner(
    name="truepill",
    prefix="",
    endpoints=ENDPOINTS,
    steps=STEPS,
    authenticate=authenticate,
    wording=WORDING,
    about=ABOUT,
    callbacks=CALLBACKS,
    truth=Truth("truepill", KINDS, said, state_after, offered),
    routes=media.routes,
)
