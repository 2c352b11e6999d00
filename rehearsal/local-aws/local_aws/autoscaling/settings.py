"""What is asked of a group, in the words of the API or of a template, checked and put into it."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import Any

from ministack.core.responses import AccountRegionScopedDict
from ministack.services import ec2

from ..instances import templates
from . import victims
from .model import LAUNCHING, TERMINATING, Group, Hook, Refused, WarmPool, groups

NEEDS: dict[str, str | type] = {
    "ministack.services.ec2:_ensure_defaults_initialized": "",
    "ministack.services.ec2:_subnets": AccountRegionScopedDict,
}

_SHORTEST_HEARTBEAT, _LONGEST_HEARTBEAT = 30, 7200
_HOOK_NAME = re.compile(r"[A-Za-z0-9\-_/]{1,255}")
_MOST_HOOKS = 50

# What AWS can and the local AWS cannot: refused, so that nobody believes that it was rehearsed.
_NOT_HERE = ("LaunchConfigurationName", "MixedInstancesPolicy", "InstanceId", "CapacityRebalance")

_PROCESSES = frozenset({
    "Launch", "Terminate", "AddToLoadBalancer", "AlarmNotification", "AZRebalance", "HealthCheck", "InstanceRefresh",
    "ReplaceUnhealthy", "ScheduledActions",
})


def yes(value: Any) -> bool:
    return value is True or str(value).lower() == "true"


def number(fields: dict, name: str) -> int | None:
    value = fields.get(name)
    if value in (None, ""):
        return None
    try:
        return int(str(value))
    except ValueError:
        raise Refused(f"Value '{value}' at '{name}' is not a number") from None


def _listed(value: Any) -> list[str]:
    if isinstance(value, str):
        return [one.strip() for one in value.split(",") if one.strip()]
    return list(value or [])


def _subnets(fields: dict) -> list[str]:
    ec2._ensure_defaults_initialized()
    named = _listed(fields.get("VPCZoneIdentifier"))
    for subnet in named:
        if subnet not in ec2._subnets:
            raise Refused(f"The subnet ID '{subnet}' does not exist")
    if named:
        return named
    zones = _listed(fields.get("AvailabilityZones"))
    found = [one["SubnetId"] for one in ec2._subnets.values()
             if one.get("DefaultForAz") and one["AvailabilityZone"] in zones]
    if not found:
        raise Refused("At least one Availability Zone or VPC Subnet is required.")
    return found


def _template(fields: dict) -> dict[str, str]:
    named = fields.get("LaunchTemplate")
    if not named:
        raise Refused("Valid requests must contain either LaunchTemplate, LaunchConfigurationName, InstanceId or "
                      "MixedInstancesPolicy parameter.")
    try:
        used = templates.version(named)
    except templates.Unusable as unusable:
        raise Refused(str(unusable)) from None
    return {"LaunchTemplateId": used.id, "LaunchTemplateName": used.name,
            "Version": str(named.get("Version") or "$Default")}


def _policies(fields: dict) -> list[str]:
    named = _listed(fields.get("TerminationPolicies")) or ["Default"]
    functions = [one for one in named if victims.is_function(one)]
    for one in named:
        if one not in victims.PREDEFINED and one not in functions:
            raise Refused(f"The termination policy {one} is not valid.")
    if len(functions) > 1 or (functions and named[0] != functions[0]):
        raise Refused("Only one Lambda function can be specified as a termination policy, and it must be the first.")
    if functions and functions[0].endswith(":$LATEST"):
        raise Refused("A qualified ARN with the $LATEST suffix cannot be used as a termination policy.")
    return named


def _retain(fields: dict) -> bool:
    triggers = (fields.get("InstanceLifecyclePolicy") or {}).get("RetentionTriggers") or {}
    wanted = triggers.get("TerminateHookAbandon", "terminate")
    if wanted not in ("retain", "terminate"):
        raise Refused(f"1 validation error detected: Value '{wanted}' at 'terminateHookAbandon' failed to satisfy "
                      "constraint: Member must satisfy enum value set: [retain, terminate]")
    return wanted == "retain"


def hook(fields: dict, before: Hook | None = None) -> Hook:
    """A hook as it is asked for; what is not said stays as it was."""
    name = fields.get("LifecycleHookName") or ""
    transition = fields.get("LifecycleTransition") or (before.transition if before else "")
    heartbeat = number(fields, "HeartbeatTimeout") or (before.heartbeat if before else 3600)
    default = fields.get("DefaultResult") or (before.default if before else "ABANDON")
    if not _HOOK_NAME.fullmatch(name):
        raise Refused(f"1 validation error detected: Value '{name}' at 'lifecycleHookName' failed to satisfy constraint: "
                      "Member must satisfy regular expression pattern: [A-Za-z0-9\\-_\\/]+")
    if transition not in (LAUNCHING, TERMINATING):
        raise Refused(f"Invalid Lifecycle Transition: {transition}")
    if not _SHORTEST_HEARTBEAT <= heartbeat <= _LONGEST_HEARTBEAT:
        raise Refused(f"Heartbeat Timeout must be between {_SHORTEST_HEARTBEAT} and {_LONGEST_HEARTBEAT} seconds")
    if default not in ("CONTINUE", "ABANDON"):
        raise Refused(f"Invalid Default Result: {default}. Must be CONTINUE or ABANDON")
    return Hook(name, transition, heartbeat, default,
                fields.get("NotificationMetadata") or (before.metadata if before else ""))


def hooks(specifications: Iterable[dict]) -> dict[str, Hook]:
    found = {}
    for fields in specifications:
        made = hook(fields)
        found[made.name] = made
    if len(found) > _MOST_HOOKS:
        raise Refused("You have exceeded the limit of lifecycle hooks for this group.", "LimitExceeded")
    return found


def tags(group_name: str, listed: Iterable[dict]) -> list[dict[str, Any]]:
    return [{"Key": one["Key"], "Value": str(one.get("Value") or ""), "ResourceId": group_name,
             "ResourceType": "auto-scaling-group", "PropagateAtLaunch": yes(one.get("PropagateAtLaunch"))}
            for one in listed]


def check_sizes(minimum: int, maximum: int, desired: int) -> None:
    if minimum < 0 or maximum < 0:
        raise Refused("Sizes must not be negative.")
    if maximum < minimum:
        raise Refused(f"Max bound, {maximum}, must be greater than or equal to min bound, {minimum}")
    if desired > maximum:
        raise Refused(f"Desired capacity:{desired} must be between the specified min size:{minimum} and max size:{maximum}")
    if desired < minimum:
        raise Refused(f"Desired capacity:{desired} must be between the specified min size:{minimum} and max size:{maximum}")


def _refuse_what_is_not_here(fields: dict) -> None:
    for name in _NOT_HERE:
        if fields.get(name) and str(fields[name]).lower() != "false":
            raise Refused(f"{name} is not known to the local AWS.", "InvalidParameterValue")


# What else may be said of a group: how the API and templates call it, and what it is here.
_OTHERS: dict[str, tuple[str, Callable[[dict, str], Any]]] = {
    "DefaultCooldown": ("cooldown", number), "Cooldown": ("cooldown", number),
    "HealthCheckGracePeriod": ("grace", number), "DefaultInstanceWarmup": ("warmup", number),
    "MaxInstanceLifetime": ("lifetime", number),
    "HealthCheckType": ("health_check", lambda fields, name: fields[name]),
    "ServiceLinkedRoleARN": ("linked_role", lambda fields, name: fields[name]),
    "NewInstancesProtectedFromScaleIn": ("protect_new", lambda fields, name: yes(fields[name])),
}


def _others(fields: dict) -> dict[str, Any]:
    return {attribute: read(fields, name) for name, (attribute, read) in _OTHERS.items() if fields.get(name) not in (None, "")}


def create(name: str, fields: dict) -> Group:
    """A new group; its instances are launched afterwards."""
    if not name or len(name) > 255 or ":" in name:
        raise Refused("1 validation error detected: Value at 'autoScalingGroupName' failed to satisfy constraint")
    if name in groups:
        raise Refused("AutoScalingGroup by this name already exists - A group with the name "
                      f"{name} already exists", "AlreadyExists")
    _refuse_what_is_not_here(fields)
    minimum, maximum = number(fields, "MinSize"), number(fields, "MaxSize")
    if minimum is None or maximum is None:
        raise Refused("MinSize and MaxSize are required.")
    desired = number(fields, "DesiredCapacity")
    desired = minimum if desired is None else desired
    check_sizes(minimum, maximum, desired)
    group = Group(
        name, minimum, maximum, desired, _template(fields), _subnets(fields), _policies(fields),
        hooks=hooks(fields.get("LifecycleHookSpecificationList") or []), retain=_retain(fields),
        tags=tags(name, fields.get("Tags") or []), **_others(fields),
    )
    groups[name] = group
    return group


def update(group: Group, fields: dict) -> None:
    """Change what is named; nothing is changed when anything is refused."""
    _refuse_what_is_not_here(fields)
    minimum, maximum, desired = (number(fields, one) for one in ("MinSize", "MaxSize", "DesiredCapacity"))
    minimum = group.minimum if minimum is None else minimum
    maximum = group.maximum if maximum is None else maximum
    if desired is None:
        # A desired capacity that the new sizes leave outside is moved to the nearer of them.
        desired = min(max(group.desired, minimum), maximum)
    check_sizes(minimum, maximum, desired)
    changed: dict[str, Any] = {"minimum": minimum, "maximum": maximum, "desired": desired, **_others(fields)}
    if fields.get("LaunchTemplate"):
        changed["template"] = _template(fields)
    if fields.get("VPCZoneIdentifier") or fields.get("AvailabilityZones"):
        changed["subnets"] = _subnets(fields)
    if fields.get("TerminationPolicies"):
        changed["policies"] = _policies(fields)
    if fields.get("InstanceLifecyclePolicy") is not None:
        changed["retain"] = _retain(fields)
    for attribute, value in changed.items():
        setattr(group, attribute, value)


def warm_pool(fields: dict) -> WarmPool:
    if (fields.get("InstanceReusePolicy") or {}) and yes((fields["InstanceReusePolicy"]).get("ReuseOnScaleIn")):
        raise Refused("ReuseOnScaleIn is not known to the local AWS.", "InvalidParameterValue")
    state = fields.get("PoolState") or "Stopped"
    if state not in ("Stopped", "Running"):
        raise Refused(f"The pool state {state} is not known to the local AWS.", "InvalidParameterValue")
    prepared = number(fields, "MaxGroupPreparedCapacity")
    return WarmPool(number(fields, "MinSize") or 0, None if prepared == -1 else prepared, state)


def processes(named: Iterable[str]) -> set[str]:
    wanted = set(named) or set(_PROCESSES)
    if unknown := wanted - _PROCESSES:
        raise Refused(f"The process {', '.join(sorted(unknown))} is not known.")
    return wanted
