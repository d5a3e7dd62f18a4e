"""Why a call to a partner failed, and by whose fault. No text holds a body, a key, a URL or a token.

CallFailed
├── KeyRefused     401, 403: ours; every further call fails too, until the key is changed
├── NotGranted     400, 404 and other refusals, 403 beyond the reference: ours; this call fails again, others
│                  may not
├── Throttled      429, or 503 with a time to come back: `wait` says for how long to be still
└── PartnerFault   the partner's
    ├── Silent     no connection, or no whole answer in time
    ├── Failing    500 and above
    └── Garbled    a redirect, HTML, half a JSON, too much or too deep, or another shape than documented
"""

from __future__ import annotations

__all__ = [
    "CallFailed",
    "Failing",
    "Garbled",
    "KeyRefused",
    "NotGranted",
    "PartnerFault",
    "Silent",
    "Throttled",
]


class CallFailed(Exception):
    """A call that came to nothing. `surface` names what was asked for, without any token; `status` is HTTP's.

    `again`: the same call may succeed a moment later. `may_be_done`: what a POST asked for may have been done
    all the same, so that to send it again may do it twice.
    """

    again = False
    may_be_done = False

    def __init__(self, surface: str, found: str, status: int | None = None) -> None:
        super().__init__(f"{surface}: {found}")
        self.surface = surface
        self.found = found
        self.status = status


class KeyRefused(CallFailed):
    """The partner does not accept our API key."""


#: Refusals that do not say that nothing was done: it took too long, or is there already.
_UNSURE = frozenset({408, 409})


class NotGranted(CallFailed):
    """The partner does not give what we asked for."""

    def __init__(self, surface: str, found: str, status: int | None = None) -> None:
        super().__init__(surface, found, status)
        self.may_be_done = status in _UNSURE


class Throttled(CallFailed):
    """We are to ask again after `wait` seconds."""

    again = True

    def __init__(self, surface: str, wait: float, status: int = 429) -> None:
        found = "too many calls" if status == 429 else "the partner wants to be left alone for a while"
        super().__init__(surface, f"{status}, {found}", status)
        self.wait = wait
        self.may_be_done = status != 429


class PartnerFault(CallFailed):
    """The partner does not answer as it documents."""

    again = True
    may_be_done = True


class Silent(PartnerFault):
    """No whole answer came. `sent`: the partner may have got what was asked."""

    def __init__(self, surface: str, found: str, *, sent: bool = True) -> None:
        super().__init__(surface, found)
        self.may_be_done = sent


class Failing(PartnerFault):
    """An answer of 500 and above."""


class Garbled(PartnerFault):
    """An answer that cannot be read."""

    def __init__(self, surface: str, found: str, status: int, *, again: bool = True) -> None:
        super().__init__(surface, found, status)
        self.again = again
