"""Recurrences of scheduled actions: `minute hour day-of-month month day-of-week`, in a time zone."""

from __future__ import annotations

import datetime
import zoneinfo
from dataclasses import dataclass

_MONTHS = {name: number for number, name in enumerate(
    ("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"), 1)}
_DAYS = {name: number for number, name in enumerate(("SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"))}

# Every date that can occur does so within eight years (29 February around 2100).
_FURTHEST_DAYS = 366 * 8 + 1


class Invalid(ValueError):
    """It is not a recurrence."""


def _field(text: str, lowest: int, highest: int, names: dict[str, int]) -> frozenset[int]:
    found: set[int] = set()
    for part in text.upper().split(","):
        span, _, step = part.partition("/")
        first, _, last = span.partition("-")
        try:
            if span == "*":
                start, end = lowest, highest
            else:
                start = names.get(first, -1) if first in names else int(first)
                end = start if not last and not step else highest if not last else names.get(last) or int(last)
            every = int(step or 1)
        except ValueError:
            raise Invalid(f"Given recurrence string: {text} is invalid") from None
        if not lowest <= start <= end <= highest or every < 1:
            raise Invalid(f"Given recurrence string: {text} is invalid")
        found.update(range(start, end + 1, every))
    return frozenset(found)


@dataclass(frozen=True)
class Recurrence:
    minutes: frozenset[int]
    hours: frozenset[int]
    days: frozenset[int]
    months: frozenset[int]
    weekdays: frozenset[int]
    # With both restricted, a day matches when either does.
    either_day: bool
    zone: datetime.tzinfo

    @classmethod
    def parse(cls, text: str, zone: str = "") -> Recurrence:
        fields = text.split()
        if len(fields) != 5:
            raise Invalid(f"Given recurrence string: {text} is invalid")
        try:
            where: datetime.tzinfo = zoneinfo.ZoneInfo(zone) if zone else datetime.timezone.utc
        except (zoneinfo.ZoneInfoNotFoundError, ValueError):
            raise Invalid(f"The time zone {zone} is not valid") from None
        weekdays = _field(fields[4].replace("7", "0") if fields[4] == "7" else fields[4], 0, 6, _DAYS)
        return cls(_field(fields[0], 0, 59, {}), _field(fields[1], 0, 23, {}), _field(fields[2], 1, 31, {}),
                   _field(fields[3], 1, 12, _MONTHS), weekdays, "*" not in (fields[2], fields[4]), where)

    def _on(self, day: datetime.date) -> bool:
        in_month, in_week = day.day in self.days, day.isoweekday() % 7 in self.weekdays
        return day.month in self.months and ((in_month or in_week) if self.either_day else (in_month and in_week))

    def after(self, moment: float) -> float | None:
        """The first occurrence later than `moment`."""
        first = datetime.datetime.fromtimestamp(moment, self.zone).date()
        for offset in range(_FURTHEST_DAYS):
            day = first + datetime.timedelta(days=offset)
            if not self._on(day):
                continue
            for hour in sorted(self.hours):
                for minute in sorted(self.minutes):
                    found = datetime.datetime(day.year, day.month, day.day, hour, minute, tzinfo=self.zone).timestamp()
                    if found > moment:
                        return found
        return None
