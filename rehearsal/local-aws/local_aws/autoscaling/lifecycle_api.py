"""The API of what instances wait for: hooks and lifecycle actions, warm pools, standby."""

from __future__ import annotations

from . import capacity, lifecycle, settings, shapes
from .model import Group, Member, Refused, find_group
from .protocol import Handler, page, serve

# How many instances AWS shows on a page, and how many it moves to standby at once.
_INSTANCES = 50
_MOST_MOVED = 20


def _put_hook(fields):
    group = find_group(fields.get("AutoScalingGroupName"))
    made = settings.hook(fields, group.hooks.get(fields.get("LifecycleHookName") or ""))
    group.hooks[made.name] = made
    return {}


def _describe_hooks(fields):
    group = find_group(fields.get("AutoScalingGroupName"))
    named = fields.get("LifecycleHookNames") or []
    return {"LifecycleHooks": [shapes.hook(group, one) for one in group.hooks.values()
                               if not named or one.name in named]}


def _delete_hook(fields):
    """What waits for a hook that is deleted is ended: launches are abandoned, terminations go on."""
    group = find_group(fields.get("AutoScalingGroupName"))
    name = fields.get("LifecycleHookName") or ""
    if group.hooks.pop(name, None) is None:
        raise Refused(f"No Lifecycle Hook found with name {name}")
    delete_hook_actions(group, name)
    return {}


def delete_hook_actions(group: Group, name: str) -> None:
    for member in list(group.members.values()):
        if action := member.actions.get(name):
            ending = "ABANDON" if action.hook.transition.endswith("LAUNCHING") else "CONTINUE"
            lifecycle.complete(group, member, action, ending)


def _action(fields):
    group = find_group(fields.get("AutoScalingGroupName"))
    name = fields.get("LifecycleHookName") or ""
    if name not in group.hooks:
        raise Refused(f"No Lifecycle Hook found with name {name}")
    token, instance_id = fields.get("LifecycleActionToken") or "", fields.get("InstanceId") or ""
    if not token and not instance_id:
        raise Refused("Either the lifecycle action token or the instance ID is required.")
    return (group, *lifecycle.find_action(group, name, instance_id, token))


def _complete(fields):
    result = fields.get("LifecycleActionResult")
    if result not in ("CONTINUE", "ABANDON"):
        raise Refused(f"Lifecycle Action Result {result} is not valid; it is CONTINUE or ABANDON.")
    lifecycle.complete(*_action(fields), result)
    return {}


def _heartbeat(fields):
    lifecycle.heartbeat(*_action(fields))
    return {}


def _put_warm_pool(fields):
    group = find_group(fields.get("AutoScalingGroupName"))
    group.warm_pool = settings.warm_pool(fields)
    capacity.wake(group)
    return {}


def _describe_warm_pool(fields):
    group = find_group(fields.get("AutoScalingGroupName"))
    shown, more = page(fields, group.in_warm_pool(), _INSTANCES, _INSTANCES)
    pool = shapes.warm_pool(group)
    return {**({"WarmPoolConfiguration": pool} if pool else {}), "Instances": [shapes.instance(one) for one in shown], **more}


def _delete_warm_pool(fields):
    group = find_group(fields.get("AutoScalingGroupName"))
    if group.warm_pool is None:
        raise Refused(f"The group {group.name} has no warm pool.")
    delete_warm_pool(group, force=settings.yes(fields.get("ForceDelete")))
    return {}


def delete_warm_pool(group: Group, *, force: bool) -> None:
    if group.warm_pool is not None:
        group.warm_pool.deleted = True
    if force:
        for member in group.in_warm_pool():
            member.actions = {}
            lifecycle.terminate(group, member, "The warm pool was deleted.")
    capacity.wake(group)


def _moved(fields, state: str) -> tuple[Group, list[Member]]:
    """The instances to move, which have to be in a state."""
    group = find_group(fields.get("AutoScalingGroupName"))
    named = fields.get("InstanceIds") or []
    if not 1 <= len(named) <= _MOST_MOVED:
        raise Refused(f"Between 1 and {_MOST_MOVED} instance ids are needed.")
    members = []
    for instance_id in named:
        member = group.members.get(instance_id)
        if member is None:
            raise Refused(f"The instance {instance_id} is not part of Auto Scaling group {group.name}.")
        if member.state != state:
            raise Refused(f"The instance {instance_id} is not in {state}.")
        members.append(member)
    return group, members


def _sizes(group: Group) -> str:
    return (f"AutoScalingGroup {group.name} has min-size={group.minimum}, max-size={group.maximum}, and "
            f"desired-size={group.desired}.")


def _enter_standby(fields):
    group, members = _moved(fields, "InService")
    decrement = fields.get("ShouldDecrementDesiredCapacity")
    if decrement in (None, ""):
        raise Refused("1 validation error detected: Value null at 'shouldDecrementDesiredCapacity' failed to satisfy "
                      "constraint: Member must not be null")
    if settings.yes(decrement):
        if group.desired - len(members) < group.minimum:
            raise Refused(f"{_sizes(group)} To place into standby {len(members)} instance(s), please update the "
                          "AutoScalingGroup sizes appropriately.")
        group.desired -= len(members)
    activities = [shapes.activity(group, lifecycle.enter_standby(group, member)) for member in members]
    capacity.wake(group)
    return {"Activities": activities}


def _exit_standby(fields):
    """The desired capacity grows by what comes back, whether it shrank before or not."""
    group, members = _moved(fields, "Standby")
    if group.desired + len(members) > group.maximum:
        raise Refused(f"{_sizes(group)} To place into service {len(members)} more instance(s), please update the "
                      "AutoScalingGroup sizes appropriately.")
    group.desired += len(members)
    activities = [shapes.activity(group, lifecycle.exit_standby(group, member)) for member in members]
    capacity.wake(group)
    return {"Activities": activities}


_HANDLERS: dict[str, Handler] = {
    "PutLifecycleHook": _put_hook,
    "DescribeLifecycleHooks": _describe_hooks,
    "DeleteLifecycleHook": _delete_hook,
    "CompleteLifecycleAction": _complete,
    "RecordLifecycleActionHeartbeat": _heartbeat,
    "PutWarmPool": _put_warm_pool,
    "DescribeWarmPool": _describe_warm_pool,
    "DeleteWarmPool": _delete_warm_pool,
    "EnterStandby": _enter_standby,
    "ExitStandby": _exit_standby,
}


def install() -> None:
    serve(_HANDLERS)
