"""Scheduled rules, by the clock: each occurrence once, in its order, also when the clock is moved over many."""

from __future__ import annotations

import datetime
import threading
import time

from ministack.core.responses import AccountRegionScopedDict, get_account_id, get_region, new_uuid
from ministack.services import eventbridge

from ..clock import clock, scope

NEEDS: dict[str, str | type] = {
    "ministack.services.eventbridge:_cron_next_fire": "fields, after_dt",
    "ministack.services.eventbridge:_invoke_target": "target, event, rule, view",
    "ministack.services.eventbridge:_parse_cron_fields": "expr",
    "ministack.services.eventbridge:_parse_rate_seconds": "expr",
    "ministack.services.eventbridge:_pattern_event_view": "event",
    "ministack.services.eventbridge:_rules": AccountRegionScopedDict,
    "ministack.services.eventbridge:_rule_last_fired": dict,
    "ministack.services.eventbridge:_targets": AccountRegionScopedDict,
    "ministack.services.eventbridge:start_scheduler": "",
}

_Key = tuple[str, str, str]


class _Schedules:
    """When each rule fired last, or when it was first seen: from then on it counts."""

    def __init__(self) -> None:
        self._last: dict[_Key, tuple[str, float]] = {}
        self._lock = threading.Lock()

    def _occurrences(self) -> list[tuple[float, _Key]]:
        """The next occurrence of every enabled rule."""
        rules = {key: rule for key, rule in list(eventbridge._rules._data.items())
                 if rule.get("ScheduleExpression") and rule.get("State") == "ENABLED"}
        # A rule that was disabled or deleted counts from anew when it is enabled or made again.
        self._last = {key: last for key, last in self._last.items() if key in rules}
        found = []
        for key, rule in rules.items():
            expression = rule["ScheduleExpression"]
            if self._last.get(key, ("",))[0] != expression:
                self._last[key] = (expression, time.time())
            due = _next(expression, self._last[key][1])
            if due is not None:
                found.append((due, key))
        return found

    def due(self) -> float | None:
        with self._lock:
            return min((due for due, _key in self._occurrences()), default=None)

    def fire(self) -> None:
        with self._lock:
            fired = sorted(one for one in self._occurrences() if one[0] <= time.time())
            for due, key in fired:
                self._last[key] = (self._last[key][0], due)
        for due, key in fired:
            if rule := eventbridge._rules._data.get(key):
                scope(key[0], key[1]).run(_fire, key, rule, due)


def _next(expression: str, after: float) -> float | None:
    interval = eventbridge._parse_rate_seconds(expression)
    if interval is not None:
        return after + interval
    fields = eventbridge._parse_cron_fields(expression)
    if fields is None:
        return None
    moment = eventbridge._cron_next_fire(fields, datetime.datetime.fromtimestamp(after, tz=datetime.timezone.utc))
    return None if moment is None else moment.timestamp()


def _fire(key: _Key, rule: dict, due: float) -> None:
    event = {
        "EventId": new_uuid(), "Source": "aws.events", "DetailType": "Scheduled Event", "Detail": "{}",
        "EventBusName": rule.get("EventBusName", "default"), "Time": int(due), "Resources": [rule["Arn"]],
        "Account": get_account_id(), "Region": get_region(),
    }
    view = eventbridge._pattern_event_view(event)
    for target in eventbridge._targets._data.get(key, []):
        eventbridge._invoke_target(target, event, rule, view)


def install() -> None:
    schedules = _Schedules()
    eventbridge.start_scheduler = lambda: None
    clock.repeat(schedules.due, schedules.fire)
