"""CloudWatch: metrics that functions write into their logs, and alarms that look at whole periods, by the clock."""

from __future__ import annotations

import json
import logging
import math
import time
from typing import Any

from ministack.core.responses import AccountRegionScopedDict
from ministack.services import cloudwatch, sqs

from .clock import clock, scope

NEEDS: dict[str, str | type] = {
    "ministack.services.cloudwatch:_alarms": AccountRegionScopedDict,
    "ministack.services.cloudwatch:_calc_stats": "points",
    "ministack.services.cloudwatch:_dims_from_list": "dimensions",
    "ministack.services.cloudwatch:_dims_key": "dims",
    "ministack.services.cloudwatch:_dispatch_alarm_actions": "alarm, old_state, new_state, reason",
    "ministack.services.cloudwatch:_evaluate_alarm": "alarm",
    "ministack.services.cloudwatch:_evaluate_all_alarms": "",
    "ministack.services.cloudwatch:_evaluate_parent_alarms": "child, seen",
    "ministack.services.cloudwatch:_metric_bucket": "key",
    "ministack.services.cloudwatch:_metrics": AccountRegionScopedDict,
    "ministack.services.cloudwatch:_record_history":
        "alarm_name, old_state, new_state, reason, alarm_type, reason_data",
    "ministack.services.cloudwatch:_stat_value": "stats, stat_name, points",
    "ministack.services.cloudwatch:_store_datum": "namespace, name, dims, ts, unit, value, values, counts, stat_values",
    "ministack.services.cloudwatch:record_metric": "namespace, metric_name, value, unit, dimensions",
    "ministack.services.sqs:_queues": AccountRegionScopedDict,
}

logger = logging.getLogger("local_aws.metrics")

_EVALUATION_SECONDS = 60
_FURTHER_PERIODS = 2
# Limits of the embedded metric format.
_MOST_DIMENSIONS, _MOST_METRICS, _MOST_VALUES = 30, 100, 100

_COMPARISONS = {
    "GreaterThanOrEqualToThreshold": lambda value, threshold: value >= threshold,
    "GreaterThanThreshold": lambda value, threshold: value > threshold,
    "LessThanThreshold": lambda value, threshold: value < threshold,
    "LessThanOrEqualToThreshold": lambda value, threshold: value <= threshold,
}


class _Malformed(ValueError):
    """The line claims to hold metrics and does not."""


def from_log_line(line: str) -> None:
    """Record the metrics of a line in the embedded metric format; other lines are none."""
    if not line.startswith("{") or '"_aws"' not in line:
        return
    try:
        document = json.loads(line)
        about = document["_aws"]
        moment = about["Timestamp"] / 1000
        for directive in about["CloudWatchMetrics"]:
            _record(document, directive, moment)
    except (_Malformed, KeyError, TypeError, ValueError) as error:
        logger.error("a line of embedded metrics is not valid (%s): %s", error, line)


def _record(document: dict, directive: dict, moment: float) -> None:
    namespace, listed = directive["Namespace"], directive["Metrics"]
    if not namespace or len(listed) > _MOST_METRICS:
        raise _Malformed("no namespace, or too many metrics")
    for names in directive["Dimensions"]:
        if len(names) > _MOST_DIMENSIONS:
            raise _Malformed("too many dimensions")
        dimensions = {name: document[name] for name in names}
        if not all(isinstance(value, str) and value for value in dimensions.values()):
            raise _Malformed("a dimension's value is not text")
        for metric in listed:
            value = document[metric["Name"]]
            values = value if isinstance(value, list) else [value]
            if len(values) > _MOST_VALUES or not all(_is_number(one) for one in values):
                raise _Malformed(f"the value of {metric['Name']} is not a number, or too many")
            cloudwatch._store_datum(
                namespace, metric["Name"], dimensions, moment, metric.get("Unit", "None"), None, values, None, None)


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)


def _points(alarm: dict) -> list[dict]:
    dimensions = cloudwatch._dims_key(cloudwatch._dims_from_list(alarm.get("Dimensions") or []))
    return cloudwatch._metrics.get((alarm["Namespace"], alarm["MetricName"], dimensions)) or []


def _datapoints(alarm: dict, now: float) -> list[float | None]:
    """The data points that an alarm is judged by, the latest first; None where there are none.

    CloudWatch looks a little further back than the alarm says, so that a gap does not count while there are enough
    data points: five periods for an alarm over three, in its documentation's example.
    """
    wanted = int(alarm.get("EvaluationPeriods", 1))
    found = _periods(alarm, now, wanted + _FURTHER_PERIODS)
    known = [one for one in found if one is not None]
    return known[:wanted] if len(known) >= wanted else found[:wanted]


def _periods(alarm: dict, now: float, number_of_periods: int) -> list[float | None]:
    """The statistic of each of the last whole periods."""
    period = int(alarm.get("Period", 60))
    end = now // 60 * 60
    statistic = alarm.get("ExtendedStatistic") or alarm.get("Statistic") or "Average"
    points, found = _points(alarm), []
    for number in range(number_of_periods):
        start, stop = end - (number + 1) * period, end - number * period
        within = [one for one in points if start <= one["Timestamp"] < stop
                  and alarm.get("Unit") in (None, "", one.get("Unit"))]
        found.append(cloudwatch._stat_value(cloudwatch._calc_stats(within), statistic, within) if within else None)
    return found


def _judge(alarm: dict, datapoints: list[float | None]) -> str:
    """The state that the data points speak for."""
    breaches = _COMPARISONS.get(alarm.get("ComparisonOperator", ""))
    if breaches is None:
        return alarm["StateValue"]
    missing = alarm.get("TreatMissingData") or "missing"
    known = [one for one in datapoints if one is not None]
    if not known and missing == "missing":
        return "INSUFFICIENT_DATA"
    if not known and missing == "ignore":
        return alarm["StateValue"]
    breaching = sum(breaches(one, alarm.get("Threshold", 0)) for one in known)
    if missing == "breaching":
        breaching += len(datapoints) - len(known)
    return "ALARM" if breaching >= int(alarm.get("DatapointsToAlarm") or alarm["EvaluationPeriods"]) else "OK"


def _evaluate(alarm: dict, now: float) -> None:
    if not alarm.get("MetricName"):
        return
    datapoints = _datapoints(alarm, now)
    before, after = alarm["StateValue"], _judge(alarm, datapoints)
    if before != after:
        shown = ", ".join("missing" if one is None else f"{one:g}" for one in datapoints)
        reason = f"Threshold Crossed: the data points of the last periods, the latest first, are [{shown}]."
        alarm.update(StateValue=after, StateReason=reason, StateUpdatedTimestamp=int(now))
        cloudwatch._record_history(alarm["AlarmName"], before, after, reason)
        cloudwatch._dispatch_alarm_actions(alarm, before, after, reason)
        cloudwatch._evaluate_parent_alarms(alarm)
    latest = next((one for one in datapoints if one is not None), None)
    if after == "ALARM" and alarm.get("ActionsEnabled", True) and latest is not None:
        # A scaling policy is told again every minute, other actions only of a change.
        from .autoscaling import scaling

        for action in alarm.get("AlarmActions") or []:
            if ":scalingPolicy:" in action:
                scaling.track(action, alarm, latest)


def _evaluate_all() -> None:
    now = time.time()
    for (account, region, _name), queue in list(sqs._queues._data.items()):
        scope(account, region).run(_measure, queue)
    for (account, region, _name), alarm in list(cloudwatch._alarms._data.items()):
        scope(account, region).run(_evaluate, alarm, now)


def _measure(queue: dict) -> None:
    visible = sum(one["visible_at"] <= time.time() for one in queue["messages"])
    cloudwatch.record_metric("AWS/SQS", "ApproximateNumberOfMessagesVisible", visible, "Count",
                             {"QueueName": queue["name"]})


class _Minutes:
    """Whole minutes of the clock, each once."""

    def __init__(self) -> None:
        self._last = time.time()

    def due(self) -> float:
        return (self._last // _EVALUATION_SECONDS + 1) * _EVALUATION_SECONDS

    def fire(self) -> None:
        self._last = self.due()
        _evaluate_all()


def install() -> None:
    minutes = _Minutes()
    # Otherwise an alarm is judged when it is made, by the data of all dimensions together.
    cloudwatch._evaluate_alarm = lambda alarm: None
    cloudwatch._evaluate_all_alarms = lambda: None
    clock.repeat(minutes.due, minutes.fire)
