"""What Auto Scaling announces on EventBridge, in the shapes of its event reference."""

from __future__ import annotations

import json

from ministack.core.responses import new_uuid

from ..events.announcements import announce
from .model import LAUNCHING, Action, Activity, Group, Member

_SOURCE = "aws.autoscaling"


def lifecycle_action(group: Group, member: Member, action: Action) -> None:
    """An instance waits for a hook."""
    kind = "launch" if action.hook.transition == LAUNCHING else "terminate"
    detail = {
        "LifecycleActionToken": action.token, "AutoScalingGroupName": group.name, "LifecycleHookName": action.hook.name,
        "EC2InstanceId": member.id, "LifecycleTransition": action.hook.transition, "Origin": member.origin,
        "Destination": member.destination,
    }
    if action.hook.metadata:
        detail["NotificationMetadata"] = action.hook.metadata
    announce(_SOURCE, f"EC2 Instance-{kind} Lifecycle Action", detail, [group.arn])


def outcome(group: Group, member: Member, activity: Activity, kind: str) -> None:
    """A launch or a termination came to its end: `Launch Successful`, `Launch Unsuccessful`, `Terminate Successful`."""
    detail = {
        "StatusCode": "InProgress" if activity.status == "Successful" else activity.status,
        "Description": activity.description, "AutoScalingGroupName": group.name, "ActivityId": activity.id,
        "Details": json.loads(activity.details), "RequestId": new_uuid(), "StatusMessage": activity.message,
        "EndTime": activity.ended, "EC2InstanceId": member.id, "StartTime": activity.started, "Cause": activity.cause,
        "Origin": member.origin, "Destination": member.destination,
    }
    instance = f"arn:aws:ec2:{group.region}:{group.account}:instance/{member.id}"
    announce(_SOURCE, f"EC2 Instance {kind}", detail, [group.arn, instance])


def failed_launch(group: Group, activity: Activity) -> None:
    """An instance could not even be made."""
    detail = {
        "StatusCode": "Failed", "Description": activity.description, "AutoScalingGroupName": group.name,
        "ActivityId": activity.id, "Details": json.loads(activity.details), "RequestId": new_uuid(),
        "StatusMessage": activity.message, "EndTime": activity.ended, "EC2InstanceId": "",
        "StartTime": activity.started, "Cause": activity.cause,
    }
    announce(_SOURCE, "EC2 Instance Launch Unsuccessful", detail, [group.arn])
