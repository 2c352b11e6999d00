"""Rules of listeners: priorities that are free, conditions within their limits."""

from __future__ import annotations

from ministack.core.responses import AccountRegionScopedDict
from ministack.services import alb
from ministack.services.cloudformation import provisioners

from .balancers import refused
from .listeners import balancer
from .target_groups import attach, check_forward

NEEDS = {
    "ministack.services.alb:_listeners": AccountRegionScopedDict,
    "ministack.services.alb:_rules": AccountRegionScopedDict,
    "ministack.services.cloudformation.provisioners:_RESOURCE_HANDLERS": dict,
    "ministack.services.cloudformation.provisioners:_elbv2_listener_rule_create": "logical_id, props, stack_name",
    "ministack.services.cloudformation.provisioners:_elbv2_listener_rule_update":
        "physical_id, old_props, new_props, stack_name, logical_id",
}

_CONFIGURATIONS = {
    "host-header": "HostHeaderConfig", "http-header": "HttpHeaderConfig", "http-request-method": "HttpRequestMethodConfig",
    "path-pattern": "PathPatternConfig", "query-string": "QueryStringConfig", "source-ip": "SourceIpConfig",
}
# https://docs.aws.amazon.com/elasticloadbalancing/latest/application/load-balancer-limits.html
_VALUES_OF_A_RULE = 5
_VALUE_LENGTH = 128


def _values(condition: dict) -> list[str]:
    field = condition.get("Field")
    if field not in _CONFIGURATIONS:
        raise refused("ValidationError", f"Condition field '{field}' must be one of {sorted(_CONFIGURATIONS)}")
    configuration = condition.get(_CONFIGURATIONS[field]) or {}
    if field == "http-header" and not configuration.get("HttpHeaderName"):
        raise refused("ValidationError", "An http-header condition must have an HttpHeaderName")
    values = condition.get("Values") or configuration.get("Values") or []
    if not values:
        raise refused("ValidationError", f"A condition of '{field}' must have a value")
    for value in values:
        if isinstance(value, str) and (not value or len(value) > _VALUE_LENGTH):
            raise refused("ValidationError", f"The value of a '{field}' condition must have 1 to {_VALUE_LENGTH} characters")
    return values


def _check(properties: dict, itself: str = "") -> None:
    listener = alb._listeners.get(properties.get("ListenerArn", ""))
    if listener is None:
        raise refused("ListenerNotFound", "One or more listeners not found")
    priority = int(properties.get("Priority", 0))
    if not 1 <= priority <= 50000:
        raise refused("ValidationError", f"'{priority}' is not a valid priority: it must be between 1 and 50000")
    for arn, other in alb._rules.items():
        if arn != itself and other["ListenerArn"] == listener["ListenerArn"] and other["Priority"] == str(priority):
            raise refused("PriorityInUse", f"Priority '{priority}' is currently in use")
    if sum(len(_values(one)) for one in properties.get("Conditions") or []) > _VALUES_OF_A_RULE:
        raise refused("ValidationError",
                      f"A rule can only have '{_VALUES_OF_A_RULE}' condition values")
    home = balancer(listener["LoadBalancerArn"])["VpcId"]
    for action in properties.get("Actions") or []:
        check_forward(action, home)


class _Rule:
    @staticmethod
    def create(logical_id, properties, stack_name):
        _check(properties)
        made = provisioners._elbv2_listener_rule_create(logical_id, properties, stack_name)
        for action in properties.get("Actions") or []:
            attach(action, alb._listeners[properties["ListenerArn"]]["LoadBalancerArn"])
        return made

    @staticmethod
    def update(physical_id, old_properties, new_properties, stack_name, logical_id=None):
        _check(new_properties, physical_id)
        return provisioners._elbv2_listener_rule_update(physical_id, old_properties, new_properties, stack_name, logical_id)


def install() -> None:
    provisioners._RESOURCE_HANDLERS["AWS::ElasticLoadBalancingV2::ListenerRule"].update(
        create=_Rule.create, update=_Rule.update)
