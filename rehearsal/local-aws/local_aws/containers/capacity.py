"""Capacity providers: which exist, which a cluster has, and that none goes that a service runs on."""

from __future__ import annotations

import random
import string

from ministack.core.responses import AccountRegionScopedDict
from ministack.services import ecs
from ministack.services.cloudformation import provisioners

from ..autoscaling import model
from ..patching import replace
from .requests import called, checked, from_properties, refused

NEEDS = {
    "ministack.services.cloudformation.provisioners:_RESOURCE_HANDLERS": dict,
    "ministack.services.cloudformation.provisioners:_ecs_cluster_update":
        "physical_id, old_props, new_props, stack_name, logical_id",
    "ministack.services.ecs:_ACTION_MAP": dict,
    "ministack.services.ecs:_capacity_providers": AccountRegionScopedDict,
    "ministack.services.ecs:_clusters": AccountRegionScopedDict,
    "ministack.services.ecs:_create_capacity_provider": "data",
    "ministack.services.ecs:_delete_capacity_provider": "data",
    "ministack.services.ecs:_delete_cluster": "data",
    "ministack.services.ecs:_put_cluster_capacity_providers": "data",
    "ministack.services.ecs:_resolve_cluster_name": "ref",
    "ministack.services.ecs:_services": AccountRegionScopedDict,
    "ministack.services.ecs:_update_capacity_provider": "data",
}

FARGATE = ("FARGATE", "FARGATE_SPOT")


def generated_name(stack_name: str, logical_id: str) -> str:
    return f"{stack_name}-{logical_id}-{''.join(random.choices(string.ascii_letters + string.digits, k=12))}"


def cluster(reference: str) -> dict:
    found = ecs._clusters.get(ecs._resolve_cluster_name(reference) or "")
    if found is None:
        raise refused("Cluster not found.", "ClusterNotFoundException")
    return found


def check_strategy(strategy: list[dict], of: dict) -> None:
    """Every provider of a strategy is the cluster's, and Fargate and instances are not mixed."""
    names = [one["capacityProvider"] for one in strategy]
    for name in names:
        if name not in of["capacityProviders"]:
            raise refused(f"The specified capacity provider '{name}' is not associated with the cluster "
                          f"{of['clusterName']}.", "InvalidParameterException")
    if len({name in FARGATE for name in names}) > 1:
        raise refused("A capacity provider strategy cannot contain a mix of capacity providers using Auto Scaling groups "
                      "and Fargate providers.", "InvalidParameterException")


def _check_new(request: dict) -> None:
    name = request.get("name", "")
    if name.lower().startswith(("aws", "ecs", "fargate")):
        raise refused("The specified capacity provider name is invalid. Up to 255 characters are allowed, including letters, "
                      "numbers, underscores, and hyphens. The name cannot be prefixed with 'aws', 'ecs', or 'fargate'.",
                      "ClientException")
    provider = request.get("autoScalingGroupProvider") or {}
    reference = provider.get("autoScalingGroupArn", "")
    group = next((one for one in model.groups.values() if reference in (one.name, one.arn)), None)
    if group is None:
        raise refused(f"The specified Auto Scaling group ARN is invalid: {reference}", "ClientException")
    if provider.get("managedTerminationProtection") == "ENABLED" and not group.protect_new:
        raise refused("The managed termination protection setting for the capacity provider is invalid. To enable managed "
                      "termination protection for a capacity provider, the Auto Scaling group must have instance protection "
                      "from scale in enabled.", "InvalidParameterException")


def _is_used(provider: str, of: dict) -> bool:
    """Whether a service of a cluster runs on a capacity provider."""
    running = (one for one in ecs._services.values() if one["status"] == "ACTIVE" and one["clusterArn"] == of["clusterArn"])
    return any(each["capacityProvider"] == provider for one in running for each in one["capacityProviderStrategy"] or ())


def _check_deleted(request: dict) -> None:
    name = (request.get("capacityProvider") or "").rpartition("/")[2]
    if any(name in one["capacityProviders"] for one in ecs._clusters.values()):
        raise refused("The specified capacity provider is in use and cannot be removed.", "ResourceInUseException")


def _check_put(request: dict) -> None:
    of = cluster(request.get("cluster", ""))
    wanted = request.get("capacityProviders") or []
    for name in wanted:
        if name not in FARGATE and name not in ecs._capacity_providers:
            raise refused(f"The specified capacity provider '{name}' was not found.", "InvalidParameterException")
    for name in of["capacityProviders"]:
        if name not in wanted and _is_used(name, of):
            raise refused("The specified capacity provider is in use and cannot be removed.", "ResourceInUseException")
    check_strategy(request.get("defaultCapacityProviderStrategy") or [], {**of, "capacityProviders": wanted})


def _check_cluster_deleted(request: dict) -> None:
    of = cluster(request.get("cluster", ""))
    if any(one["status"] == "ACTIVE" and one["clusterArn"] == of["clusterArn"] for one in ecs._services.values()):
        raise refused("The Cluster cannot be deleted while Services are active.", "ClusterContainsServicesException")


class _CapacityProvider:
    """Ref is the name."""

    @staticmethod
    def _request(name: str, properties: dict) -> dict:
        request = from_properties(properties)
        return {"name": name, "autoScalingGroupProvider": request["autoScalingGroupProvider"], "tags": request.get("tags", [])}

    @staticmethod
    def create(logical_id, properties, stack_name):
        name = properties.get("Name") or generated_name(stack_name, logical_id)
        called(ecs._create_capacity_provider, _CapacityProvider._request(name, properties))
        return name, {}

    @staticmethod
    def update(physical_id, old_properties, new_properties, stack_name, logical_id=None):
        groups = [one["AutoScalingGroupProvider"]["AutoScalingGroupArn"] for one in (old_properties, new_properties)]
        if new_properties.get("Name") != old_properties.get("Name") or groups[0] != groups[1]:
            return _CapacityProvider.create(logical_id, new_properties, stack_name)
        called(ecs._update_capacity_provider, _CapacityProvider._request(physical_id, new_properties))
        return physical_id, {}

    @staticmethod
    def delete(physical_id, _properties):
        if physical_id in ecs._capacity_providers:
            called(ecs._delete_capacity_provider, {"capacityProvider": physical_id})


class _Associations:
    """Which capacity providers a cluster has. Ref is the cluster."""

    @staticmethod
    def create(_logical_id, properties, _stack_name):
        called(ecs._put_cluster_capacity_providers, from_properties(properties))
        return properties["Cluster"], {}

    @staticmethod
    def update(physical_id, old_properties, new_properties, stack_name, logical_id=None):
        return _Associations.create(logical_id, new_properties, stack_name)

    @staticmethod
    def delete(physical_id, _properties):
        if ecs._resolve_cluster_name(physical_id) in ecs._clusters:
            nothing = {"cluster": physical_id, "capacityProviders": [], "defaultCapacityProviderStrategy": []}
            called(ecs._put_cluster_capacity_providers, nothing)


def _update_cluster(physical_id, old_properties, new_properties, stack_name, logical_id=None):
    """MiniStack takes the providers away that the template gives the cluster in a resource of their own."""
    names = ("capacityProviders", "defaultCapacityProviderStrategy")
    kept = {name: ecs._clusters[physical_id][name] for name in names} if physical_id in ecs._clusters else {}
    made = provisioners._ecs_cluster_update(physical_id, old_properties, new_properties, stack_name, logical_id)
    if made[0] == physical_id and "CapacityProviders" not in new_properties:
        ecs._clusters[physical_id].update(kept)
    return made


def _delete_cluster(physical_id, _properties):
    if physical_id in ecs._clusters:
        called(ecs._delete_cluster, {"cluster": physical_id})


def install() -> None:
    for action, function, check in (
        ("CreateCapacityProvider", "_create_capacity_provider", _check_new),
        ("DeleteCapacityProvider", "_delete_capacity_provider", _check_deleted),
        ("PutClusterCapacityProviders", "_put_cluster_capacity_providers", _check_put),
        ("DeleteCluster", "_delete_cluster", _check_cluster_deleted),
    ):
        new = checked(getattr(ecs, function), check)
        replace(ecs, function, new)
        ecs._ACTION_MAP[action] = new
    handlers = provisioners._RESOURCE_HANDLERS
    for name, made in {"CapacityProvider": _CapacityProvider, "ClusterCapacityProviderAssociations": _Associations}.items():
        handlers[f"AWS::ECS::{name}"] = {
            "create": made.create, "update": made.update, "delete": made.delete, "update_with_logical_id": True,
        }
    handlers["AWS::ECS::Cluster"].update(update=_update_cluster, delete=_delete_cluster)
