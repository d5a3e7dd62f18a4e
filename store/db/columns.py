"""A table's columns, said once: what COPY, an array parameter and an INSERT or UPDATE need of them.

A batch travels either as rows in PostgreSQL's binary COPY format or as one array for each column, which the
statement turns into rows by `unnest`. Which, and in what order the columns stand, is derived from one list.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from itertools import starmap, takewhile
from struct import Struct
from typing import Any, NamedTuple

import psycopg

from store.db import arrays, binary_copy

__all__ = [
    "BIGINT",
    "BYTES",
    "FLAG",
    "FLOAT",
    "JSON",
    "MOMENT",
    "OPTIONAL_UUID",
    "SECOND",
    "SMALL",
    "TEXT",
    "UUID",
    "UUIDS",
    "WORD",
    "WORDS",
    "Columns",
    "Type",
]

#: Up to so many parts of a row are added one by one, which is quicker than to join them.
FEW_PARTS = 3


class Type(NamedTuple):
    """How values of a column travel: `pack` makes a field of COPY, `array` a parameter of `element[]`.

    `value` is what the table gets of an element. `fixed` is the format, by `struct`, of a field that is never
    null and as long in every row, so that neighbours of the kind are packed at once.
    """

    element: str
    array: Callable[[Iterable[Any]], str]
    pack: Callable[[Any], bytes]
    value: str = "{}"
    fixed: str | None = None


def _hex(values: Iterable[bytes | None]) -> str:
    return arrays.texts([None if value is None else value.hex() for value in values])


def _moments(values: Iterable[datetime | None]) -> str:
    return arrays.texts([None if value is None else value.isoformat() for value in values])


def _flags(values: Iterable[bool | None]) -> str:
    return arrays.texts([None if value is None else "t" if value else "f" for value in values])


def _joined(values: Iterable[Sequence[str]]) -> str:
    return arrays.texts([",".join(value) for value in values])


def _joined_hex(values: Iterable[Sequence[bytes]]) -> str:
    return arrays.texts([",".join([one.hex() for one in value]) for value in values])


#: A double precision of an int or a float.
FLOAT = Type("float8", arrays.numbers, binary_copy.double, fixed="d")
BIGINT = Type("bigint", arrays.numbers, binary_copy.bigint, fixed="q")
SMALL = Type("smallint", arrays.numbers, binary_copy.smallint)
#: A boolean that is true or null.
FLAG = Type("boolean", _flags, binary_copy.flag)
UUID = Type("uuid", _hex, binary_copy.blob, fixed="16s")
OPTIONAL_UUID = UUID._replace(fixed=None)
TEXT = Type("text", arrays.texts, binary_copy.text)
#: A text of which there are few: states, signals, types, domains.
WORD = Type("text", arrays.texts, binary_copy.word)
JSON = Type("jsonb", arrays.texts, binary_copy.json)
BYTES = Type("text", _hex, binary_copy.blob, "decode({}, 'hex')")
#: A timestamptz of an aware datetime, and one of whole seconds of Unix time.
MOMENT = Type("timestamptz", _moments, binary_copy.moment)
SECOND = Type("bigint", arrays.numbers, binary_copy.second, "to_timestamp({})")
WORDS = Type("text", _joined, binary_copy.words, "string_to_array({}, ',')")
UUIDS = Type("text", _joined_hex, binary_copy.uuids, "string_to_array({}, ',')::uuid[]")


class Columns:
    """Columns of a table that are written together, in the order of the fields of their rows.

    `prefix` keeps the parameters of several lists apart in one statement. `alias` is what a statement calls
    the rows that come out of the arrays.
    """

    def __init__(self, table: str, types: Mapping[str, Type], *, prefix: str = "", alias: str = "n") -> None:
        self.table = table
        self.alias = alias
        self._types = dict(types)
        self._parameters = {name: f"{prefix}{name}" for name in types}
        #: A row in the form of COPY, of its values.
        self.pack = _packer(list(types.values()))
        self._arrays = [(self._parameters[name], t.array) for name, t in types.items()]
        self._empty = {name: "{}" for name, _ in self._arrays}

    @property
    def names(self) -> str:
        """`a, b, c`"""
        return ", ".join(self._types)

    @property
    def values(self) -> str:
        """What the table gets for `names` of a row of `rows`."""
        return ", ".join(self._value(name) for name in self._types)

    @property
    def rows(self) -> str:
        """`unnest(…) AS n (a, b, c)`, its parameters being those of `parameters`."""
        listed = ", ".join(f"%({self._parameters[name]})s::{t.element}[]" for name, t in self._types.items())
        return f"unnest({listed}) AS {self.alias} ({self.names})"

    def assignments(self, *without: str) -> str:
        """`a = n.a, b = n.b`, as an UPDATE has them, less the columns by which it finds its rows."""
        return ", ".join(f"{name} = {self._value(name)}" for name in self._types if name not in without)

    def parameters(self, rows: Sequence[Sequence[Any]]) -> dict[str, str]:
        """The arrays of these rows."""
        if not rows:
            return self._empty
        return {
            name: array(values)
            for (name, array), values in zip(self._arrays, zip(*rows, strict=True), strict=True)
        }

    def copy(self, conn: psycopg.Connection[Any], rows: Iterable[Sequence[Any]]) -> None:
        """Write rows that the table does not have, by COPY. Raises psycopg.Error."""
        self.copy_packed(conn, starmap(self.pack, rows))

    def copy_packed(self, conn: psycopg.Connection[Any], packed: Iterable[bytes]) -> None:
        """As `copy`, of rows that `pack` has made of their values."""
        binary_copy.write_rows(conn, self.table, self.names, packed)

    def _value(self, name: str) -> str:
        return self._types[name].value.format(f"{self.alias}.{name}")


def _packer(types: Sequence[Type]) -> Callable[..., bytes]:
    """From the values of a row to its form in COPY: how many fields, then each behind its length.

    Written out for its columns and compiled, as `dataclasses` does with its methods: a loop over packers
    takes twice as long, and this runs once for each row that an event leaves.
    """
    fixed = list(takewhile(lambda n: types[n].fixed is not None, range(len(types))))
    begin = Struct(">h" + "".join(f"i{types[n].fixed}" for n in fixed)).pack
    sizes = "".join(f", {Struct('>' + str(types[n].fixed)).size}, c{n}" for n in fixed)
    parts = [f"begin({len(types)}{sizes})", *(f"p{n}(c{n})" for n in range(len(fixed), len(types)))]
    whole = " + ".join(parts) if len(parts) <= FEW_PARTS else f"join(({', '.join(parts)}))"
    columns = ", ".join(f"c{n}" for n in range(len(types)))
    names: dict[str, Any] = {"join": b"".join, "begin": begin}
    names |= {f"p{n}": t.pack for n, t in enumerate(types)}
    pack: Callable[..., bytes] = eval(f"lambda {columns}: {whole}", names)  # noqa: S307 -- names of our own
    return pack
