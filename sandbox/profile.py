"""Profiles: how badly the partner behaves, as data. `sandbox/profiles/` names useful mixtures.

A chance is a number from 0 to 1. `answer_*`, `dark_*` and `stall_seconds` count seconds of the machine's
time, since a client waits for them; all other seconds are the sandbox's.
"""

from __future__ import annotations

import functools
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

__all__ = ["CALM", "Profile", "ProfileError", "bundled", "load_profile", "overridden"]

FOLDER = Path(__file__).with_name("profiles")
LONGEST = 30 * 86_400.0


def _is_time(name: str) -> bool:
    return name.endswith("_seconds") or name == "dark_every"


def _range(name: str) -> str:
    return "from 0 seconds to 30 days" if _is_time(name) else "a chance from 0 to 1"


class ProfileError(ValueError):
    """A profile that cannot be used; the text says what is wrong with it."""


@dataclass(frozen=True, slots=True)
class Profile:
    """The chances are drawn for each event, each answer or each page, from the sandbox's seed."""

    name: str = "calm"

    #: The callback is never sent.
    drop: float = 0.0
    #: It is sent a second time, up to `duplicate_seconds` later.
    duplicate: float = 0.0
    duplicate_seconds: float = 60.0
    #: A copy with another content follows within `duplicate_seconds`: it states the same.
    change: float = 0.0
    #: It comes up to `delay_seconds` late.
    delay: float = 0.0
    delay_seconds: float = 3600.0
    #: It comes up to `reorder_seconds` late: what happened after it overtakes it.
    reorder: float = 0.0
    reorder_seconds: float = 180.0
    #: Unless 0: callbacks gather for so long and leave in one second.
    burst_seconds: float = 0.0
    #: The connection is closed as soon as the callback is written: nobody reads the answer.
    hang_up: float = 0.0
    #: Half of the callback is sent, and then nothing: it times out.
    stall: float = 0.0
    #: An event of a type that the reference does not have comes beside this one.
    unknown_type: float = 0.0
    #: An event with a code that the reference does not have comes beside this one, where its type has codes.
    unknown_code: float = 0.0

    #: The API refuses the request: it is not carried out.
    answer_429: float = 0.0
    answer_500: float = 0.0
    answer_503: float = 0.0
    #: The request is carried out, and 500 answered.
    answer_lost: float = 0.0
    #: It is carried out, and the connection closed within the answer.
    answer_cut: float = 0.0
    #: It is carried out, and the answer comes `stall_seconds` later.
    answer_stall: float = 0.0
    stall_seconds: float = 30.0
    #: In every `dark_every` seconds the last `dark_seconds` are dark: callbacks wait, the API answers 503.
    dark_every: float = 0.0
    dark_seconds: float = 0.0

    #: The next page begins too early or too late, as if events had come or gone meanwhile.
    shift_page: float = 0.0
    #: The next page is this one once more.
    repeat_page: float = 0.0
    #: The `next_page_token` is not known any more.
    expire_page: float = 0.0
    #: A pulled copy has its id and status all the same: the reference shows them without.
    whole_copies: float = 0.0

    def __post_init__(self) -> None:
        for name in NUMBERS:
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, int | float):
                raise ProfileError(f"{name} must be a number")
            # Not the other way round: no comparison holds for NaN.
            if not 0 <= value <= (LONGEST if _is_time(name) else 1):
                raise ProfileError(f"{name} must be {_range(name)}")
        if sum(getattr(self, name) for name in ("hang_up", "stall")) > 1:
            raise ProfileError("hang_up and stall are more than 1 together")
        if sum(getattr(self, name) for name in FAULTS) > 1:
            raise ProfileError(f"{', '.join(FAULTS)} are more than 1 together")
        if self.dark_seconds > 0 and self.dark_seconds >= self.dark_every:
            raise ProfileError("dark_seconds must be less than dark_every")


NUMBERS = tuple(field.name for field in fields(Profile) if field.name != "name")
#: What can go wrong with an answer; of several, one is drawn.
FAULTS = ("answer_429", "answer_500", "answer_503", "answer_lost", "answer_cut", "answer_stall")
CALM = Profile()


def bundled() -> list[str]:
    """The names of the profiles that come with the sandbox."""
    return sorted(path.stem for path in FOLDER.glob("*.toml"))


def load_profile(name: str) -> Profile:
    """A profile that comes with the sandbox by its name, or one's own by the path of its TOML file.

    Raises ProfileError.
    """
    if name.endswith(".toml"):
        return _read(Path(name))
    if name not in bundled():
        raise ProfileError(f"there is no profile {name!r}: there is {', '.join(bundled())}, or a .toml file")
    return _bundled(name)


@functools.cache
def _bundled(name: str) -> Profile:
    return _read(FOLDER / f"{name}.toml")


def _read(path: Path) -> Profile:
    try:
        found = tomllib.loads(path.read_text("utf-8"))
    except OSError as error:
        raise ProfileError(f"{path} cannot be read: {error.strerror}") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ProfileError(f"{path} is no TOML: {error}") from None
    try:
        return overridden(CALM, found, path.stem)
    except ProfileError as error:
        raise ProfileError(f"{path}: {error}") from None


def overridden(profile: Profile, values: Mapping[str, Any], name: str | None = None) -> Profile:
    """The profile with some of its numbers changed. Raises ProfileError."""
    for given in values:
        if given not in NUMBERS:
            raise ProfileError(f"{given!r} is nothing of a profile: it has {', '.join(NUMBERS)}")
    return replace(profile, name=profile.name if name is None else name, **values)
