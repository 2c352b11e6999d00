"""Task definitions: checked as RegisterTaskDefinition checks them."""

from __future__ import annotations

from ministack.services import ecs
from ministack.services.cloudformation import provisioners

from ..patching import replace
from .capacity import generated_name
from .requests import called, checked, from_properties, refused

NEEDS = {
    "ministack.services.cloudformation.provisioners:_RESOURCE_HANDLERS": dict,
    "ministack.services.ecs:_ACTION_MAP": dict,
    "ministack.services.ecs:_deregister_task_definition": "data",
    "ministack.services.ecs:_register_task_definition": "data",
}

# https://docs.aws.amazon.com/AmazonECS/latest/developerguide/task-cpu-memory-error.html: memory in MiB by processor units.
_FARGATE_SIZES = {
    256: (512, 1024, 2048), 512: range(1024, 4097, 1024), 1024: range(2048, 8193, 1024), 2048: range(4096, 16385, 1024),
    4096: range(8192, 30721, 1024), 8192: range(16384, 61441, 4096), 16384: range(32768, 122881, 8192),
}


def _check_fargate(request: dict) -> None:
    if request.get("networkMode") != "awsvpc":
        raise refused("Fargate only supports network mode 'awsvpc'.")
    for name in ("cpu", "memory"):
        if not request.get(name):
            raise refused(f"Fargate requires that '{name}' be defined at the task level.")
    cpu, memory = int(request["cpu"]), int(request["memory"])
    if memory not in _FARGATE_SIZES.get(cpu, ()):
        raise refused(f"No Fargate configuration exists for given values: {cpu} CPU, {memory} memory. "
                      "See the Amazon ECS documentation for the valid values.")
    if not request.get("executionRoleArn"):
        for container in request["containerDefinitions"]:
            if (container.get("logConfiguration") or {}).get("logDriver") == "awslogs":
                raise refused("Fargate requires task definition to have execution role ARN to support log driver awslogs.")


def _check_order(containers: list[dict]) -> None:
    """What waits for what: containers that exist, in a state that they can reach, in no circle."""
    named = {one["name"]: one for one in containers}
    for container in containers:
        for wait in container.get("dependsOn") or []:
            other, condition = named.get(wait["containerName"]), wait["condition"]
            if other is None or other is container:
                raise refused(f"Invalid 'dependsOn' setting for container: '{container['name']}'. "
                              f"Unknown container '{wait['containerName']}'.")
            if condition in ("COMPLETE", "SUCCESS") and other.get("essential", True):
                raise refused(f"A container with the essential parameter marked as true cannot be a dependency with "
                              f"condition {condition}: '{other['name']}'.")
            if condition == "HEALTHY" and not other.get("healthCheck"):
                raise refused(f"When using the HEALTHY condition, container '{other['name']}' must have a health check.")
    waiting, done = dict(named), set()
    while ready := [name for name, one in waiting.items()
                    if all(wait["containerName"] in done for wait in one.get("dependsOn") or [])]:
        done.update(ready)
        for name in ready:
            del waiting[name]
    if waiting:
        raise refused(f"Container dependencies are circular: {', '.join(waiting)}.")


def _check_health(container: dict) -> None:
    check = container.get("healthCheck")
    if not check:
        return
    if not check.get("command") or check["command"][0] not in ("CMD", "CMD-SHELL", "NONE"):
        raise refused(f"Invalid healthCheck command for container '{container['name']}': it must begin with CMD or CMD-SHELL.")
    for name, least, most in (("interval", 5, 300), ("timeout", 2, 60), ("retries", 1, 10), ("startPeriod", 0, 300)):
        if name in check and not least <= int(check[name]) <= most:
            raise refused(f"Invalid health check {name} for container '{container['name']}': "
                          f"it must be between {least} and {most}.")


def _check_container(container: dict, request: dict, volumes: set[str]) -> None:
    name = container["name"]
    for mount in container.get("mountPoints") or []:
        if mount.get("sourceVolume") not in volumes:
            raise refused(f"Unknown volume '{mount.get('sourceVolume')}'.")
    variables = [one["name"] for one in container.get("environment") or []]
    for one in container.get("environment") or []:
        if not isinstance(one.get("value"), str):
            raise refused(f"The value of environment variable '{one['name']}' of container '{name}' is no text.")
    secrets = [one["name"] for one in container.get("secrets") or []]
    for one in secrets:
        if one in variables or secrets.count(one) > 1:
            raise refused("The secret name must be unique and not shared with any new or existing environment variables "
                          f"set on the container, such as '{one}'.")
    if secrets and not request.get("executionRoleArn"):
        raise refused("When you are specifying container secrets, you must also specify a value for 'executionRoleArn'.")
    if request.get("networkMode") == "awsvpc":
        for port in container.get("portMappings") or []:
            if port.get("hostPort", port.get("containerPort")) != port.get("containerPort"):
                raise refused("When networkMode=awsvpc, the host ports and container ports in port mappings must match.")
        for unsupported in ("links", "extraHosts"):
            if container.get(unsupported):
                raise refused(f"{unsupported} are not supported when networkMode=awsvpc.")
    if int(container.get("stopTimeout", 0)) > 120 and "FARGATE" in request.get("requiresCompatibilities", ()):
        raise refused(f"Invalid stopTimeout for container '{name}': at most 120 seconds on Fargate.")
    _check_health(container)


def _check_volume(volume: dict) -> None:
    files = volume.get("efsVolumeConfiguration")
    if not files or not (files.get("authorizationConfig") or {}).get("accessPointId"):
        return
    if files.get("transitEncryption") != "ENABLED":
        raise refused("EFS transit encryption must be enabled when an EFS access point is specified.")
    if files.get("rootDirectory", "/") != "/":
        raise refused("The root directory must be omitted or set to '/' when an EFS access point is specified.")


def check(request: dict) -> None:
    containers = request.get("containerDefinitions") or []
    names = [one.get("name") for one in containers]
    if len(set(names)) < len(names):
        raise refused("Container names must be unique.")
    if containers and not any(one.get("essential", True) for one in containers):
        raise refused("At least one container in a task definition must be marked as essential.")
    volumes = request.get("volumes") or []
    for volume in volumes:
        _check_volume(volume)
    for container in containers:
        _check_container(container, request, {one["name"] for one in volumes})
    _check_order(containers)
    if "FARGATE" in request.get("requiresCompatibilities", ()):
        _check_fargate(request)


class _TaskDefinition:
    """Ref is the ARN. Whatever changes but tags makes a new revision."""

    @staticmethod
    def _register(family: str, properties: dict) -> str:
        request = {**from_properties(properties), "family": family}
        return called(ecs._register_task_definition, request)["taskDefinition"]["taskDefinitionArn"]

    @staticmethod
    def create(logical_id, properties, stack_name):
        family = properties.get("Family") or generated_name(stack_name, logical_id).replace("-", "")[-255:]
        arn = _TaskDefinition._register(family, properties)
        return arn, {"TaskDefinitionArn": arn}

    @staticmethod
    def update(physical_id, old_properties, new_properties, stack_name, logical_id=None):
        without_tags = [{key: value for key, value in one.items() if key != "Tags"} for one in (old_properties, new_properties)]
        if without_tags[0] == without_tags[1]:
            return physical_id, {"TaskDefinitionArn": physical_id}
        family = new_properties.get("Family") or physical_id.rpartition("/")[2].rpartition(":")[0]
        arn = _TaskDefinition._register(family, new_properties)
        return arn, {"TaskDefinitionArn": arn}

    @staticmethod
    def delete(physical_id, _properties):
        ecs._deregister_task_definition({"taskDefinition": physical_id})


def install() -> None:
    new = checked(ecs._register_task_definition, check)
    replace(ecs, "_register_task_definition", new)
    ecs._ACTION_MAP["RegisterTaskDefinition"] = new
    provisioners._RESOURCE_HANDLERS["AWS::ECS::TaskDefinition"].update(
        create=_TaskDefinition.create, update=_TaskDefinition.update, delete=_TaskDefinition.delete,
        update_with_logical_id=True)
