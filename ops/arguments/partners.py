"""A partner, as it is named on the command line."""

from __future__ import annotations

from typing import TYPE_CHECKING

import typer

if TYPE_CHECKING:
    from settings import Settings

__all__ = ["check_partner"]


def check_partner(settings: Settings, name: str) -> None:
    """Raises typer.BadParameter for one that there is not, which names those that there are."""
    known = [partner.name for partner in settings.partners]
    if name not in known:
        told = ", ".join(known)
        raise typer.BadParameter(f"there is no partner {name}: there is {told}", param_hint="--partner")
