"""CloudFormation's types of Auto Scaling: groups with instances, whose deletion waits for the last of them."""

from __future__ import annotations

import time
from typing import Any

from ministack.services.cloudformation import provisioners

from ..cloudformation.deletion import WAITING_TYPES
from ..cloudformation.update_policy import update_policy
from . import api, capacity, lifecycle_api, settings
from .model import Group, Refused, find_group, groups, lock

NEEDS: dict[str, str | type] = {
    "ministack.services.cloudformation.provisioners:_RESOURCE_HANDLERS": dict,
    "ministack.services.cloudformation.provisioners:_asg_policy_create": "logical_id, props, stack_name",
    "ministack.services.cloudformation.provisioners:_asg_scheduled_create": "logical_id, props, stack_name",
    "ministack.services.cloudformation.provisioners:_physical_name":
        "stack_name, logical_id, *, lowercase, max_len, seeded",
}

_GROUP = "AWS::AutoScaling::AutoScalingGroup"

# How long a deletion waits for the instances, by the real clock. On AWS about as long as the hooks let them wait.
DELETION_SECONDS = 900.0
_LOOK_SECONDS = 0.05

_SIZES = ("MinSize", "MaxSize", "DesiredCapacity")

# Of an update: what another value of replaces the group.
_REPLACING = ("AutoScalingGroupName", "InstanceId")


class _Failed(ValueError):
    """CloudFormation shows the message as the reason."""


def _told(call, *arguments):
    try:
        return call(*arguments)
    except Refused as refused:
        raise _Failed(f"{refused} (Service: AutoScaling, Status Code: 400, Error Code: {refused.code})") from None


def _attributes(group: Group) -> dict[str, str]:
    return {"AutoScalingGroupARN": group.arn}


def _create(logical_id: str, properties: dict, stack_name: str):
    name = properties.get("AutoScalingGroupName") or provisioners._physical_name(stack_name, logical_id, max_len=255)
    with lock:
        group = _told(settings.create, name, properties)
    capacity.wake(group)
    return name, _attributes(group)


def _sizes_are_scalings() -> bool:
    """Whether the template leaves to scaling what it says of sizes and has not changed."""
    said = update_policy.get({}).get("AutoScalingScheduledAction") or {}
    return str(said.get("IgnoreUnmodifiedGroupSizeProperties")).lower() == "true"


def _update(physical_id: str, old: dict, new: dict, stack_name: str, logical_id: str | None = None):
    if any(old.get(name) != new.get(name) for name in _REPLACING):
        return _create(logical_id or physical_id, new, stack_name)
    with lock:
        group = _told(find_group, physical_id)
        # CloudFormation sends the whole resource: what the template says wins over what was changed by hand.
        fields = {"InstanceLifecyclePolicy": {}, "TerminationPolicies": ["Default"], **new}
        if _sizes_are_scalings():
            fields = {name: value for name, value in fields.items() if name not in _SIZES or old.get(name) != value}
        _told(settings.update, group, fields)
        hooks = _told(settings.hooks, new.get("LifecycleHookSpecificationList") or [])
        removed = {one["LifecycleHookName"] for one in old.get("LifecycleHookSpecificationList") or []} - set(hooks)
        for name in removed:
            group.hooks.pop(name, None)
            lifecycle_api.delete_hook_actions(group, name)
        group.hooks.update(hooks)
        group.tags = settings.tags(group.name, new.get("Tags") or [])
    capacity.wake(group)
    return physical_id, _attributes(group)


def _delete(physical_id: str, _properties: dict) -> None:
    """Shrink the group to nothing, wait for the instances with all their hooks, then delete it."""
    group = groups.get(physical_id)
    if group is None:
        return
    with lock:
        group.minimum = group.maximum = group.desired = 0
        for member in group.members.values():
            member.protected = False
    capacity.wake(group)
    deadline = time.monotonic() + DELETION_SECONDS
    while group.members:
        if time.monotonic() > deadline:
            waiting = ", ".join(f"{one.id} ({one.state})" for one in group.members.values())
            raise _Failed(f"The Auto Scaling group {physical_id} still has instances: {waiting}")
        time.sleep(_LOOK_SECONDS)
    with lock:
        api.remove(group)


class _Hook:
    @staticmethod
    def create(logical_id, properties, stack_name):
        name = properties.get("LifecycleHookName") or provisioners._physical_name(stack_name, logical_id, max_len=255)
        with lock:
            group = _told(find_group, properties.get("AutoScalingGroupName"))
            group.hooks[name] = _told(settings.hook, {**properties, "LifecycleHookName": name})
        return name, {"LifecycleHookName": name}

    @staticmethod
    def update(physical_id, _old, new, stack_name):
        return _Hook.create("", {**new, "LifecycleHookName": physical_id}, stack_name)

    @staticmethod
    def delete(physical_id, properties):
        with lock:
            group = groups.get(properties.get("AutoScalingGroupName"))
            if group is not None and group.hooks.pop(physical_id, None) is not None:
                lifecycle_api.delete_hook_actions(group, physical_id)


class _WarmPool:
    """Ref is the name of the group."""

    @staticmethod
    def create(_logical_id, properties, _stack_name):
        with lock:
            group = _told(find_group, properties.get("AutoScalingGroupName"))
            group.warm_pool = _told(settings.warm_pool, properties)
        capacity.wake(group)
        return group.name, {}

    @staticmethod
    def update(_physical_id, _old, new, stack_name):
        return _WarmPool.create("", new, stack_name)

    @staticmethod
    def delete(physical_id, _properties):
        group = groups.get(physical_id)
        if group is None:
            return
        with lock:
            lifecycle_api.delete_warm_pool(group, force=False)
        deadline = time.monotonic() + DELETION_SECONDS
        while group.in_warm_pool() and time.monotonic() < deadline:
            time.sleep(_LOOK_SECONDS)
        if group.in_warm_pool():
            raise _Failed(f"The warm pool of {physical_id} still has instances")


def _of_a_group(create: Any):
    """A type that belongs to a group, which has to exist."""

    def made(logical_id, properties, stack_name):
        with lock:
            _told(find_group, properties.get("AutoScalingGroupName"))
            return create(logical_id, properties, stack_name)

    return made


def install() -> None:
    WAITING_TYPES.update((_GROUP, "AWS::AutoScaling::WarmPool"))
    handlers = provisioners._RESOURCE_HANDLERS
    handlers[_GROUP] = {"create": _create, "update": _update, "update_with_logical_id": True, "delete": _delete}
    handlers["AWS::AutoScaling::LifecycleHook"] = {
        "create": _Hook.create, "update": _Hook.update, "delete": _Hook.delete}
    handlers["AWS::AutoScaling::WarmPool"] = {
        "create": _WarmPool.create, "update": _WarmPool.update, "delete": _WarmPool.delete}
    for name, create in (("ScalingPolicy", provisioners._asg_policy_create),
                         ("ScheduledAction", provisioners._asg_scheduled_create)):
        handlers[f"AWS::AutoScaling::{name}"]["create"] = _of_a_group(create)
