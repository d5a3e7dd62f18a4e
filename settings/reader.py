"""Reads variables with their parsers, and gathers every error, so that a person sees all at once."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TypeVar

__all__ = ["Reader"]

T = TypeVar("T")


class Reader:
    """Over one mapping of variables. `errors` has a line for each that cannot be used, in the order read.

    A parser takes the text of one value, and raises ValueError with what it wants.
    """

    def __init__(self, values: Mapping[str, str]) -> None:
        self.values = values
        self.errors: list[str] = []

    def one(self, name: str, parse: Callable[[str], T]) -> T | None:
        """The value, parsed; None when it is not set or cannot be used."""
        value = (self.values.get(name) or "").strip()  # a file's last line ends with a newline
        return self._parse(name, value, parse) if value else None

    def many(self, name: str, parse: Callable[[str], T]) -> tuple[T, ...]:
        """The values between commas, each parsed; those that cannot be used are left out."""
        value = self.values.get(name, "").strip()
        if len(value) > 1 and value[0] == value[-1] and value[0] in "\"'":
            # What reads such a file takes them for a part of the value; nobody would send that.
            self.errors.append(f"{name} cannot be used: wants no quotes around it")
            return ()
        items = (item.strip() for item in value.split(","))
        parsed = (self._parse(name, item, parse) for item in items if item)
        return tuple(item for item in parsed if item is not None)

    def _parse(self, name: str, value: str, parse: Callable[[str], T]) -> T | None:
        try:
            return parse(value)
        except ValueError as error:
            # Our parsers say what is wanted; none of them repeats the value, which may be a secret.
            self.errors.append(f"{name} cannot be used: {error}")
            return None
