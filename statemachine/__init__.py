"""Machines: pure, standard library only. One file a machine; the kernel is shared."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from statemachine.checkout import CHECKOUT
from statemachine.clocks import deadline
from statemachine.consult import CONSULT
from statemachine.copay import COPAY
from statemachine.coverage import COVERAGE
from statemachine.current_lines import current_lines, lines_told
from statemachine.derivation import DERIVATIONS, Derivation, Implied
from statemachine.direct_transfer import DIRECT_TRANSFER
from statemachine.fill_request import FILL_REQUEST
from statemachine.kernel import Machine, MachineError
from statemachine.lines import Told
from statemachine.model import Fact, Line, Step, Summary
from statemachine.payment import PAYMENT
from statemachine.prescription import PRESCRIPTION
from statemachine.prior_auth import PRIOR_AUTH
from statemachine.rules import Clock, Silence, Verdict
from statemachine.transfer import TRANSFER

__all__ = [
    "DERIVATIONS",
    "MACHINES",
    "Clock",
    "Derivation",
    "Fact",
    "Implied",
    "Line",
    "Machine",
    "MachineError",
    "Silence",
    "Step",
    "Summary",
    "Told",
    "Verdict",
    "current_lines",
    "deadline",
    "lines_told",
]

MACHINES: Mapping[str, Machine] = MappingProxyType(
    {
        machine.kind: machine
        for machine in (
            FILL_REQUEST,
            TRANSFER,
            DIRECT_TRANSFER,
            COPAY,
            PRIOR_AUTH,
            CONSULT,
            COVERAGE,
            PRESCRIPTION,
            PAYMENT,
            CHECKOUT,
        )
    }
)
