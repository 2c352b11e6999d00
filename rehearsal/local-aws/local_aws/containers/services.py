"""Services: checked as CreateService and UpdateService check them, and failed as their circuit breaker fails them."""

from __future__ import annotations

from ministack.core.responses import AccountRegionScopedDict
from ministack.services import alb, ec2, ecs
from ministack.services.cloudformation import provisioners

from ..patching import replace
from . import starting
from .capacity import FARGATE, check_strategy, cluster, generated_name
from .requests import called, checked, from_properties, refused

NEEDS = {
    "ministack.services.alb:_tgs": AccountRegionScopedDict,
    "ministack.services.cloudformation.provisioners:_RESOURCE_HANDLERS": dict,
    "ministack.services.ec2:_security_groups": AccountRegionScopedDict,
    "ministack.services.ec2:_subnets": AccountRegionScopedDict,
    "ministack.services.ecs:_ACTION_MAP": dict,
    "ministack.services.ecs:_create_service": "data",
    "ministack.services.ecs:_delete_service": "data",
    "ministack.services.ecs:_resolve_service_ref": "ref",
    "ministack.services.ecs:_resolve_td_key": "ref",
    "ministack.services.ecs:_services": AccountRegionScopedDict,
    "ministack.services.ecs:_task_defs": AccountRegionScopedDict,
    "ministack.services.ecs:_update_service": "data",
}

_KEPT = ("availabilityZoneRebalancing", "enableECSManagedTags", "propagateTags")


def _invalid(message: str):
    return refused(message, "InvalidParameterException")


def _definition(reference: str) -> dict:
    found = ecs._task_defs.get(ecs._resolve_td_key(reference) or "")
    if found is None or found["status"] != "ACTIVE":
        raise refused("Unable to find task definition: " + reference)
    return found


def _check_network(definition: dict, service: dict, on_fargate: bool) -> None:
    network = (service.get("networkConfiguration") or {}).get("awsvpcConfiguration")
    if definition["networkMode"] != "awsvpc":
        if network:
            raise _invalid("Network Configuration is not valid for the given networkMode of this task definition.")
        return
    if not network:
        raise _invalid("Network Configuration must be provided when networkMode 'awsvpc' is specified.")
    homes = set()
    for name in network.get("subnets") or []:
        if name not in ec2._subnets:
            raise _invalid(f"Error retrieving subnet information for [{name}]: The subnet ID '{name}' does not exist")
        homes.add(ec2._subnets[name]["VpcId"])
    for name in network.get("securityGroups") or []:
        if name not in ec2._security_groups:
            raise _invalid(f"Error retrieving security group information for [{name}]: "
                           f"The security group '{name}' does not exist")
        homes.add(ec2._security_groups[name]["VpcId"])
    if len(homes) != 1:
        raise _invalid("The provided subnets and security groups must be of one VPC.")
    if network.get("assignPublicIp") == "ENABLED" and not on_fargate:
        raise _invalid("Assign public IP is not supported for this launch type.")


def _check_load_balancers(definition: dict, service: dict) -> None:
    containers = {one["name"]: one for one in definition["containerDefinitions"]}
    for one in service.get("loadBalancers") or []:
        name, port, group = one["containerName"], int(one["containerPort"]), one["targetGroupArn"]
        if name not in containers:
            raise _invalid(f"The container {name} does not exist in the task definition.")
        if port not in [int(each["containerPort"]) for each in containers[name].get("portMappings") or []]:
            raise _invalid(f"The container {name} did not have a container port {port} defined.")
        target = alb._tgs.get(group)
        if target is None:
            raise _invalid(f"The specified target group does not exist: {group}")
        if not target["LoadBalancerArns"]:
            raise _invalid(f"The target group with targetGroupArn {group} does not have an associated load balancer.")
        if definition["networkMode"] == "awsvpc" and target["TargetType"] != "ip":
            raise _invalid(f"The provided target group {group} has target type {target['TargetType']}, which is incompatible "
                           "with the awsvpc network mode specified in the task definition.")


def _check(service: dict) -> None:
    """A service as it would be."""
    of = cluster(service.get("cluster", ""))
    strategy = service.get("capacityProviderStrategy") or of["defaultCapacityProviderStrategy"]
    if not service.get("launchType"):
        check_strategy(strategy, of)
    providers = [one["capacityProvider"] for one in strategy]
    on_fargate = service.get("launchType") == "FARGATE" or (
        not service.get("launchType") and all(one in FARGATE for one in providers) and bool(providers))
    definition = _definition(service["taskDefinition"])
    wanted = definition.get("requiresCompatibilities") or ["EC2"]
    if ("FARGATE" if on_fargate else "EC2") not in wanted:
        raise _invalid(f"Task definition does not support launch_type {'FARGATE' if on_fargate else 'EC2'}.")
    _check_network(definition, service, on_fargate)
    _check_load_balancers(definition, service)
    if service.get("enableExecuteCommand") and not definition.get("taskRoleArn"):
        raise _invalid("The service couldn't be created because a valid taskRoleArn is not being used. Specify a valid task "
                       "role in your task definition and try again.")
    limits = service.get("deploymentConfiguration") or {}
    if service.get("availabilityZoneRebalancing") == "ENABLED" and int(limits.get("maximumPercent", 200)) <= 100:
        raise _invalid("Availability Zone rebalancing needs a maximumPercent of more than 100.")


def _known(request: dict) -> dict:
    """The service that a request is about."""
    name, _other = ecs._resolve_service_ref(request.get("service", "")) or ("", None)
    found = ecs._services.get(f"{cluster(request.get('cluster', ''))['clusterName']}/{name}")
    if found is None or found["status"] == "INACTIVE":
        raise refused("Service not found.", "ServiceNotFoundException")
    return found


def _as_updated(request: dict) -> dict:
    """A service as it would be after an update."""
    known = _known(request)
    names = ("taskDefinition", "launchType", "capacityProviderStrategy", "networkConfiguration", "loadBalancers",
             "enableExecuteCommand", "deploymentConfiguration", "availabilityZoneRebalancing")
    kept = {name: known.get(name) for name in names}
    if request.get("capacityProviderStrategy"):
        kept["launchType"] = None
    return {"cluster": known["clusterArn"], **kept, **{name: request[name] for name in names if name in request}}


def _create(operation):
    def create(data):
        answer = operation(data)
        if answer[0] < 300:
            known = _known({"cluster": data.get("cluster", ""), "service": data["serviceName"]})
            known.update({name: data[name] for name in _KEPT if name in data})
        return answer
    return checked(create, _check)


def _update(operation):
    def update(data):
        answer = operation(data)
        if answer[0] < 300:
            _known(data).update({name: data[name] for name in _KEPT if name in data})
        return answer
    return checked(update, lambda data: _check(_as_updated(data)))


def _triggered(found: list[str]) -> ValueError:
    """CloudFormation tells the first half; why the tasks stopped it leaves to the service's events."""
    return ValueError("Resource handler returned message: \"Error occurred during operation 'ECS Deployment Circuit Breaker "
                      "was triggered'.\" (HandlerErrorCode: NotStabilized); tasks stopped: " + "; ".join(found))


class _Service:
    """Ref is the ARN. Waits, as CloudFormation does, until the tasks run; so one whose tasks cannot run fails."""

    @staticmethod
    def _attributes(arn: str) -> dict:
        return {"ServiceArn": arn, "Name": arn.rpartition("/")[2]}

    @staticmethod
    def create(logical_id, properties, stack_name):
        name = properties.get("ServiceName") or generated_name(stack_name, logical_id)
        request = {**from_properties(properties), "serviceName": name}
        request.setdefault("desiredCount", 1)
        _check(request)
        if int(request["desiredCount"]) and (found := starting.problems(_definition(request["taskDefinition"]), request)):
            raise _triggered(found)
        arn = called(ecs._create_service, request)["service"]["serviceArn"]
        return arn, _Service._attributes(arn)

    @staticmethod
    def update(physical_id, old_properties, new_properties, stack_name, logical_id=None):
        replacing = ("Cluster", "ServiceName", "LaunchType", "SchedulingStrategy", "Role")
        if any(old_properties.get(name) != new_properties.get(name) for name in replacing):
            return _Service.create(logical_id, new_properties, stack_name)
        old, new = from_properties(old_properties), from_properties(new_properties)
        request = {name: value for name, value in new.items() if old.get(name) != value and name != "tags"}
        request = {**request, "cluster": new["cluster"], "service": physical_id}
        service = _as_updated(request)
        _check(service)
        if found := starting.problems(_definition(service["taskDefinition"]), service):
            raise _triggered(found)
        called(ecs._update_service, request)
        return physical_id, _Service._attributes(physical_id)

    @staticmethod
    def delete(physical_id, properties):
        ecs._delete_service({"cluster": properties.get("Cluster", "default"), "service": physical_id, "force": True})


def install() -> None:
    for action, function, wrapped in (
        ("CreateService", "_create_service", _create), ("UpdateService", "_update_service", _update),
    ):
        new = wrapped(getattr(ecs, function))
        replace(ecs, function, new)
        ecs._ACTION_MAP[action] = new
    provisioners._RESOURCE_HANDLERS["AWS::ECS::Service"].update(
        create=_Service.create, update=_Service.update, delete=_Service.delete, update_with_logical_id=True)
