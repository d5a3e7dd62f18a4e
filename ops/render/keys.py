"""Keys as people type them: an entity's own, or another name that it goes by."""

from __future__ import annotations

from sqlalchemy import Connection

from ops.refused import Refused
from ops.render.tables import note
from store.ledger import links

__all__ = ["own_key"]

SHOWN = 5


def own_key(conn: Connection, kind: str, name: str) -> str:
    """The key of the entity that goes by this name, which stderr is told of; else the name as it is.

    An entity's own key comes before any other's name. Raises Refused for a name that several go by.
    """
    found = links.named(conn, [kind], name)
    if not found or any(one.by == "key" for one in found):
        return name
    keys = [one.key for one in found]
    if len(keys) > 1:
        more = f" and {len(keys) - SHOWN} more" if len(keys) > SHOWN else ""
        raise Refused(f"{kind} {name} may be any of {', '.join(keys[:SHOWN])}{more}: give the key")
    note(f"{name} is another name of {kind} {keys[0]}")
    return keys[0]
