"""What a partner was found to have, or not, beyond its reference, and operators that it refuses."""

from __future__ import annotations

from typing import Any

import psycopg

__all__ = ["is_operator", "known", "note", "operator_name"]

Connection = psycopg.Connection[Any]

#: An answer is good for a day: contracts change seldom.
GOOD_FOR = "1 day"

_KNOWN = f"""
SELECT offered, checked_at > clock_timestamp() - interval '{GOOD_FOR}'
FROM surfaces WHERE partner = %(partner)s AND surface = %(surface)s
"""
_NOTE = """
INSERT INTO surfaces (partner, surface, offered, checked_at)
VALUES (%(partner)s, %(surface)s, %(offered)s, clock_timestamp())
ON CONFLICT (partner, surface) DO UPDATE SET offered = excluded.offered, checked_at = excluded.checked_at
"""


def operator_name(surface: str, field: str, operator: str) -> str:
    """The name under which it is kept whether an operator of a query is taken, such as `$gt`."""
    return f"{operator} of {field} in {surface}"


def is_operator(surface: str) -> bool:
    """Whether this is such a name, and not a surface's own."""
    return surface.startswith("$")


def known(conn: Connection, partner: str, surface: str) -> tuple[bool, bool] | None:
    """(offered, still good), as it was last found; None when the partner was never asked."""
    row = conn.execute(_KNOWN, {"partner": partner, "surface": surface}).fetchone()
    return None if row is None else (row[0], row[1])


def note(conn: Connection, partner: str, surface: str, offered: bool) -> None:
    """Store what the partner was found to have, as of now."""
    conn.execute(_NOTE, {"partner": partner, "surface": surface, "offered": offered})
