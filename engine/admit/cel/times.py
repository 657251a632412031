"""Timestamps and durations in nanoseconds: read, printed and taken apart as Go does."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta, tzinfo
from decimal import Decimal
from functools import lru_cache
from typing import ClassVar, NamedTuple

from admit.cel.types import DURATION, TIMESTAMP, Type
from admit.errors import EvaluationError

MICROSECOND, MILLISECOND, SECOND = 10**3, 10**6, 10**9
MINUTE, HOUR = 60 * SECOND, 3600 * SECOND
MIN_SECOND, MAX_SECOND = -62_135_596_800, 253_402_300_799  # 0001-01-01T00:00:00Z, 9999-12-31T23:59:59Z


@dataclass(frozen=True, slots=True, order=True)
class Timestamp:
    """A point in time. `offset`, in seconds east of UTC, is how it was written; only `str()` shows it.

    `timestamp_of` keeps it in the years 1 to 9999, UTC; only one that a message gives may be in others, as in cel-go.
    """

    TYPE: ClassVar[Type] = TIMESTAMP
    nanoseconds: int
    offset: int = field(default=0, compare=False)

    def __str__(self) -> str:
        """RFC 3339, with as many digits of the second as it takes."""
        seconds, fraction = divmod(self.nanoseconds, SECOND)
        at = _civil(seconds + self.offset)
        digits = f".{fraction:09d}".rstrip("0") if fraction else ""
        hours, minutes = divmod(abs(self.offset) // 60, 60)
        zone = f"{'-' if self.offset < 0 else '+'}{hours:02d}:{minutes:02d}" if self.offset else "Z"
        return f"{at.year:04d}-{at.month:02d}-{at.day:02d}T{at.hour:02d}:{at.minute:02d}:{at.second:02d}{digits}{zone}"


@dataclass(frozen=True, slots=True, order=True)
class Duration:
    """A span of time. INVARIANT: in int64; `duration_of` sees to it."""

    TYPE: ClassVar[Type] = DURATION
    nanoseconds: int

    def __str__(self) -> str:
        """In seconds (`3723s`, `1.5s`), as precisely as a double can."""
        text = f"{Decimal(repr(self.count(SECOND))):f}"
        return text.removesuffix(".0") + "s"

    def count(self, unit: int) -> float:
        """How many of a unit, with the rounding of Go's `Hours()`, `Minutes()` and `Seconds()`."""
        whole, rest = divmod(abs(self.nanoseconds), unit)
        sign = -1 if self.nanoseconds < 0 else 1
        return float(sign * whole) + float(sign * rest) / unit


class Civil(NamedTuple):
    """A date and a time of day as a calendar has them; `weekday` from Sunday, 0; `day_of_year` from 0."""

    year: int
    month: int
    day: int
    hour: int
    minute: int
    second: int
    weekday: int
    day_of_year: int


def timestamp_of(nanoseconds: int, offset: int = 0) -> Timestamp:
    """The timestamp, if in range. Raises EvaluationError."""
    if not MIN_SECOND <= nanoseconds // SECOND <= MAX_SECOND:
        raise EvaluationError("timestamp overflow")
    return Timestamp(nanoseconds, offset)


def duration_of(nanoseconds: int) -> Duration:
    """The duration, if in range. Raises EvaluationError."""
    if not -(2**63) <= nanoseconds < 2**63:
        raise EvaluationError("integer overflow")
    return Duration(nanoseconds)


def parse_timestamp(text: str) -> Timestamp:
    """`2009-02-13T23:31:30.5+02:00`. Raises EvaluationError. Source: Go's time.Parse of RFC3339, as lenient."""
    match = _TIMESTAMP.fullmatch(text)
    if match is None:
        raise conversion_error("string", TIMESTAMP)
    year, month, day, hour, minute, second = (int(match[i]) for i in range(1, 7))
    hours, minutes = int(match["hours"] or 0), int(match["minutes"] or 0)
    if hours > 24 or minutes > 60:
        raise conversion_error("string", TIMESTAMP)
    try:
        at = datetime(year or 400, month, day, hour, minute, second)  # year 0 is no datetime, but a leap year like 400
    except ValueError:
        raise conversion_error("string", TIMESTAMP) from None
    offset = (hours * 3600 + minutes * 60) * (-1 if match["sign"] == "-" else 1)
    seconds = _seconds(at - _EPOCH) - (0 if year else _CYCLE) - offset
    return timestamp_of(seconds * SECOND + int((match["fraction"] or "0")[:9].ljust(9, "0")), offset)


def parse_duration(text: str) -> Duration:
    """`1h30m`, `-1.5s`, `0`. Raises EvaluationError. Source: Go's time.ParseDuration."""
    sign, body = (text[0], text[1:]) if text[:1] in ("+", "-") else ("", text)
    if body == "0":
        return Duration(0)
    if _DURATION.fullmatch(body) is None:
        raise conversion_error("string", DURATION)
    total = 0
    for whole, fraction, unit in _TERM.findall(body):
        whole = whole.lstrip("0")
        if len(whole) > 19:
            raise conversion_error("string", DURATION)
        amount = int(whole or 0) * _UNITS[unit]
        if fraction:
            amount += int(_leading_fraction(fraction, _UNITS[unit]))
        total += amount
    if total > 2**63 - (sign != "-"):
        raise conversion_error("string", DURATION)
    return Duration(-total if sign == "-" else total)


def civil(timestamp: Timestamp, zone: str = "") -> Civil:
    """The timestamp in a zone: a name of the zone database, or `+11:00`; UTC if empty. Raises EvaluationError."""
    seconds = timestamp.nanoseconds // SECOND
    return _civil(seconds + _offset(zone, seconds) if zone else seconds)


def conversion_error(source: Type | str, target: Type | str) -> EvaluationError:
    return EvaluationError(f"type conversion error from '{source}' to '{target}'")


_TIMESTAMP = re.compile(
    r"([0-9]{4})-([0-9]{2})-([0-9]{2})T([0-9]{1,2}):([0-9]{2}):([0-9]{2})(?:[.,](?P<fraction>[0-9]+))?"
    r"(?:Z|(?P<sign>[+-])(?P<hours>[0-9]{2}):(?P<minutes>[0-9]{2}))"
)
_UNITS = {"ns": 1, "us": MICROSECOND, "µs": MICROSECOND, "μs": MICROSECOND, "ms": MILLISECOND}
_UNITS |= {"s": SECOND, "m": MINUTE, "h": HOUR}
_TERM = re.compile(r"(?=\.?[0-9])([0-9]*)(?:\.([0-9]*))?(ns|us|µs|μs|ms|s|m|h)")
_DURATION = re.compile(f"(?:{_TERM.pattern})+")
_EPOCH = datetime(1970, 1, 1)
_DAY = 86_400
_CYCLE = 146_097 * _DAY  # 400 years: the calendar repeats, weekdays included


def _seconds(span: timedelta) -> int:
    return span.days * _DAY + span.seconds


def _leading_fraction(digits: str, unit: int) -> float:
    """The part of a unit that the digits after the point are; Go counts with a double."""
    value, scale = 0, 1.0
    for digit in digits:
        if value > (2**63 - 1) // 10 or value * 10 + int(digit) > 2**63:
            break
        value, scale = value * 10 + int(digit), scale * 10
    return float(value) * (float(unit) / scale)


def _civil(seconds: int) -> Civil:
    cycles, rest = divmod(seconds - MIN_SECOND, _CYCLE)  # a zone may lead out of the years that datetime has
    at = datetime(1, 1, 1) + timedelta(seconds=rest)
    day_of_year = at.timetuple().tm_yday - 1
    year = at.year + 400 * cycles
    return Civil(year, at.month, at.day, at.hour, at.minute, at.second, at.isoweekday() % 7, day_of_year)


def _offset(zone: str, seconds: int) -> int:
    """The seconds east of UTC that a zone has at a time."""
    if ":" not in zone:
        margin = 2 * _DAY  # at the ends of the calendar, astimezone would leave it
        within = min(max(seconds, MIN_SECOND + margin), MAX_SECOND - margin)
        local = (_EPOCH + timedelta(seconds=within)).replace(tzinfo=UTC).astimezone(_zone(zone))
        return _seconds(local.utcoffset() or timedelta())
    hours, minutes = map(_number, zone.split(":", 1))
    return (hours * 60 + (-minutes if zone[0] == "-" else minutes)) * 60


@lru_cache(maxsize=256)
def _zone(name: str) -> tzinfo:
    if name in ("UTC", "Local"):
        return UTC
    if ".." in name or name[0] in "/\\":
        raise EvaluationError("time: invalid location name")
    from zoneinfo import ZoneInfo  # it takes long to import, and few rules know of zones

    try:
        return ZoneInfo(name)
    except (LookupError, OSError, ValueError):
        raise EvaluationError(f"unknown time zone {name}") from None


def _number(digits: str) -> int:
    if re.fullmatch("[+-]?[0-9]{1,18}", digits) is None:
        raise EvaluationError(f'strconv.Atoi: parsing "{digits}": invalid syntax')
    return int(digits)
