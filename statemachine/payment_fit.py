"""What a payment is for: which fill, copay or transfer, and which line of it. Pure.

By its eid first: it holds the key of a request or the customer's own metadata. Then by rx number with its
refill, since an rx number is the same at every refill; where the refill of a line is not known, or the
payment's is not, only what owes exactly the price fits. Names of people are never looked at. Fills, copays
and transfers are decided by themselves, for one payment settles a copay and the fill that comes of it. Where
two of a kind fit, or two lines of one, nothing is guessed: a person chooses.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Literal, NamedTuple

__all__ = ["Assigned", "Basis", "Fit", "Payment", "Placed", "Target", "TargetLine", "fit"]

Basis = Literal["eid", "rx_number", "prescription", "person"]


class Assigned(NamedTuple):
    """What a person said that a payment is for; position and token are a line's, None for all of it."""

    kind: str
    key: str
    position: int | None
    token: str | None = None


class Payment(NamedTuple):
    """One payment. `price` is in cents. `refill` is "0" for a first fill, None where nothing says which it
    is.

    `token`: the prescription token that its eid ends with.
    """

    key: str
    state: str
    rx_number: str | None = None
    refill: str | None = None
    price: int | None = None
    quantity: str | None = None
    token: str | None = None
    assigned: Assigned | None = None


class TargetLine(NamedTuple):
    """One line of what may be paid for. `owed` is in cents; None where nothing says how much."""

    position: int
    token: str | None
    rx_number: str | None = None
    refill: str | None = None
    quantity: str | None = None
    owed: int | None = None


class Target(NamedTuple):
    """What a payment may be for. `named`: the payment's eid holds its key (then it is `sure`) or its
    metadata.

    `carries` are keys of earlier requests that it replaces or refers to: it is asked for in their place.
    """

    kind: str
    key: str
    lines: tuple[TargetLine, ...] = ()
    named: bool = False
    sure: bool = False
    carries: frozenset[str] = frozenset()


class Placed(NamedTuple):
    """A payment is for this; `line` is None where it is for all of it, or nothing says for which line."""

    target: Target
    line: TargetLine | None
    basis: Basis


class Fit(NamedTuple):
    """What a payment is for, one of each kind; and `rivals`, what fits as well as something else does."""

    placed: tuple[Placed, ...]
    rivals: tuple[Placed, ...]


NOTHING = Fit((), ())


def fit(payment: Payment, targets: Iterable[Target]) -> Fit:
    """Decide. `targets` are all that share a name with the payment, in any order."""
    by_kind: dict[str, list[Target]] = {}
    for target in sorted(targets, key=lambda one: (one.kind, one.key)):
        by_kind.setdefault(target.kind, []).append(target)
    if payment.assigned is not None:
        return _as_said(payment, payment.assigned, by_kind.get(payment.assigned.kind, []))
    placed: list[Placed] = []
    rivals: list[Placed] = []
    for found in by_kind.values():
        fits = _of_kind(payment, found)
        (placed if len(fits) == 1 else rivals).extend(fits)
    return Fit(tuple(placed), tuple(rivals))


def _as_said(payment: Payment, said: Assigned, targets: Iterable[Target]) -> Fit:
    for target in targets:
        if target.key == said.key:
            return Fit((Placed(target, _said_line(payment, said, target), "person"),), ())
    return NOTHING


def _said_line(payment: Payment, said: Assigned, target: Target) -> TargetLine | None:
    """By its token where one line alone has it: another list of the same may have another order."""
    if said.position is None and said.token is None:
        return _line(payment, target)[0]
    by_token = [line for line in target.lines if said.token is not None and line.token == said.token]
    if len(by_token) == 1:
        return by_token[0]
    return next((line for line in target.lines if line.position == said.position), None)


def _less_carriers(found: Sequence[Target]) -> list[Target]:
    """Of a request and those that are asked for in its place the first: what it is paid they carry on."""
    keys = {target.key for target in found}
    return [target for target in found if not target.carries & keys]


def _of_kind(payment: Payment, found: Sequence[Target]) -> list[Placed]:
    """What fits of one kind: one thing, nothing, or several that fit equally."""
    named = [target for target in found if target.named and not _is_contradicted(payment, target)]
    if len(named) == 1:
        return _placed(payment, named[0], "eid")
    for listed in (_less_carriers(named or found), named or found):
        if named and len(listed) == 1:
            return _placed(payment, listed[0], "eid")
        if fits := _by_rx_number(payment, listed):
            return fits
    return [Placed(target, None, "eid") for target in named]


def _is_contradicted(payment: Payment, target: Target) -> bool:
    """Whether its refill speaks against it: the customer's metadata may be the same at every refill."""
    if target.sure or payment.rx_number is None or payment.refill is None:
        return False
    lines = [line for line in target.lines if line.rx_number == payment.rx_number]
    return bool(lines) and all(line.refill not in (None, payment.refill) for line in lines)


def _by_rx_number(payment: Payment, found: Sequence[Target]) -> list[Placed]:
    sure: dict[str, list[Placed]] = {}
    perhaps: dict[str, list[Placed]] = {}
    for target in found:
        for line in target.lines:
            if not _is_of(payment, line):
                continue
            basis: Basis = "prescription" if line.refill is None or payment.refill is None else "rx_number"
            if basis == "rx_number":
                sure.setdefault(target.key, []).append(Placed(target, line, basis))
            elif payment.price is not None and payment.price == line.owed:
                perhaps.setdefault(target.key, []).append(Placed(target, line, basis))
    fits = sure or perhaps
    if len(fits) != 1:
        return [one for several in fits.values() for one in several]
    (several,) = fits.values()
    return _narrowed(payment, several)


def _is_of(payment: Payment, line: TargetLine) -> bool:
    """Whether it may be for this line by its rx number, or its token, and no refill speaks against it."""
    by_token = payment.token is not None and payment.token == line.token
    if not by_token and (payment.rx_number is None or payment.rx_number != line.rx_number):
        return False
    return payment.refill is None or line.refill is None or payment.refill == line.refill


def _placed(payment: Payment, target: Target, basis: Basis) -> list[Placed]:
    """The payment is for this: for which line of it?"""
    line, rivals = _line(payment, target)
    if rivals:
        return [Placed(target, each, basis) for each in rivals]
    return [Placed(target, line, basis)]


def _line(payment: Payment, target: Target) -> tuple[TargetLine | None, Sequence[TargetLine]]:
    """The line that a payment for this target is for, or those that are it as well as another."""
    lines: Sequence[TargetLine] = target.lines
    for fits in (
        [line for line in lines if payment.token is not None and line.token == payment.token],
        [line for line in lines if payment.rx_number is not None and line.rx_number == payment.rx_number],
    ):
        if fits:
            found = _best(payment, fits)
            return (found[0], ()) if len(found) == 1 else (None, found)
    if len(lines) == 1:
        return lines[0], ()
    # Nothing but the price is left to go by: as much as one line owes is for that one.
    owing = [line for line in lines if payment.price is not None and line.owed == payment.price]
    if len(owing) == 1:
        return owing[0], ()
    whole = sum(line.owed or 0 for line in lines)
    return (None, owing) if len(owing) > 1 and payment.price != whole else (None, ())


def _narrowed(payment: Payment, several: Sequence[Placed]) -> list[Placed]:
    """Of lines of one target those that it may be for."""
    kept = _best(payment, [one.line for one in several if one.line is not None])
    return [one for one in several if one.line in kept]


def _best(payment: Payment, lines: Sequence[TargetLine]) -> list[TargetLine]:
    """Lines that share a name, narrowed by what they owe and then by the quantity, as far as that decides."""
    left = list(lines)
    tests = (
        lambda line: payment.refill is None or line.refill is None or line.refill == payment.refill,
        lambda line: payment.price is not None and line.owed == payment.price,
        lambda line: payment.quantity is not None and _same_number(line.quantity, payment.quantity),
    )
    for test in tests:
        if len(left) > 1:
            left = [line for line in left if test(line)] or left
    return left


def _same_number(one: str | None, other: str) -> bool:
    """Whether two quantities are equal as they are written: 30, "30" and "30.000" are."""
    return one is not None and _plain(one) == _plain(other)


def _plain(number: str) -> str:
    whole, point, rest = number.strip().partition(".")
    rest = rest.rstrip("0")
    return (whole.lstrip("0") or "0") + (point + rest if rest else "")
