"""Which instances a scale-in takes: balance between zones first, then the group's termination policies.

A function as policy has the last word: what it does not name stays. An error, a time-out or an empty list means that
nothing is terminated now; Auto Scaling asks again as long as the group is larger than it should be.
"""

from __future__ import annotations

import json
import logging
import threading
import uuid
from collections import Counter
from collections.abc import Callable

from ministack.core.responses import get_account_id
from ministack.services import lambda_svc

from .. import service_principals
from ..clock import scope
from ..functions import asynchronous
from .model import Group, Member, lock

NEEDS: dict[str, str | type] = {
    "ministack.services.lambda_svc:_execution_record_for_config": "func, config",
    "ministack.services.lambda_svc:_get_func_record_for_ref": "function_ref",
}

logger = logging.getLogger("local_aws.autoscaling")

# The documented maximum run time of a termination policy.
FUNCTION_SECONDS = 2.0

_SERVICE = "autoscaling.amazonaws.com"

# Each narrows the instances down to those it would take first.
_PREFERENCES: dict[str, Callable[[Member], float]] = {
    "OldestInstance": lambda one: one.since,
    "NewestInstance": lambda one: -one.since,
    "OldestLaunchTemplate": lambda one: one.version.number,
    "Default": lambda one: one.version.number,
}
PREDEFINED = (*_PREFERENCES, "AllocationStrategy", "ClosestToNextInstanceHour", "OldestLaunchConfiguration")


def is_function(policy: str) -> bool:
    return policy.startswith("arn:")


def choose(group: Group, number: int) -> list[Member]:
    """The instances to terminate now, at most `number`; the lock must not be held, because a function may be asked."""
    with lock:
        eligible = [one for one in group.in_group() if one.state == "InService" and not one.protected]
        if len(eligible) < number:
            # What is still on its way goes when there is nothing else.
            eligible += [one for one in group.capacity() if one.state.startswith("Pending")]
        zones, balanced = _zones(group, number)
        # Documented: in a group whose zones are in balance the policies apply to the instances of all zones.
        suggested = [one for one in eligible if one.zone in (balanced or zones)]
        policies = list(group.policies)
    if policies and is_function(policies[0]):
        named = _ask(policies[0], group, zones, suggested)
        ready = [one for one in eligible if one.id in named]
        return _prefer(ready, policies[1:], number)
    if balanced:
        return _prefer(suggested, policies, number)
    chosen: list[Member] = []
    for zone, share in zones.items():
        chosen += _prefer([one for one in suggested if one.zone == zone], policies, share)
    return chosen


def _zones(group: Group, number: int) -> tuple[dict[str, int], set[str]]:
    """From which zones how many have to go, so that they are as equal as possible afterwards.

    And all zones, if they are equal now and only one instance goes.
    """
    counts = Counter(one.zone for one in group.capacity())
    balanced = set(counts) if number == 1 and len(set(counts.values())) == 1 else set()
    shares: Counter[str] = Counter()
    for _ in range(min(number, sum(counts.values()))):
        zone = max(sorted(counts), key=lambda one: counts[one])
        counts[zone] -= 1
        shares[zone] += 1
    return dict(shares), balanced


def _prefer(members: list[Member], policies: list[str], number: int) -> list[Member]:
    preferences = [_PREFERENCES[policy] for policy in (policies or ["Default"]) if policy in _PREFERENCES]
    return sorted(members, key=lambda one: [prefer(one) for prefer in preferences])[:number]


def request(group: Group, zones: dict[str, int], suggested: list[Member]) -> dict:
    """What a function is asked."""
    return {
        "AutoScalingGroupARN": group.arn,
        "AutoScalingGroupName": group.name,
        "CapacityToTerminate": [
            {"AvailabilityZone": zone, "Capacity": share, "InstanceMarketOption": "on-demand"}
            for zone, share in zones.items()
        ],
        "Instances": [
            {"AvailabilityZone": one.zone, "InstanceId": one.id, "InstanceType": one.instance["InstanceType"],
             "InstanceMarketOption": "on-demand"} for one in suggested
        ],
        "Cause": "SCALE_IN",
    }


def _ask(arn: str, group: Group, zones: dict[str, int], suggested: list[Member]) -> list[str]:
    func, config, _name = lambda_svc._get_func_record_for_ref(arn)
    if not func or not config:
        logger.error("the termination policy %s is not there", arn)
        return []
    source = {"aws:sourceaccount": get_account_id()}
    if not service_principals.allowed(
            func["policy"], _SERVICE, "lambda:InvokeFunction", arn, source, role=group.linked_role):
        logger.error("the termination policy %s may not be invoked by %s", arn, group.linked_role)
        return []
    answers: list = []
    record = lambda_svc._execution_record_for_config(func, config)
    event = request(group, zones, suggested)

    def invoke() -> None:
        result, ran = asynchronous.attempt(record, config, event, str(uuid.uuid4()))
        if ran and not result.get("error"):
            answers.append(result.get("body"))

    thread = threading.Thread(target=scope().run, args=(invoke,), name="local-aws-termination-policy", daemon=True)
    thread.start()
    thread.join(FUNCTION_SECONDS)
    named = _named(answers[0]) if answers else None
    if named is None:
        logger.error("the termination policy %s gave no answer within %s s, or none that is valid", arn, FUNCTION_SECONDS)
    return named or []


def _named(body) -> list[str] | None:
    try:
        named = (json.loads(body) if isinstance(body, (str, bytes)) else body)["InstanceIDs"]
    except (KeyError, TypeError, ValueError):
        return None
    return named if isinstance(named, list) and all(isinstance(one, str) for one in named) else None
