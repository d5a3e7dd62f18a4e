"""`drift`: what the partners send that their contract does not say."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from ops.arguments.partners import check_partner
from ops.render.output import DataOption, JsonOption, load, write_json

if TYPE_CHECKING:
    from store.ledger.drift import Drifted

__all__ = ["register"]


def register(app: typer.Typer) -> None:
    app.command()(drift)


def drift(
    partner: Annotated[str | None, typer.Option(help="Only this partner's.")] = None,
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """List types, fields and codes that no contract of a partner names, the latest first; never values."""
    settings = load(data).require("database")
    if partner is not None:
        check_partner(settings, partner)
    from store.db.connections import connect
    from store.ledger.drift import report

    with connect(settings.database, "ops") as conn:
        found = [row for row in report(conn) if partner in (None, row.partner)]
    if as_json:
        write_json({"drift": [_document(row) for row in found]})
        return
    from ops.render.console import screen
    from ops.render.tables import print_table

    if not found:
        screen.print("nothing that the partners' contracts do not name")
        return
    headers = ("partner", "what", "type", "name", "count", "first", "last")
    print_table(headers, found, fold=("name",))


def _document(row: Drifted) -> dict[str, Any]:
    return {
        "partner": row.partner,
        "what": row.what,
        "type": row.callback_type,
        "name": row.name,
        "count": row.seen,
        "first_at": row.first_at,
        "last_at": row.last_at,
    }
