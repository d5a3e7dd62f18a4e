"""Single fields of a callback: names and types drift, and each function says what it makes of that.

What may stand in the clear is decided here: tokens and codes of plain characters. Everything else is text for
the sealed detail, or goes into a keyed hash.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from functools import lru_cache

import orjson

from partners.reading import Unreadable

__all__ = [
    "EMPTY",
    "Hash",
    "Json",
    "amount",
    "clear_code",
    "code_like",
    "date",
    "date_moment",
    "first_text",
    "has_strange_form",
    "is_plain",
    "key_of",
    "label",
    "moment_of",
    "name",
    "text",
    "texts",
    "token",
    "when",
]

Json = Mapping[str, object]
Hash = Callable[[str, str], bytes]  # (domain, value) -> 16 bytes, keyed

EMPTY: Json = {}
TEXT_LIMIT = 1000  # characters of one text that outlive the body

# The times that datetime and PostgreSQL can both hold, in seconds: years 1 to 9999.
EARLIEST, LATEST = -62_135_596_800, 253_402_300_799
#: Dates that a callback may carry as something to act on: the years 2015 to 2199.
SOONEST, FURTHEST = 1_420_070_400, 7_258_118_399
#: From which number on a time counts milliseconds, microseconds, nanoseconds: in the unit before each is the
#: year 5138, in its own 1973. Beyond the last there is no time.
MILLISECONDS_FROM, MICROSECONDS_FROM, NANOSECONDS_FROM, NO_TIME = 10**11, 10**14, 10**17, 2**63

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_SECOND, _MILLISECOND = timedelta(seconds=1), timedelta(milliseconds=1)

_plain_code = re.compile(r"[A-Za-z0-9_.-]{1,40}").fullmatch
_plain_token = re.compile(r"[A-Za-z0-9_.-]{1,64}").fullmatch
_plain_name = re.compile(r"[A-Za-z0-9_.-]{1,128}").fullmatch
_code_like = re.compile(r"(?=.*[0-9_])[A-Z0-9][A-Z0-9_.-]{1,39}").fullmatch
_iso_date = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}"
    r"([T ][0-9]{2}:[0-9]{2}(:[0-9]{2}([.][0-9]{1,9})?)?(Z|[+-][0-9]{2}:?[0-9]{2})?)?"
).fullmatch
_digits = re.compile(r"([0-9]{1,19})(?:\.([0-9]{0,9}))?").fullmatch
_money = re.compile(r"(-?)\s*\$?\s*(-?[0-9][0-9,]{0,12}(?:\.[0-9]{0,6})?|\.[0-9]{1,6})").fullmatch
_separators = re.compile(r"[\s_-]+").sub


def text(value: object) -> str | None:
    """A value as text worth keeping, at most TEXT_LIMIT characters; None for nothing (null, booleans, "")."""
    if type(value) is str:
        return value.strip()[:TEXT_LIMIT] or None
    if value is None or value is True or value is False:
        return None
    if type(value) is int:
        return str(value)
    if type(value) is float:
        return str(int(value)) if value.is_integer() else str(value)
    try:
        return orjson.dumps(value, option=orjson.OPT_SORT_KEYS).decode()[:TEXT_LIMIT]
    except TypeError:  # nested deeper than orjson writes; the body still has it
        return None


def first_text(fields: Json, names: Iterable[str]) -> str | None:
    """The text of the first of these names that has any."""
    for name in names:
        value = fields.get(name)
        if value is not None and (found := text(value)):
            return found
    return None


def texts(fields: Json, names: Iterable[str]) -> dict[str, object]:
    """The texts of these names that have any, for the sealed detail."""
    found: dict[str, object] = {}
    for name in names:
        value = fields.get(name)
        if value is not None and (shown := text(value)):
            found[name] = shown
    return found


def label(value: object) -> str:
    """A name as compared: upper case, with nothing between the words. "" for what is no text."""
    return _label(value) if isinstance(value, str) else ""


@lru_cache(maxsize=512)  # of a handful of words, most of which come with every event
def _label(value: str) -> str:
    return _separators("", value).upper()


def token(value: object) -> str | None:
    """A record token that may stand in the clear, else None. A number is its digits."""
    if type(value) is int:
        value = str(value)
    return value if type(value) is str and _plain_token(value) else None


def name(value: object) -> str | None:
    """A name that may be an entity's key or a link, else None: a token, but up to 128 characters long."""
    if type(value) is int:
        value = str(value)
    return value if type(value) is str and _plain_name(value) else None


def code_like(stated: str | None) -> str | None:
    """A text that can only be meant as a code, such as RX_EXPIRED or 79; None for words and for nothing."""
    return stated if stated and _code_like(stated) else None


def is_plain(code: str) -> bool:
    """Whether a code or status may stand in the clear as it is."""
    return _plain_code(code) is not None


def clear_code(code: str, hash: Hash) -> str:
    """The code, when it may stand in the clear; else # and 16 hex digits that recognise the same text."""
    return code if is_plain(code) else "#" + hash("code", code).hex()[:16]


def amount(value: object) -> float | None:
    """A quantity: a number, or text such as "30", "1,000.5"; None when it is neither. For money
    `statemachine.balance.cents`.
    """
    if type(value) is int or type(value) is float:
        return value
    found = _money(value.strip()) if type(value) is str else None
    if found is None:
        return None
    size = float(found[2].replace(",", ""))
    return -size if found[1] else size


def date(value: object) -> int | None:
    """A date or a date-time in ISO 8601 as seconds of Unix time, UTC where no zone is given; else None.

    None too for a date before 2015 or after 2199.
    """
    found = date_moment(value)
    return found[0] if found else None


def date_moment(value: object) -> tuple[int, int] | None:
    """As `date`, and the milliseconds beyond the seconds."""
    return _date(value.strip()) if type(value) is str else None


@lru_cache(maxsize=512)  # every scan of a parcel repeats its date
def _date(value: str) -> tuple[int, int] | None:
    if not _iso_date(value):
        return None
    try:
        found = datetime.fromisoformat(value)
    except ValueError:  # 2020-02-30
        return None
    moment = _since_epoch(found if found.tzinfo else found.replace(tzinfo=UTC))
    # A year such as 1 or 9999 stands for "none", and with its zone it leaves what a ledger can hold.
    return moment if SOONEST <= moment[0] <= FURTHEST else None


def key_of(value: object) -> str:
    """An entity's key; a number is its digits. Raises Unreadable missing_key or bad_key."""
    if type(value) is int:
        value = str(value)
    if type(value) is str and _plain_name(value):
        return value
    raise Unreadable("missing_key" if value is None else "bad_key")


def when(value: object) -> int:
    """A timestamp as whole seconds of Unix time (`moment_of`)."""
    return moment_of(value)[0]


def moment_of(value: object) -> tuple[int, int]:
    """A timestamp as whole seconds of Unix time and the milliseconds printed beyond them, 0 for none.

    Both are cut and not rounded, so that every form of one time agrees. Printed forms are seconds,
    milliseconds and fractional seconds; digits in a string are tolerated, and so is what can only mean one
    moment: microseconds, nanoseconds, and ISO 8601 or RFC 1123 with a zone. Raises Unreadable missing_time or
    bad_time (none of these, or beyond the years 1 to 9999).
    """
    if type(value) is int and 0 <= value < MILLISECONDS_FROM:
        return value, 0  # nearly all
    found: tuple[int, int] | None = None
    if type(value) is str:
        stripped = value.strip()
        digits = _digits(stripped)
        found = _counted(int(digits[1]), _thousandths(digits[2])) if digits else _zoned(stripped)
    elif type(value) is int:
        found = _counted(value, 0)
    elif type(value) is float and abs(value) < NO_TIME:
        # A float has seven digits for what is beyond the second: the last of them are not the partner's.
        whole = int(value // 1)
        found = _counted(whole, min(int((value - whole) * 1000 + 0.001), 999))
    if found is None or not EARLIEST <= found[0] <= LATEST:
        raise Unreadable("missing_time" if value is None else "bad_time")
    return found


def _counted(number: int, thousandths: int) -> tuple[int, int] | None:
    """A time counted in seconds and thousandths, or in a smaller unit, by its size; None for none."""
    if abs(number) >= NO_TIME:
        return None
    unit = _unit(abs(number))
    return (number, thousandths) if unit == 1 else (number // unit, number % unit * 1000 // unit)


def _thousandths(digits: str | None) -> int:
    return int(f"{digits or ''}000"[:3])


def _unit(size: float) -> int:
    """How many of its units a second has, by a time's size."""
    if size < MILLISECONDS_FROM:
        return 1
    return 10**3 if size < MICROSECONDS_FROM else 10**6 if size < NANOSECONDS_FROM else 10**9


def _zoned(value: str) -> tuple[int, int] | None:
    """A text as Unix time where it says its zone, else None: without one it may mean any of a day's hours."""
    try:
        found = datetime.fromisoformat(value) if _iso_date(value) else parsedate_to_datetime(value)
    except (ValueError, OverflowError):  # 2020-02-30, or no date at all
        return None
    return None if found.tzinfo is None else _since_epoch(found)


def _since_epoch(moment: datetime) -> tuple[int, int]:
    # A moment and not its timestamp: of that the float would round the last second up.
    seconds, rest = divmod(moment - _EPOCH, _SECOND)
    return seconds, rest // _MILLISECOND


def has_strange_form(time: object, key: object) -> tuple[str, ...]:
    """What of a callback's time and key is written as the reference never does, though it can be read."""
    if type(key) is str and type(time) is int and 0 <= time < MICROSECONDS_FROM:
        return ()  # nearly all
    found = []
    if type(key) is int:
        found.append("key.number")
    if type(time) is str:
        found.append("timestamp.text")
    elif (type(time) is int or type(time) is float) and abs(time) >= MICROSECONDS_FROM:
        found.append("timestamp.microseconds" if abs(time) < NANOSECONDS_FROM else "timestamp.nanoseconds")
    return tuple(found)
