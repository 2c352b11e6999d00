"""How groups and instances look in the API's answers."""

from __future__ import annotations

from typing import Any

from ministack.services import ec2

from .model import Activity, Group, Hook, Member


def without_nothing(fields: dict[str, Any]) -> dict[str, Any]:
    """The fields that have something to say."""
    return {name: value for name, value in fields.items() if value is not None and value != ""}


def instance(member: Member) -> dict[str, Any]:
    return {
        "InstanceId": member.id,
        "InstanceType": member.instance["InstanceType"],
        "AvailabilityZone": member.zone,
        "LifecycleState": member.state,
        "HealthStatus": member.health,
        "LaunchTemplate": {
            "LaunchTemplateId": member.version.id, "LaunchTemplateName": member.version.name,
            "Version": str(member.version.number),
        },
        "ProtectedFromScaleIn": member.protected,
    }


def hook(group: Group, one: Hook) -> dict[str, Any]:
    return without_nothing({
        "LifecycleHookName": one.name, "AutoScalingGroupName": group.name, "LifecycleTransition": one.transition,
        "NotificationMetadata": one.metadata, "HeartbeatTimeout": one.heartbeat, "GlobalTimeout": one.longest,
        "DefaultResult": one.default,
    })


def activity(group: Group, one: Activity) -> dict[str, Any]:
    return without_nothing({
        "ActivityId": one.id, "AutoScalingGroupName": group.name, "Description": one.description, "Cause": one.cause,
        "StartTime": one.started, "EndTime": one.ended, "StatusCode": one.status, "StatusMessage": one.message,
        "Progress": one.progress, "Details": one.details, "AutoScalingGroupState": "InService",
        "AutoScalingGroupARN": group.arn,
    })


def warm_pool(group: Group) -> dict[str, Any] | None:
    pool = group.warm_pool
    return pool and without_nothing({
        "MinSize": pool.minimum, "MaxGroupPreparedCapacity": pool.prepared, "PoolState": pool.state,
        "Status": "PendingDelete" if pool.deleted else None,
    })


def group(one: Group) -> dict[str, Any]:
    """A group with its instances; those of its warm pool are described apart from it."""
    zones = sorted({ec2._subnets[subnet]["AvailabilityZone"] for subnet in one.subnets if subnet in ec2._subnets})
    return without_nothing({
        "AutoScalingGroupName": one.name,
        "AutoScalingGroupARN": one.arn,
        "LaunchTemplate": one.template,
        "MinSize": one.minimum,
        "MaxSize": one.maximum,
        "DesiredCapacity": one.desired,
        "DefaultCooldown": one.cooldown,
        "AvailabilityZones": zones,
        "HealthCheckType": one.health_check,
        "HealthCheckGracePeriod": one.grace,
        "Instances": [instance(member) for member in one.in_group()],
        "CreatedTime": one.created,
        "SuspendedProcesses": [
            {"ProcessName": name, "SuspensionReason": "User suspended"} for name in sorted(one.suspended)],
        "VPCZoneIdentifier": ",".join(one.subnets),
        "Status": one.status,
        "Tags": one.tags,
        "TerminationPolicies": one.policies,
        "NewInstancesProtectedFromScaleIn": one.protect_new,
        "ServiceLinkedRoleARN": one.linked_role,
        "MaxInstanceLifetime": one.lifetime,
        "DefaultInstanceWarmup": one.warmup,
        "WarmPoolConfiguration": warm_pool(one),
        "WarmPoolSize": len(one.in_warm_pool()) if one.warm_pool else None,
        "InstanceLifecyclePolicy": {"RetentionTriggers": {"TerminateHookAbandon": "retain"}} if one.retain else None,
    })
