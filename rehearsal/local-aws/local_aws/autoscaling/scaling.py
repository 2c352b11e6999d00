"""What changes the desired capacity: target tracking, through alarms, and scheduled actions, by the clock."""

from __future__ import annotations

import datetime
import logging
import math
import threading
import time

from ministack.core.responses import AccountRegionScopedDict
from ministack.services import autoscaling

from ..clock import clock, scope
from . import capacity, settings
from .cron import Invalid, Recurrence
from .model import Group, Refused, find_group, groups, lock

NEEDS: dict[str, str | type] = {
    "ministack.services.autoscaling:_ACTION_MAP": dict,
    "ministack.services.autoscaling:_policies": AccountRegionScopedDict,
    "ministack.services.autoscaling:_scheduled_actions": AccountRegionScopedDict,
}

logger = logging.getLogger("local_aws.autoscaling")

_SIZES = ("MinSize", "MaxSize", "DesiredCapacity")


def track(policy_arn: str, alarm: dict, value: float) -> None:
    """An alarm of a target tracking policy is on, and `value` is what its metric last was."""
    policy = next((one for one in autoscaling._policies.values() if one["PolicyARN"] == policy_arn), None)
    group = policy and groups.get(policy["AutoScalingGroupName"])
    if not policy or not group or not policy.get("Enabled", True) or "AlarmNotification" in group.suspended:
        return
    tracking = policy.get("TargetTrackingConfiguration")
    if not tracking:
        logger.warning("the policy %s is of a type that is only recorded", policy["PolicyName"])
        return
    with lock:
        _follow(group, policy, tracking, rising=alarm["ComparisonOperator"].startswith("Greater"), value=value)


def _follow(group: Group, policy: dict, tracking: dict, *, rising: bool, value: float) -> None:
    """Move the desired capacity to where the metric would be at its target."""
    serving = [one for one in group.in_group() if one.state == "InService"]
    warmup = policy.get("EstimatedInstanceWarmup", group.warmup)
    warmup = group.cooldown if warmup is None else warmup
    warming = len(group.capacity()) - sum(time.time() - one.since >= warmup for one in serving)
    wanted = math.ceil(len(serving) * value / tracking["TargetValue"])
    if rising:
        desired = min(max(wanted, group.desired), group.maximum)
    elif warming or tracking.get("DisableScaleIn"):
        # A scale-in waits for what a scale-out has begun.
        return
    else:
        desired = max(min(wanted, group.desired), group.minimum)
    if desired != group.desired:
        logger.info("%s: %s goes from %s to %s", policy["PolicyName"], group.name, group.desired, desired)
        group.desired = desired
        capacity.wake(group)


_Key = tuple[str, str, str]


class _ScheduledActions:
    """When each scheduled action was carried out last, or first seen."""

    def __init__(self) -> None:
        self._last: dict[_Key, float] = {}
        self._lock = threading.Lock()

    def _occurrences(self) -> list[tuple[float, _Key]]:
        actions = dict(autoscaling._scheduled_actions._data)
        self._last = {key: last for key, last in self._last.items() if key in actions}
        found = []
        for key, action in actions.items():
            due = _next(action, self._last.setdefault(key, time.time()))
            if due is not None:
                found.append((due, key))
        return found

    def due(self) -> float | None:
        with self._lock:
            return min((due for due, _key in self._occurrences()), default=None)

    def fire(self) -> None:
        with self._lock:
            fired = sorted(one for one in self._occurrences() if one[0] <= time.time())
            self._last.update({key: due for due, key in fired})
        for _due, key in fired:
            if action := autoscaling._scheduled_actions._data.get(key):
                scope(key[0], key[1]).run(_carry_out, action)


def _moment(text: str | None) -> float | None:
    return datetime.datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp() if text else None


def _next(action: dict, after: float) -> float | None:
    start, end = _moment(action.get("StartTime")), _moment(action.get("EndTime"))
    if action.get("Recurrence"):
        try:
            recurrence = Recurrence.parse(action["Recurrence"], action.get("TimeZone", ""))
        except Invalid:
            return None
        due = recurrence.after(max(after, start - 1) if start else after)
    else:
        due = start if start is not None and start > after else None
    return None if due is None or (end is not None and due > end) else due


def _carry_out(action: dict) -> None:
    with lock:
        group = groups.get(action["AutoScalingGroupName"])
        if group is None or "ScheduledActions" in group.suspended:
            return
        fields = {name: action[name] for name in _SIZES if action.get(name, -1) >= 0}
        try:
            settings.update(group, fields)
        except Refused as refused:
            logger.error("the scheduled action %s failed: %s", action["ScheduledActionName"], refused)
            return
    capacity.wake(group)


def _checked(action):
    """PutScheduledUpdateGroupAction for a group that exists, with a recurrence that can be read."""
    def put(params):
        try:
            with lock:
                find_group(autoscaling._p(params, "AutoScalingGroupName"))
            if text := autoscaling._p(params, "Recurrence"):
                Recurrence.parse(text, autoscaling._p(params, "TimeZone"))
        except Refused as refused:
            return autoscaling._error(refused.code, str(refused))
        except Invalid as invalid:
            return autoscaling._error("ValidationError", str(invalid))
        return action(params)
    return put


def install() -> None:
    actions = _ScheduledActions()
    clock.repeat(actions.due, actions.fire)
    name = "PutScheduledUpdateGroupAction"
    autoscaling._ACTION_MAP[name] = _checked(autoscaling._ACTION_MAP[name])
