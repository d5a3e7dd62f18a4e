"""The command line in a process of its own, where a fill is paid: `python -m tests.support.paid_cli …`."""

from __future__ import annotations

from typing import Any

import ops.paid_lines
from ops.cli import main
from partners.truepill.payment_block import PaidLine

__all__ = ["PAID", "RX1", "RX2"]

RX1 = PaidLine("rx1", 1700, 1700, 0, "pay1", "0789", "visa", ("Canaryil 10mg", "payment"))
RX2 = PaidLine("rx2", 0, 0, 0, item=("Canarol 25mg", "payment"))
PAID = (RX1, RX2)


def _paid(*_: Any) -> tuple[PaidLine, ...]:
    return PAID


if __name__ == "__main__":
    ops.paid_lines.paid_lines = _paid  # type: ignore[assignment]
    main()
