"""Payments as people read them: what is owed, paid and open of a fill, what a payment is for."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ops.render.console import screen
from ops.render.tables import cell, print_table

__all__ = ["dollars", "print_payments"]


def dollars(cents: int | None) -> str:
    """12.99 for 1299; a question mark where it is not known."""
    if cents is None:
        return "?"
    sign = "-" if cents < 0 else ""
    return f"{sign}{abs(cents) // 100}.{abs(cents) % 100:02d}"


def print_payments(document: Mapping[str, Any]) -> None:
    """The part of `show` about money, of a fill or a payment."""
    if "balance" in document:
        _print_balance(document["balance"], document["payments"])
    else:
        _print_use(document)


def _print_balance(balance: Mapping[str, Any], paid: list[dict[str, Any]]) -> None:
    figures = ", ".join(f"{name} {dollars(balance[name])}" for name in ("owed", "paid", "open"))
    screen.print(cell(f"money: {figures}", "bold"), soft_wrap=True)
    if balance["carried"]:
        screen.print(
            cell("another fill was asked for in its place, and has its payments", ""), soft_wrap=True
        )
    rows = [
        [
            str(line["position"]),
            line["token"] or "",
            *(dollars(line[name]) for name in ("owed", "paid", "open")),
        ]
        for line in balance["lines"]
    ]
    if len(rows) > 1:
        print_table(("line", "token", "owed", "paid", "open"), rows, fold=("token",))
    if paid:
        shown = [
            [
                one["key"],
                one["state"],
                dollars(one["cents"]),
                _line(one["position"]),
                "" if one["counts"] else "no",
            ]
            for one in paid
        ]
        print_table(("payment", "state", "amount", "line", "counts"), shown, fold=("payment",))


def _print_use(document: Mapping[str, Any]) -> None:
    screen.print(cell(f"amount: {dollars(document['cents'])}", "bold"), soft_wrap=True)
    if document["refunded"]:
        screen.print(cell("the money was given back", ""), soft_wrap=True)
    if document["for"]:
        rows = [[one["kind"], one["key"], _line(one["position"]), one["by"]] for one in document["for"]]
        print_table(("for", "key", "line", "by"), rows, fold=("key",))
    if document["candidates"]:
        rows = [[one["kind"], one["key"], _line(one["position"])] for one in document["candidates"]]
        print_table(("may be for", "key", "line"), rows, fold=("key",))
        command = f"rxledger payment assign {document['key']} FILL [LINE] --reason R"
        screen.print(cell(f"say which: {command}", ""), soft_wrap=True)


def _line(position: int | None) -> str:
    return "" if position is None else str(position)
