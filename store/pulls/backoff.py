"""How long after a poll the next one comes: the backoff of what brings nothing. Pure."""

from __future__ import annotations

from itertools import count

__all__ = ["LONGEST_FOR_REVIEW", "LONGEST_SECONDS", "review_polls", "seconds_to_next"]

#: The longest time between two polls that bring nothing, in seconds; of what only waits for a review, a week.
LONGEST_SECONDS, LONGEST_FOR_REVIEW = 86_400, 604_800
#: More would not fit where times are reckoned.
_MOST_DOUBLINGS = 20


def seconds_to_next(fruitless: int, quiet: float, *, only_review: bool) -> float:
    """Seconds from a poll to the next. `fruitless`: how many in a row brought nothing, that one included.

    It begins with `quiet` seconds and doubles, up to a day, or to a week where there is `only_review`.
    """
    longest = LONGEST_FOR_REVIEW if only_review else LONGEST_SECONDS
    return float(min(longest, quiet * 2 ** min(max(fruitless - 1, 0), _MOST_DOUBLINGS)))


def review_polls(quiet: float) -> int:
    """How many fruitless polls in a row end those of what only waits for a review; at least two.

    The last comes when the time between them can grow no more: of an hour's quiet it is the tenth, after
    two and a half weeks.
    """
    return next(
        number
        for number in count(2)
        if seconds_to_next(number, quiet, only_review=True)
        == seconds_to_next(number - 1, quiet, only_review=True)
    )
