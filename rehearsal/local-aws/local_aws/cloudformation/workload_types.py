"""Types for what runs: capacity providers, services whose numbers are text, and types that are only recorded."""

from __future__ import annotations

import json
import random
import string
from typing import Any

from ministack.core.responses import get_account_id, get_region, new_uuid
from ministack.services import ecs
from ministack.services.cloudformation import provisioners

NEEDS = {
    "ministack.services.cloudformation.provisioners:_RESOURCE_HANDLERS": dict,
    "ministack.services.cloudformation.provisioners:_ecs_service_create": "logical_id, props, stack_name",
    "ministack.services.cloudformation.provisioners:_ecs_service_update":
        "physical_id, old_props, new_props, stack_name",
    "ministack.services.cloudformation.provisioners:_pascal_to_camel": "obj",
    "ministack.services.ecs:_create_capacity_provider": "data",
    "ministack.services.ecs:_delete_capacity_provider": "data",
    "ministack.services.ecs:_update_capacity_provider": "data",
}

_NUMBERS = (
    "Base", "ContainerPort", "DesiredCount", "HealthCheckGracePeriodSeconds", "InstanceWarmupPeriod", "MaximumPercent",
    "MaximumScalingStepSize", "MinimumHealthyPercent", "MinimumScalingStepSize", "TargetCapacity", "Weight",
)


def _with_numbers(node: Any, name: str = "") -> Any:
    """The properties with the numbers that parameters hand over as text."""
    if isinstance(node, dict):
        return {key: _with_numbers(value, key) for key, value in node.items()}
    if isinstance(node, list):
        return [_with_numbers(value) for value in node]
    return int(node) if name in _NUMBERS and isinstance(node, str) else node


class _Service:
    @staticmethod
    def create(logical_id, properties, stack_name):
        return provisioners._ecs_service_create(logical_id, _with_numbers(properties), stack_name)

    @staticmethod
    def update(physical_id, old_properties, new_properties, stack_name):
        return provisioners._ecs_service_update(
            physical_id, _with_numbers(old_properties), _with_numbers(new_properties), stack_name)


def _called(operation, request: dict) -> dict:
    status, _headers, body = operation(request)
    answer = json.loads(body)
    if status >= 300:
        raise ValueError(f"{answer.get('message')} (Service: AmazonECS, Status Code: {status})")
    return answer


class _CapacityProvider:
    """Ref is the name."""

    @staticmethod
    def _request(name: str, properties: dict) -> dict:
        group = _with_numbers(properties["AutoScalingGroupProvider"])
        tags = [{"key": tag["Key"], "value": tag["Value"]} for tag in properties.get("Tags") or []]
        return {"name": name, "autoScalingGroupProvider": provisioners._pascal_to_camel(group), "tags": tags}

    @staticmethod
    def create(logical_id, properties, stack_name):
        name = properties.get("Name") or _generated_name(stack_name, logical_id)
        if name.lower().startswith(("aws", "ecs", "fargate")):
            raise ValueError("The specified capacity provider name is invalid: it may not begin with aws, ecs or fargate.")
        _called(ecs._create_capacity_provider, _CapacityProvider._request(name, properties))
        return name, {}

    @staticmethod
    def update(physical_id, old_properties, new_properties, stack_name, logical_id=None):
        groups = [one["AutoScalingGroupProvider"]["AutoScalingGroupArn"] for one in (old_properties, new_properties)]
        if new_properties.get("Name") != old_properties.get("Name") or groups[0] != groups[1]:
            return _CapacityProvider.create(logical_id, new_properties, stack_name)
        _called(ecs._update_capacity_provider, _CapacityProvider._request(physical_id, new_properties))
        return physical_id, {}

    @staticmethod
    def delete(physical_id, _properties):
        ecs._delete_capacity_provider({"capacityProvider": physical_id})


def _generated_name(stack_name: str, logical_id: str) -> str:
    return f"{stack_name}-{logical_id}-{''.join(random.choices(string.ascii_letters + string.digits, k=12))}"


class _Recorded:
    """A type that no API of MiniStack's knows: it has an id and attributes in the stack, and nothing more."""

    def __init__(self, required: tuple[str, ...], replacing: tuple[str, ...], identify):
        self._required, self._replacing, self._identify = required, replacing, identify

    def create(self, logical_id, properties, stack_name):
        if missing := [name for name in self._required if name not in properties]:
            raise ValueError(f"Properties validation failed for resource {logical_id}: "
                             f"required key [{missing[0]}] not found")
        physical_id = self._identify(logical_id, properties, stack_name)
        return physical_id, {"Id": physical_id, "Arn": physical_id}

    def update(self, physical_id, old_properties, new_properties, stack_name, logical_id=None):
        if any(old_properties.get(name) != new_properties.get(name) for name in self._replacing):
            return self.create(logical_id, new_properties, stack_name)
        return physical_id, {"Id": physical_id, "Arn": physical_id}

    def delete(self, _physical_id, _properties):
        """Nothing was made."""


_TARGET = ("ResourceId", "ScalableDimension", "ServiceNamespace")


def _target_id(_logical_id, properties, _stack_name) -> str:
    return "|".join(properties[name] for name in _TARGET)


def _policy_arn(_logical_id, properties, _stack_name) -> str:
    target = properties.get("ScalingTargetId") or "|".join(properties.get(name, "") for name in _TARGET)
    resource, _dimension, namespace = target.split("|")
    return (f"arn:aws:autoscaling:{get_region()}:{get_account_id()}:scalingPolicy:{new_uuid()}:"
            f"resource/{namespace}/{resource}:policyName/{properties['PolicyName']}")


_RECORDED = {
    "AWS::ApplicationAutoScaling::ScalableTarget":
        _Recorded((*_TARGET, "MinCapacity", "MaxCapacity"), _TARGET, _target_id),
    "AWS::ApplicationAutoScaling::ScalingPolicy":
        _Recorded(("PolicyName", "PolicyType"), ("PolicyName", "ScalingTargetId", *_TARGET), _policy_arn),
}


def install() -> None:
    handlers = provisioners._RESOURCE_HANDLERS
    handlers["AWS::ECS::Service"].update(create=_Service.create, update=_Service.update)
    for name, made in {"AWS::ECS::CapacityProvider": _CapacityProvider, **_RECORDED}.items():
        handlers[name] = {
            "create": made.create, "update": made.update, "delete": made.delete, "update_with_logical_id": True,
        }
