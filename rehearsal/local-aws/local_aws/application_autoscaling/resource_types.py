"""AWS::ApplicationAutoScaling::ScalableTarget and ScalingPolicy."""

from __future__ import annotations

from ministack.services.cloudformation import provisioners

from ..refusals import Refused
from . import store

NEEDS = {"ministack.services.cloudformation.provisioners:_RESOURCE_HANDLERS": dict}

_NAMES = ("ResourceId", "ScalableDimension", "ServiceNamespace")


class _Target:
    """Ref is resource, dimension and namespace, between bars."""

    @staticmethod
    def create(_logical_id, properties, _stack_name):
        store.register_target(properties)
        identifier = "|".join(properties[name] for name in _NAMES)
        return identifier, {"Id": identifier}

    @staticmethod
    def update(physical_id, old_properties, new_properties, stack_name, logical_id=None):
        return _Target.create(logical_id, new_properties, stack_name)

    @staticmethod
    def delete(physical_id, _properties):
        try:
            store.deregister_target(dict(zip(_NAMES, physical_id.split("|"), strict=True)))
        except Refused as error:
            if error.code != "ObjectNotFoundException":
                raise


class _Policy:
    """Ref is the ARN. Its target is named by the target's Ref or by the three names."""

    @staticmethod
    def _request(properties: dict) -> dict:
        target = properties.get("ScalingTargetId")
        return {**properties, **(dict(zip(_NAMES, target.split("|"), strict=True)) if target else {})}

    @staticmethod
    def create(_logical_id, properties, _stack_name):
        arn = store.put_policy(_Policy._request(properties))["PolicyARN"]
        return arn, {"Arn": arn}

    @staticmethod
    def update(physical_id, old_properties, new_properties, stack_name, logical_id=None):
        return _Policy.create(logical_id, new_properties, stack_name)

    @staticmethod
    def delete(_physical_id, properties):
        try:
            store.delete_policy(_Policy._request(properties))
        except Refused as error:
            # It went with its target.
            if error.code != "ObjectNotFoundException":
                raise


def install() -> None:
    for name, made in {"ScalableTarget": _Target, "ScalingPolicy": _Policy}.items():
        provisioners._RESOURCE_HANDLERS[f"AWS::ApplicationAutoScaling::{name}"] = {
            "create": made.create, "update": made.update, "delete": made.delete, "update_with_logical_id": True,
        }
