"""Machines: pure, standard library only. One file a machine; the kernel is shared."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from statemachine.fill_request import FILL_REQUEST
from statemachine.kernel import Fact, Line, Machine, MachineError, Step, Summary, Verdict, current_lines

__all__ = [
    "MACHINES",
    "Fact",
    "Line",
    "Machine",
    "MachineError",
    "Step",
    "Summary",
    "Verdict",
    "current_lines",
]

MACHINES: Mapping[str, Machine] = MappingProxyType({machine.kind: machine for machine in (FILL_REQUEST,)})
