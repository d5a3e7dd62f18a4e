"""The partner's page token as a stream stores it: sealed, since it is the partner's text."""

from __future__ import annotations

from typing import NamedTuple

from store.crypto.sealing import Sealer

__all__ = ["PageToken", "seal_token", "unseal_token"]

#: Before a token that is stored beside the time by which its page is asked for. No token has it.
_BY_TIME = "\0"
_CONTEXT = b"next page of "


class PageToken(NamedTuple):
    """The next page's token, if there is one, and whether the page is asked for by time all the same."""

    token: str | None
    by_time: bool


def seal_token(sealer: Sealer, stream: str, token: str | None, *, by_time: bool) -> bytes | None:
    """For a stream's `next_page`; None where there is no token."""
    if token is None:
        return None
    return sealer.seal((_BY_TIME * by_time + token).encode(), _CONTEXT + stream.encode())


def unseal_token(sealer: Sealer, stream: str, sealed: bytes | None) -> PageToken:
    """What was sealed for this stream. Raises BrokenSeal, UnknownSealKey."""
    if sealed is None:
        return PageToken(None, True)
    token = sealer.unseal(sealed, _CONTEXT + stream.encode()).decode()
    return PageToken(token.removeprefix(_BY_TIME), token.startswith(_BY_TIME))
