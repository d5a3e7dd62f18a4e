"""The partners: each is a folder with a `partner.py` that says what it is. Nothing else names them.

`partners/NAME/partner.py` has `PARTNER`, a `Partner`. It loads nothing but this: what reads a body or makes a
call is loaded when it is first needed, so that a receiver has no readers and a worker no HTTP client.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, TypeAlias

import partners
from partners.families import Families, no_families
from partners.reading import Reading

if TYPE_CHECKING:
    from partners.listing import RecordReads

__all__ = ["Hash", "Partner", "Reader", "others_about", "partners_of"]

#: A keyed hash of (domain, value).
Hash: TypeAlias = Callable[[str, str], bytes]
#: From a body, the hash and the id in the URL that it was pulled from (None for a push) to what it states.
#: Raises Unreadable, and nothing else whatever the body.
Reader: TypeAlias = Callable[[bytes, Hash, str | None], Reading]


@dataclass(frozen=True)
class Partner:
    """What a partner is.

    `name` is its folder's: it stands in the URL of its webhook, in rows and in the names of its settings.
    `kinds` are the machines that it speaks of. `timeless`: its callbacks print no time, so that an equal body
    may be news after ten minutes. `reader` loads what reads its callbacks, `record_reader` what reads records
    that were read from it, if any are. `base_url` is where it is called (without a version), unless a
    setting says where; None: it is never called. `scheme` is the word before its key in `Authorization`.
    `reads` loads what makes of a wire the reads of its records, where it is pulled by its lists; `streams`
    are the names of these. `families` loads what its callbacks are called where losses are counted.
    `bare_digest`: it signs by a digest in a header that only a setting names, not by Standard Webhooks.
    """

    name: str
    kinds: tuple[str, ...]
    timeless: bool
    reader: Callable[[], Reader]
    record_reader: Callable[[], Reader] | None = None
    base_url: str | None = None
    scheme: str = "Bearer"
    reads: Callable[[], Callable[..., RecordReads]] | None = None
    streams: tuple[str, ...] = ()
    families: Callable[[], Families] = no_families
    bare_digest: bool = False


@cache
def partners_of(folders: tuple[Path, ...] = ()) -> Mapping[str, Partner]:
    """The partners that come along and those in these folders, by name.

    Raises ImportError for one that cannot be loaded, ValueError for one that is called otherwise than its
    folder, or as another one is, or speaks of no machine.
    """
    for folder in folders:
        if str(folder) not in partners.__path__:
            partners.__path__.append(str(folder))
    # Not of all of that path: it has what others in this process asked for.
    own = Path(partners.__file__).parent
    names = [file.parent.name for path in (own, *folders) for file in path.glob("*/partner.py")]
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise ValueError(f"two partners are called {', '.join(twice)}")
    return MappingProxyType({name: _load(name) for name in sorted(names)})


def others_about(partner: str, folders: tuple[Path, ...] = ()) -> tuple[str, ...]:
    """The partners that speak of a kind which this one speaks of too."""
    known = partners_of(folders)
    kinds = set(known[partner].kinds)
    return tuple(one.name for one in known.values() if one.name != partner and kinds & set(one.kinds))


def _load(name: str) -> Partner:
    module = importlib.import_module(f"partners.{name}.partner")
    found = getattr(module, "PARTNER", None)
    if not isinstance(found, Partner) or found.name != name:
        raise ValueError(f"partners.{name}.partner has no PARTNER of this name")
    _check_kinds(found)
    return found


def _check_kinds(partner: Partner) -> None:
    from statemachine import MACHINES

    if unknown := _without(partner.kinds, MACHINES):
        raise ValueError(
            f"the partner {partner.name} speaks of {', '.join(unknown)}: there is no such machine"
        )


def _without(kinds: Iterable[str], known: Mapping[str, object]) -> list[str]:
    return [kind for kind in kinds if kind not in known]
