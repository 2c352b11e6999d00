"""The API of groups: their sizes, their instances, what was done, what is suspended, tags."""

from __future__ import annotations

from ministack.core.responses import AccountRegionScopedDict
from ministack.services import autoscaling

from . import capacity, lifecycle, settings, shapes
from .model import Group, Member, Refused, find_group, find_member, groups, timestamp
from .protocol import Handler, page, serve

NEEDS: dict[str, str | type] = {
    "ministack.services.autoscaling:_ACTION_MAP": dict,
    "ministack.services.autoscaling:_delete_group_policies": "asg_name",
    "ministack.services.autoscaling:_error": "code, message, status",
    "ministack.services.autoscaling:_p": "params, key",
    "ministack.services.autoscaling:_scheduled_actions": AccountRegionScopedDict,
}

# How many of each AWS shows at most on a page, and when nothing is said.
_GROUPS, _GROUPS_DEFAULT = 100, 50
_INSTANCES = 50
_MOST_PROTECTED = 50


def _create(fields):
    capacity.wake(settings.create(fields.get("AutoScalingGroupName") or "", fields))


def _update(fields):
    group = find_group(fields.get("AutoScalingGroupName"))
    settings.update(group, fields)
    capacity.wake(group)


def _describe(fields):
    named = fields.get("AutoScalingGroupNames") or []
    found = [one for one in groups.values() if not named or one.name in named]
    for condition in fields.get("Filters") or []:
        name, values = condition["Name"], condition.get("Values") or []
        if name == "tag-key":
            found = [one for one in found if any(tag["Key"] in values for tag in one.tags)]
        elif name == "tag-value":
            found = [one for one in found if any(tag["Value"] in values for tag in one.tags)]
        elif name.startswith("tag:"):
            found = [one for one in found
                     if any(tag["Key"] == name[4:] and tag["Value"] in values for tag in one.tags)]
        else:
            raise Refused(f"The filter {name} is not valid.")
    shown, more = page(fields, found, _GROUPS, _GROUPS_DEFAULT)
    return {"AutoScalingGroups": [shapes.group(one) for one in shown], **more}


def _describe_instances(fields):
    named = fields.get("InstanceIds") or []
    if len(named) > _INSTANCES:
        raise Refused(f"The number of instance ids must not be greater than {_INSTANCES}.")
    found = [{"AutoScalingGroupName": group.name, **shapes.instance(member)}
             for group in groups.values() for member in group.members.values() if not named or member.id in named]
    shown, more = page(fields, found, _INSTANCES, _INSTANCES)
    return {"AutoScalingInstances": shown, **more}


def _delete(fields):
    group = find_group(fields.get("AutoScalingGroupName"))
    if settings.yes(fields.get("ForceDelete")):
        lifecycle.forget(group)
    elif group.members:
        raise Refused("You cannot delete an AutoScalingGroup while there are instances or pending Spot instance "
                      "request(s) still in the group.", "ResourceInUse")
    remove(group)


def remove(group: Group) -> None:
    groups.pop(group.name, None)
    autoscaling._delete_group_policies(group.name)
    for key, action in list(autoscaling._scheduled_actions.items()):
        if action["AutoScalingGroupName"] == group.name:
            autoscaling._scheduled_actions.pop(key, None)


def _set_desired(fields):
    group = find_group(fields.get("AutoScalingGroupName"))
    desired = settings.number(fields, "DesiredCapacity")
    if desired is None:
        raise Refused("DesiredCapacity is required.")
    if desired > group.maximum:
        raise Refused(f"New SetDesiredCapacity value {desired} is above max value {group.maximum} for the "
                      "AutoScalingGroup.")
    if desired < group.minimum:
        raise Refused(f"New SetDesiredCapacity value {desired} is below min value {group.minimum} for the "
                      "AutoScalingGroup.")
    group.desired = desired
    capacity.wake(group)


def _managed(instance_id: str) -> tuple[Group, Member]:
    found = find_member(instance_id)
    if found is None:
        raise Refused(f"Instance Id not found - No managed instance found for instance ID: {instance_id}")
    return found


def _terminate(fields):
    group, member = _managed(fields.get("InstanceId") or "")
    if member.warm and not member.retained:
        raise Refused(f"The instance {member.id} is in a warm pool and cannot be terminated by this call.")
    if fields.get("ShouldDecrementDesiredCapacity") in (None, ""):
        raise Refused("1 validation error detected: Value null at 'shouldDecrementDesiredCapacity' failed to satisfy "
                      "constraint: Member must not be null")
    if settings.yes(fields["ShouldDecrementDesiredCapacity"]) and not (member.ending and not member.retained):
        if group.desired <= group.minimum:
            raise Refused(
                f"Currently, desiredSize equals minSize ({group.minimum}). Terminating instance without replacement "
                "will violate group's min size constraint. Either set shouldDecrementDesiredCapacity flag to false or "
                "lower group's min size.")
        group.desired -= 1
    cause = f"At {timestamp()} instance {member.id} was taken out of service in response to a user request."
    return {"Activity": shapes.activity(group, lifecycle.terminate(group, member, cause))}


def _set_protection(fields):
    group = find_group(fields.get("AutoScalingGroupName"))
    named = fields.get("InstanceIds") or []
    if len(named) > _MOST_PROTECTED:
        raise Refused(f"More than {_MOST_PROTECTED} instance ids.", "LimitExceeded")
    members = []
    for instance_id in named:
        member = group.members.get(instance_id)
        if member is None:
            raise Refused(f"The instance {instance_id} is not part of Auto Scaling group {group.name}.")
        if member.state != "InService":
            raise Refused(f"The instance {instance_id} is not in InService or EnteringStandby or Standby.")
        members.append(member)
    for member in members:
        member.protected = settings.yes(fields.get("ProtectedFromScaleIn"))
    capacity.wake(group)
    return {}


def _set_health(fields):
    group, member = _managed(fields.get("InstanceId") or "")
    status = fields.get("HealthStatus")
    if status not in ("Healthy", "Unhealthy"):
        raise Refused("Valid instance health states are: [Healthy, Unhealthy].")
    if status == "Healthy":
        member.health = status
    else:
        lifecycle.unhealthy(group, member)


def _describe_activities(fields):
    name = fields.get("AutoScalingGroupName")
    chosen = [find_group(name)] if name else list(groups.values())
    found = [shapes.activity(group, one) for group in chosen for one in group.activities]
    shown, more = page(fields, found, 100, 100)
    return {"Activities": shown, **more}


def _suspend(fields):
    group = find_group(fields.get("AutoScalingGroupName"))
    group.suspended |= settings.processes(fields.get("ScalingProcesses") or [])


def _resume(fields):
    group = find_group(fields.get("AutoScalingGroupName"))
    group.suspended -= settings.processes(fields.get("ScalingProcesses") or [])
    capacity.wake(group)


def _put_tags(fields):
    for tag in fields.get("Tags") or []:
        group = find_group(tag.get("ResourceId"))
        made, = settings.tags(group.name, [tag])
        group.tags = [one for one in group.tags if one["Key"] != made["Key"]] + [made]


def _delete_tags(fields):
    for tag in fields.get("Tags") or []:
        group = find_group(tag.get("ResourceId"))
        group.tags = [one for one in group.tags if one["Key"] != tag["Key"]]


def _describe_tags(_fields):
    return {"Tags": [tag for group in groups.values() for tag in group.tags]}


_HANDLERS: dict[str, Handler] = {
    "CreateAutoScalingGroup": _create,
    "UpdateAutoScalingGroup": _update,
    "DescribeAutoScalingGroups": _describe,
    "DescribeAutoScalingInstances": _describe_instances,
    "DeleteAutoScalingGroup": _delete,
    "SetDesiredCapacity": _set_desired,
    "TerminateInstanceInAutoScalingGroup": _terminate,
    "SetInstanceProtection": _set_protection,
    "SetInstanceHealth": _set_health,
    "DescribeScalingActivities": _describe_activities,
    "SuspendProcesses": _suspend,
    "ResumeProcesses": _resume,
    "CreateOrUpdateTags": _put_tags,
    "DeleteTags": _delete_tags,
    "DescribeTags": _describe_tags,
}

# What MiniStack answers as if it had done it.
_NOT_HERE = (
    "StartInstanceRefresh", "CancelInstanceRefresh", "DescribeInstanceRefreshes", "CreateLaunchConfiguration",
    "AttachInstances", "DetachInstances",
)


def _refuse(action: str):
    return lambda _params: autoscaling._error("InvalidAction", f"{action} is not known to the local AWS")


def install() -> None:
    serve(_HANDLERS)
    autoscaling._ACTION_MAP.update({action: _refuse(action) for action in _NOT_HERE})
