"""What is registered, and what the service refuses to register."""

from __future__ import annotations

from ministack.core.responses import AccountRegionScopedDict, get_account_id, get_region, new_uuid, now_epoch
from ministack.services import ecs

from ..refusals import Refused

NEEDS = {
    "ministack.services.ecs:_resolve_cluster_name": "ref",
    "ministack.services.ecs:_services": AccountRegionScopedDict,
    "ministack.services.ecs:_update_service": "data",
}

Key = tuple[str, str, str]

_targets = AccountRegionScopedDict()
_policies = AccountRegionScopedDict()

_ECS = ("ecs", "ecs:service:DesiredCount")
_METRICS = ("ECSServiceAverageCPUUtilization", "ECSServiceAverageMemoryUtilization", "ALBRequestCountPerTarget")


def refused(message: str, code: str = "ValidationException") -> Refused:
    return Refused("ApplicationAutoScaling", code, message)


def key(request: dict) -> Key:
    """What a request names."""
    names = ("ServiceNamespace", "ResourceId", "ScalableDimension")
    for name in names:
        if not request.get(name):
            raise refused(f"1 validation error detected: Value null at '{name[:1].lower() + name[1:]}' failed to satisfy "
                          "constraint: Member must not be null")
    found = tuple(request[name] for name in names)
    if (found[0], found[2]) != _ECS:
        raise refused(f"Unsupported service namespace, resource type or scalable dimension: {found[0]}, {found[2]}")
    return found


def _service(resource_id: str) -> dict:
    kind, _, path = resource_id.partition("/")
    cluster, _, name = path.partition("/")
    found = ecs._services.get(f"{ecs._resolve_cluster_name(cluster)}/{name}")
    if kind != "service" or found is None or found["status"] == "INACTIVE":
        raise refused(f"ECS service doesn't exist: {resource_id}")
    return found


def register_target(request: dict) -> dict:
    """Make or change a target. A service outside the new limits is brought within them."""
    name = key(request)
    service = _service(name[1])
    target = dict(_targets.get(name) or {})
    for limit in ("MinCapacity", "MaxCapacity"):
        if request.get(limit) is not None:
            target[limit] = int(request[limit])
        elif limit not in target:
            raise refused(f"{limit} must be specified when registering a new scalable target.")
    if target["MinCapacity"] > target["MaxCapacity"]:
        raise refused("Maximum capacity cannot be less than minimum capacity")
    target.setdefault("CreationTime", now_epoch())
    target.setdefault("ScalableTargetARN", f"arn:aws:application-autoscaling:{get_region()}:{get_account_id()}:"
                                           f"scalable-target/{new_uuid().replace('-', '')[:26]}")
    # Without a role of its own it takes the service-linked one.
    target["RoleARN"] = request.get("RoleARN") or target.get("RoleARN") or (
        f"arn:aws:iam::{get_account_id()}:role/aws-service-role/ecs.application-autoscaling.amazonaws.com/"
        "AWSServiceRoleForApplicationAutoScaling_ECSService")
    target.update(zip(("ServiceNamespace", "ResourceId", "ScalableDimension"), name, strict=True))
    _targets[name] = target
    wanted = min(max(int(service["desiredCount"]), target["MinCapacity"]), target["MaxCapacity"])
    if wanted != int(service["desiredCount"]):
        ecs._update_service({"cluster": service["clusterArn"], "service": service["serviceArn"], "desiredCount": wanted})
    return target


def deregister_target(request: dict) -> None:
    name = key(request)
    if name not in _targets:
        raise refused(f"No scalable target found for service namespace: {name[0]}, resource ID: {name[1]}, "
                      f"scalable dimension: {name[2]}", "ObjectNotFoundException")
    del _targets[name]
    for policy in [one for one in _policies if one[:3] == name]:
        del _policies[policy]


def targets(request: dict) -> list[dict]:
    wanted = request.get("ResourceIds") or []
    return [one for one in _targets.values() if not wanted or one["ResourceId"] in wanted]


def put_policy(request: dict) -> dict:
    name = key(request)
    if name not in _targets:
        raise refused(f"No scalable target registered for service namespace: {name[0]}, resource ID: {name[1]}, "
                      f"scalable dimension: {name[2]}", "ObjectNotFoundException")
    if request.get("PolicyType") != "TargetTrackingScaling":
        raise refused("Only target tracking is known here")
    tracking = request.get("TargetTrackingScalingPolicyConfiguration") or {}
    if float(tracking.get("TargetValue") or 0) <= 0:
        raise refused("TargetValue must be greater than 0")
    predefined = (tracking.get("PredefinedMetricSpecification") or {}).get("PredefinedMetricType")
    if bool(predefined) == bool(tracking.get("CustomizedMetricSpecification")):
        raise refused("Either PredefinedMetricSpecification or CustomizedMetricSpecification must be specified")
    if predefined and predefined not in _METRICS:
        raise refused(f"{predefined} is not a valid predefined metric type for {name[2]}")
    identifier = (*name, request["PolicyName"])
    policy = dict(_policies.get(identifier) or {})
    policy.setdefault("PolicyARN", f"arn:aws:autoscaling:{get_region()}:{get_account_id()}:scalingPolicy:{new_uuid()}:"
                                   f"resource/{name[0]}/{name[1]}:policyName/{request['PolicyName']}")
    policy.setdefault("CreationTime", now_epoch())
    policy.update({each: request[each] for each in (
        "PolicyName", "PolicyType", "ServiceNamespace", "ResourceId", "ScalableDimension",
        "TargetTrackingScalingPolicyConfiguration")})
    policy["Alarms"] = []
    _policies[identifier] = policy
    return policy


def delete_policy(request: dict) -> None:
    identifier = (*key(request), request.get("PolicyName"))
    if identifier not in _policies:
        raise refused(f"No scaling policy found for {request.get('PolicyName')}", "ObjectNotFoundException")
    del _policies[identifier]


def policies(request: dict) -> list[dict]:
    wanted = request.get("ResourceId")
    return [one for one in _policies.values() if not wanted or one["ResourceId"] == wanted]


def install() -> None:
    """Nothing is patched."""
