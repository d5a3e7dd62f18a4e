"""The payments partner, put together."""

from __future__ import annotations

from sandbox.healnow import checkout_page, checkouts, desk, orders, patients, prescriptions
from sandbox.healnow.authentication import authenticate
from sandbox.healnow.callbacks import CALLBACKS
from sandbox.healnow.errors import WORDING, Error
from sandbox.healnow.signature import signing
from sandbox.healnow.truth import KINDS, RANKS, offered, said, state_after
from sandbox.openapi import About
from sandbox.partner import Partner
from sandbox.reading import FORM, PARTS
from sandbox.truth import Truth

__all__ = ["PARTNER"]

ABOUT = About(
    "HealNow, emulated",
    Error,
    {"Bearer": {"type": "http", "scheme": "bearer"}},
    ("application/json", FORM, PARTS),
    frozenset({422}),
)
PARTNER = Partner(
    name="healnow",
    prefix="/healnow",
    endpoints=(
        *patients.ENDPOINTS,
        *prescriptions.ENDPOINTS,
        *checkouts.ENDPOINTS,
        *orders.ENDPOINTS,
    ),
    steps=checkouts.STEPS,
    authenticate=authenticate,
    wording=WORDING,
    about=ABOUT,
    callbacks=CALLBACKS,
    truth=Truth("healnow", KINDS, said, state_after, offered, dated=False, ranks=RANKS),
    signing=signing,
    idempotent=True,
    parts=True,
    routes=checkout_page.routes,
    desk=desk.routes,
)
