"""Target groups: of a VPC that exists, with health checks that fit, and none goes that a listener or rule forwards to."""

from __future__ import annotations

from ministack.core.responses import AccountRegionScopedDict
from ministack.services import alb, ec2
from ministack.services.cloudformation import provisioners

from ..patching import replace
from ..refusals import Refused
from .balancers import refused

NEEDS = {
    "ministack.services.alb:_ACTION_MAP": dict,
    "ministack.services.alb:_delete_tg": "params",
    "ministack.services.alb:_error": "code, message, status",
    "ministack.services.alb:_listeners": AccountRegionScopedDict,
    "ministack.services.alb:_p": "params, key, default",
    "ministack.services.alb:_rules": AccountRegionScopedDict,
    "ministack.services.alb:_tgs": AccountRegionScopedDict,
    "ministack.services.cloudformation.provisioners:_RESOURCE_HANDLERS": dict,
    "ministack.services.cloudformation.provisioners:_elbv2_target_group_create": "logical_id, props, stack_name",
    "ministack.services.cloudformation.provisioners:_elbv2_target_group_delete": "physical_id, props",
    "ministack.services.cloudformation.provisioners:_elbv2_target_group_update":
        "physical_id, old_props, new_props, stack_name, logical_id",
    "ministack.services.ec2:_vpcs": AccountRegionScopedDict,
}


def check_forward(action: dict, home: str) -> None:
    """What an action forwards to is there, and of the load balancer's VPC."""
    if action.get("Type") != "forward":
        return
    several = (action.get("ForwardConfig") or {}).get("TargetGroups") or []
    for arn in [action["TargetGroupArn"]] if action.get("TargetGroupArn") else [one["TargetGroupArn"] for one in several]:
        group = alb._tgs.get(arn)
        if group is None:
            raise refused("TargetGroupNotFound", f"One or more target groups not found: {arn}")
        if group["VpcId"] and group["VpcId"] != home:
            raise refused("InvalidConfigurationRequest",
                          f"The following target groups have a different VPC than the load balancer: {arn}")


def attach(action: dict, balancer: str) -> None:
    """A target group knows which load balancers forward to it."""
    group = alb._tgs.get(action.get("TargetGroupArn") or "")
    if group is not None and balancer not in group["LoadBalancerArns"]:
        group["LoadBalancerArns"].append(balancer)


def _check(properties: dict) -> None:
    if properties.get("VpcId") not in ec2._vpcs:
        raise refused("ValidationError", f"The VPC ID '{properties.get('VpcId')}' is not found")
    timeout, interval = (int(properties.get(name, default)) for name, default in (
        ("HealthCheckTimeoutSeconds", 5), ("HealthCheckIntervalSeconds", 30)))
    if timeout >= interval:
        raise refused("ValidationError",
                      f"Health check interval '{interval}' must be greater than the timeout '{timeout}'")


def _check_deleted(arn: str) -> None:
    actions = [action for one in alb._listeners.values() for action in one["DefaultActions"]]
    actions += [action for one in alb._rules.values() for action in one["Actions"]]
    if any(action.get("TargetGroupArn") == arn for action in actions):
        raise refused("ResourceInUse", f"Target group '{arn}' is currently in use by a listener or a rule")


class _TargetGroup:
    @staticmethod
    def create(logical_id, properties, stack_name):
        _check(properties)
        return provisioners._elbv2_target_group_create(logical_id, properties, stack_name)

    @staticmethod
    def update(physical_id, old_properties, new_properties, stack_name, logical_id=None):
        _check(new_properties)
        return provisioners._elbv2_target_group_update(physical_id, old_properties, new_properties, stack_name, logical_id)

    @staticmethod
    def delete(physical_id, properties):
        _check_deleted(physical_id)
        provisioners._elbv2_target_group_delete(physical_id, properties)


def _delete(operation):
    def delete(params):
        try:
            _check_deleted(alb._p(params, "TargetGroupArn"))
        except Refused as error:
            return alb._error(error.code, error.message, error.status)
        return operation(params)
    return delete


def install() -> None:
    new = _delete(alb._delete_tg)
    replace(alb, "_delete_tg", new)
    alb._ACTION_MAP["DeleteTargetGroup"] = new
    provisioners._RESOURCE_HANDLERS["AWS::ElasticLoadBalancingV2::TargetGroup"].update(
        create=_TargetGroup.create, update=_TargetGroup.update, delete=_TargetGroup.delete)
