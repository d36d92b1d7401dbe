"""What a GPU second, a spoken character and a token cost, by settings. Prices of GPUs may change by the hour."""

from __future__ import annotations

import math
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, tzinfo
from fractions import Fraction
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import msgspec

from libs.contracts.errors import Permanent
from libs.money.amounts import Micros, micros_of

AHEAD_S = 3.0
"""A worker stops so many GPU seconds before the ceiling of its task would be reached."""
OVERSHOOT_S = 5.0
"""GPU seconds by which a worker that is not itself held up may still exceed a ceiling."""

_HOUR_S = 3600
_STEP = timedelta(minutes=15)
"""Clocks of all places change at multiples of it."""
_LONGEST_S = 172_800.0
"""No price is looked for further ahead."""
_MILLION = 1_000_000
_EXAMPLE = "`NVIDIA L40S=1.20,*=0.80@22-6:0.40`"


class Window(msgspec.Struct, frozen=True):
    """Hours of the day with a price of their own: `first` to `last`, which is excluded; over midnight too."""

    first: int
    last: int
    hour: Micros

    def holds(self, hour: int) -> bool:
        """Whether this hour of the day, 0..23, lies in it."""
        if self.first < self.last:
            return self.first <= hour < self.last
        return hour >= self.first or hour < self.last


class GpuPrice(msgspec.Struct, frozen=True):
    """What an hour of one server class costs."""

    hour: Micros
    windows: tuple[Window, ...] = ()
    """The first that holds counts."""

    def at(self, hour: int) -> Micros:
        """The price of an hour of work in this hour of the day."""
        return next((window.hour for window in self.windows if window.holds(hour)), self.hour)


class Prices(msgspec.Struct, frozen=True, kw_only=True):
    """All prices of an installation. zone: the clock that hours are told by, as in `Europe/Berlin`."""

    gpu: dict[str, GpuPrice] = {}
    """By server class; "" for all others, which cost nothing without it."""
    characters: Micros = 0
    """Of a million characters that a speech server speaks."""
    tokens: Micros = 0
    """Of a million tokens of a language model."""
    zone: str = "UTC"

    def __bool__(self) -> bool:
        """Whether anything costs."""
        return any((self.characters, self.tokens, *self._hourly()))

    def of_gpu(self, cls: str, end: datetime, seconds: float) -> Micros:
        """What `seconds` on a server of this class cost that ended then, over the hours in which they were."""
        price = self.gpu.get(cls) or self.gpu.get("")
        if price is None or not 0 < seconds < math.inf:
            return 0
        if not price.windows:
            return round(Fraction(seconds) * price.hour / _HOUR_S)
        zone, total = zone_of(self.zone), Fraction(0)
        for start, share in _steps(end - timedelta(seconds=seconds), end):
            total += share * price.at(start.astimezone(zone).hour)
        return round(total / _HOUR_S)

    def of_characters(self, count: int) -> Micros:
        """What so many spoken characters cost, rounded up: none is free."""
        return -(-count * self.characters // _MILLION)

    def of_tokens(self, count: int) -> Micros:
        """What so many tokens cost, rounded up."""
        return -(-count * self.tokens // _MILLION)

    def dearest(self, at: datetime, seconds: float = 0.0) -> Micros:
        """The highest price of an hour on any server, from then on for so many seconds."""
        until = at + timedelta(seconds=min(seconds, _LONGEST_S))
        zone = zone_of(self.zone)
        hours = {start.astimezone(zone).hour for start, _ in _steps(at, until)} | {until.astimezone(zone).hour}
        return max((price.at(hour) for price in self.gpu.values() for hour in hours), default=0)

    def _hourly(self) -> Iterator[Micros]:
        for price in self.gpu.values():
            yield price.hour
            yield from (window.hour for window in price.windows)


def _steps(start: datetime, end: datetime) -> Iterator[tuple[datetime, Fraction]]:
    """The time between, cut where the hour of the day can change: each part's start, and its seconds."""
    at = start.astimezone(UTC)
    day = at.replace(hour=0, minute=0, second=0, microsecond=0)
    while at < end:
        following = min(day + ((at - day) // _STEP + 1) * _STEP, end)
        yield at, Fraction((following - at) // timedelta(microseconds=1), _MILLION)
        at = following


def zone_of(name: str) -> tzinfo:
    """The clock of this name. Raises Permanent("bad_setting")."""
    if name == "UTC":
        return UTC
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        hint = "Name one as in `Europe/Berlin`; the system's time zone data has to be installed."
        raise Permanent("bad_setting", f"There is no time zone {name!r}.", hint=hint) from error


def prices_of(gpu: str, *, characters: float = 0.0, tokens: float = 0.0, zone: str = "UTC") -> Prices:
    """The prices of the settings. gpu: `NVIDIA L40S=1.20,*=0.80@22-6:0.40`: an hour by the name of the device, `*`
    for all others, `@` for hours of the day with another price. Raises Permanent("bad_setting").
    """
    zone_of(zone)
    found: dict[str, GpuPrice] = {}
    for entry in (part.strip() for part in gpu.split(",")):
        if not entry:
            continue
        device, _, told = (part.strip() for part in entry.rpartition("="))
        name = "" if device == "*" else device
        if not device:
            raise _no_price(entry)
        if name in found:
            raise Permanent("bad_setting", f"{device!r} has two prices.")
        usual, *others = told.split("@")
        found[name] = GpuPrice(_amount(usual, entry), tuple(_window(other, entry) for other in others))
    return Prices(gpu=found, characters=micros_of(characters), tokens=micros_of(tokens), zone=zone)


def _window(text: str, entry: str) -> Window:
    hours, colon, price = text.partition(":")
    first, dash, last = (part.strip() for part in hours.partition("-"))
    if not (colon and dash and first.isdecimal() and last.isdecimal()):
        raise _no_price(entry)
    begin, end = int(first), int(last)
    if begin > 23 or end > 24 or begin == end:
        raise _no_price(entry)
    return Window(begin, end, _amount(price, entry))


def _amount(text: str, entry: str) -> Micros:
    try:
        value = float(text)
    except ValueError:
        raise _no_price(entry) from None
    if not 0.0 <= value < 1e6:
        raise _no_price(entry)
    return micros_of(value)


def _no_price(entry: str) -> Permanent:
    return Permanent("bad_setting", f"{entry!r} is no price like {_EXAMPLE}.")
