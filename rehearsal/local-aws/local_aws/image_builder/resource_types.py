"""AWS::ImageBuilder types. Components and recipes are what they are: every change makes another one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from ministack.services.cloudformation import provisioners

from ..machines import known
from . import checks, store

NEEDS: dict[str, str | type] = {"ministack.services.cloudformation.provisioners:_RESOURCE_HANDLERS": dict}


@dataclass(frozen=True)
class _Type:
    name: str
    kind: str
    check: Callable[[dict], None]
    required: tuple[str, ...]
    optional: tuple[str, ...] = ()

    @property
    def full_name(self) -> str:
        return f"AWS::ImageBuilder::{self.name}"

    def _checked(self, properties: dict) -> None:
        known.check(self.full_name, properties, {*self.required, *self.optional, "Tags"}, self.required)
        self.check(properties)

    def create(self, _logical_id, properties, _stack_name):
        self._checked(properties)
        arn = store.add(self.kind, properties)
        return arn, {"Arn": arn, "Name": properties["Name"]}

    def update(self, physical_id, old_properties, new_properties, stack_name, logical_id=None):
        if self.kind in store.VERSIONED or known.changed(old_properties, new_properties, "Name"):
            return self.create(logical_id, new_properties, stack_name)
        self._checked(new_properties)
        store.change(physical_id, self.kind, new_properties)
        return physical_id, {"Arn": physical_id, "Name": new_properties["Name"]}

    @staticmethod
    def delete(physical_id, _properties):
        store.remove(physical_id)


_TYPES = (
    _Type("Component", "component", checks.component, ("Data", "Name", "Platform", "Version"), ("Description",)),
    _Type("ImageRecipe", "image-recipe", checks.recipe, ("Components", "Name", "ParentImage", "Version"),
          ("BlockDeviceMappings", "Description")),
    _Type("InfrastructureConfiguration", "infrastructure-configuration", checks.infrastructure,
          ("InstanceProfileName", "Name"),
          ("Description", "InstanceMetadataOptions", "InstanceTypes", "SecurityGroupIds", "SnsTopicArn", "SubnetId",
           "TerminateInstanceOnFailure")),
    _Type("DistributionConfiguration", "distribution-configuration", checks.distribution, ("Distributions", "Name"),
          ("Description",)),
    _Type("ImagePipeline", "image-pipeline", checks.pipeline, ("ImageRecipeArn", "InfrastructureConfigurationArn", "Name"),
          ("Description", "DistributionConfigurationArn", "EnhancedImageMetadataEnabled", "ImageTestsConfiguration",
           "LoggingConfiguration", "Schedule", "Status")),
    _Type("LifecyclePolicy", "lifecycle-policy", checks.lifecycle,
          ("ExecutionRole", "Name", "PolicyDetails", "ResourceSelection", "ResourceType"), ("Description", "Status")),
)


def install() -> None:
    for one in _TYPES:
        provisioners._RESOURCE_HANDLERS[one.full_name] = {
            "create": one.create, "update": one.update, "delete": one.delete, "update_with_logical_id": True,
        }
