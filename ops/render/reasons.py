"""Why an event is in quarantine, in a sentence, and what to do about it."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Literal, NamedTuple

__all__ = ["REASONS", "Explained", "explain"]


class Explained(NamedTuple):
    """`care`: `wait` needs nobody, `look` a person, `ours` whoever develops this."""

    meaning: str
    todo: str
    care: Literal["wait", "look", "ours"]


_ASK = "Look at the body with `rxledger events show ID --unseal`, and ask the partner if it is theirs."
_UPGRADE = "Nothing is lost: `rxledger replay ID` reads it once a version understands it."
_SENDER = "Check who sends it: the body is no callback of this partner."

REASONS: Mapping[str, Explained] = MappingProxyType(
    {
        "not_json": Explained("The body is not JSON in UTF-8, or is nested too deep.", _ASK, "look"),
        "not_an_object": Explained("The body is JSON, but a list or a single value.", _SENDER, "look"),
        "page": Explained("The body is a page of pulled events and not a callback.", _SENDER, "look"),
        "missing_type": Explained("The body does not say which callback it is.", _ASK, "look"),
        "unknown_type": Explained(
            "The partner sent a type of callback that this version has not heard of.", _UPGRADE, "look"
        ),
        "no_machine": Explained(
            "The type is known, but this version has no machine for what it is about.", _UPGRADE, "wait"
        ),
        "missing_key": Explained("The body does not say which request it is about.", _ASK, "look"),
        "bad_key": Explained("What should name the request is no plain token.", _ASK, "look"),
        "missing_time": Explained("The body does not say when it happened.", _ASK, "look"),
        "bad_time": Explained("What should be the time is none.", _ASK, "look"),
        "missing_status": Explained(
            "The body has no status, and its details do not settle it.", _ASK, "look"
        ),
        "unknown_status": Explained(
            "The body has a status that this version has not heard of.", _UPGRADE, "look"
        ),
        "bad_details": Explained("The details that the state stands in have another shape.", _ASK, "look"),
        "future_time": Explained(
            "It is dated more than ten minutes after it was received.",
            "It is judged again by itself when its time has come; check the partner's clock and ours.",
            "look",
        ),
        "past_time": Explained("It is dated before 2015.", _ASK, "look"),
        "unmatched": Explained(
            "It names its request only by a token that no request goes by yet, or that several do.",
            "It is applied by itself once a callback says whose the token is; to say so yourself, run "
            "`rxledger track KIND KEY --alias TOKEN`.",
            "look",
        ),
        "no_reader": Explained("This version cannot read any callback of this partner.", _UPGRADE, "wait"),
        "broken_seal": Explained(
            "The stored body is not what was sealed.",
            "Check RXLEDGER_SEAL_KEYS: a key id may stand for another secret; else the row is damaged.",
            "ours",
        ),
        "no_body": Explained(
            "Its body is no longer kept: its month was dropped, or a database was restored without it.",
            "Ask the partner for the event again.",
            "look",
        ),
        "defect": Explained(
            "Our reading of it failed; the detail names the place in our code.",
            "Report the detail; after the fix, `rxledger replay ID`.",
            "ours",
        ),
        "poison": Explained(
            "Every attempt to apply it failed, also alone; the detail names the last error.",
            "Report the detail; after the fix, `rxledger replay ID`.",
            "ours",
        ),
    }
)

_UNKNOWN = Explained(
    "Another version put it there.",
    "Upgrade this one, then look again with `rxledger quarantine list`.",
    "look",
)


def explain(reason: str) -> Explained:
    """What a reason means; also for one that a newer version gave."""
    return REASONS.get(reason, _UNKNOWN)
