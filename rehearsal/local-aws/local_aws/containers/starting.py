"""Why a task could not start: what ECS would find out only when it pulls, mounts, logs and connects.

The words are those that a stopped task shows as its reason, as far as AWS documents them.
"""

from __future__ import annotations

import json
from collections.abc import Iterator

from ministack.core.responses import AccountRegionScopedDict, get_account_id, get_region
from ministack.services import alb, cloudwatch_logs, efs, kms, secretsmanager

from ..networks import reachability
from . import permissions

NEEDS = {
    "ministack.services.alb:_lbs": AccountRegionScopedDict,
    "ministack.services.alb:_tgs": AccountRegionScopedDict,
    "ministack.services.cloudwatch_logs:_log_groups": AccountRegionScopedDict,
    "ministack.services.efs:_access_points": AccountRegionScopedDict,
    "ministack.services.efs:_file_systems": AccountRegionScopedDict,
    "ministack.services.efs:_mount_targets": AccountRegionScopedDict,
    "ministack.services.kms:_resolve_key": "key_id_or_arn",
    "ministack.services.secretsmanager:_resolve": "secret_id, *, use_arn_scope",
    "ministack.services.secretsmanager:_secrets": AccountRegionScopedDict,
}

_INITIALIZATION = "ResourceInitializationError: "
_SECRETS = _INITIALIZATION + "unable to pull secrets or registry auth: execution resource retrieval failed: "
_NFS = 2049


def _secret_problem(role: str, reference: str) -> str | None:
    """A secret by its ARN, with `:key:stage:version` behind it or not."""
    parts = reference.split(":")
    if parts[:1] != ["arn"] or len(parts) < 7:
        return f"invalid secret reference {reference}"
    arn, key = ":".join(parts[:7]), (parts[7] if len(parts) > 7 else "")
    _name, secret = secretsmanager._resolve(arn)
    if secret is None or secret.get("DeletedDate"):
        return f"failed to fetch secret {arn}: ResourceNotFoundException: Secrets Manager can't find the specified secret."
    if not permissions.role_may(role, "secretsmanager:GetSecretValue", secret["ARN"]):
        return f"failed to fetch secret {arn}: AccessDeniedException: {role} is not authorized to perform " \
               f"secretsmanager:GetSecretValue"
    key_id = secret.get("KmsKeyId") or ""
    if key_id and "alias/aws/" not in key_id:
        held = kms._resolve_key(key_id)
        via = {"kms__ViaService": f"secretsmanager.{get_region()}.amazonaws.com"}
        if held is None or not permissions.role_may(role, "kms:Decrypt", held["Arn"], held.get("Policy") or "", **via):
            return f"failed to fetch secret {arn}: AccessDeniedException: Access to KMS is not allowed"
    current = next((one for one in secret["Versions"].values() if "AWSCURRENT" in one["Stages"]), None)
    if current is None:
        return f"failed to fetch secret {arn}: ResourceNotFoundException: " \
               "Secrets Manager can't find the specified secret value for staging label: AWSCURRENT"
    if key:
        try:
            document = json.loads(current["SecretString"])
        except (TypeError, ValueError):
            document = None
        if not isinstance(document, dict) or key not in document:
            return f"retrieved secret from Secrets Manager did not contain json key {key}"
    return None


def _secrets(definition: dict) -> Iterator[str]:
    for container in definition["containerDefinitions"]:
        for one in container.get("secrets") or []:
            if problem := _secret_problem(definition.get("executionRoleArn") or "", one["valueFrom"]):
                yield f"{_SECRETS}{container['name']}: {one['name']}: {problem}"


def _logs(definition: dict) -> Iterator[str]:
    role = definition.get("executionRoleArn") or ""
    for container in definition["containerDefinitions"]:
        log = container.get("logConfiguration") or {}
        if log.get("logDriver") != "awslogs":
            continue
        group = (log.get("options") or {}).get("awslogs-group", "")
        start = f"{_INITIALIZATION}failed to validate logger args: {container['name']}: "
        if group not in cloudwatch_logs._log_groups:
            yield f"{start}ResourceNotFoundException: The specified log group does not exist: {group}"
            continue
        arn = f"arn:aws:logs:{get_region()}:{get_account_id()}:log-group:{group}:log-stream:task"
        for action in ("logs:CreateLogStream", "logs:PutLogEvents"):
            if not permissions.role_may(role, action, arn):
                yield f"{start}AccessDeniedException: {role} is not authorized to perform {action} on {group}"


def _mount_problem(role: str, volume: dict, mount: dict, network: dict) -> str | None:
    files = mount["fileSystemId"]
    system = efs._file_systems.get(files)
    if system is None:
        return f"File system {files} does not exist"
    reachable = {one["SubnetId"] for one in efs._mount_targets.values() if one["FileSystemId"] == files and
                 reachability.connects(network["securityGroups"], one["SecurityGroups"], _NFS)}
    zones = {reachability.zone(one) for one in reachable}
    for subnet in network["subnets"]:
        if reachability.zone(subnet) not in zones:
            return f"no mount target of {files} can be reached from {subnet} (Failed to resolve, or timed out)"
    authorization = mount.get("authorizationConfig") or {}
    point = None
    if authorization.get("accessPointId"):
        point = efs._access_points.get(authorization["accessPointId"])
        if point is None or point["FileSystemId"] != files:
            return f"{authorization['accessPointId']} is no access point of {files}"
    if authorization.get("iam") == "ENABLED":
        context = {"elasticfilesystem__AccessedViaMountTarget": "true", "aws__SecureTransport": "true"}
        if point:
            context["elasticfilesystem__AccessPointArn"] = point["AccessPointArn"]
        allowed = role and permissions.role_may(
            role, "elasticfilesystem:ClientMount", system["FileSystemArn"], system.get("FileSystemPolicy") or None, **context)
        if not allowed:
            return f"mount.nfs4: access denied by server while mounting {volume['name']}"
    return None


def _mounts(definition: dict, network: dict) -> Iterator[str]:
    for volume in definition.get("volumes") or []:
        mount = volume.get("efsVolumeConfiguration")
        if mount and (problem := _mount_problem(definition.get("taskRoleArn") or "", volume, mount, network)):
            yield f"{_INITIALIZATION}failed to invoke EFS utils commands to set up EFS volumes: {volume['name']}: {problem}"


def _images(definition: dict, network: dict) -> Iterator[str]:
    public = network.get("assignPublicIp") == "ENABLED"
    for subnet in network["subnets"]:
        if not reachability.reaches_internet(subnet, public):
            yield f"CannotPullContainerError: {subnet} has no way to the internet for " \
                  f"{'a public' if public else 'no public'} address"
    if not reachability.may_leave(network["securityGroups"], 443):
        yield "CannotPullContainerError: the security groups let no task connect to port 443"
    role = definition.get("executionRoleArn") or ""
    for container in definition["containerDefinitions"]:
        if ".dkr.ecr." in container["image"] and not permissions.role_may(role, "ecr:GetAuthorizationToken", "*"):
            yield f"{_SECRETS}{container['name']}: {role} is not authorized to perform ecr:GetAuthorizationToken"


def _health_checks(service: dict, network: dict) -> Iterator[str]:
    """A load balancer whose security groups do not reach the tasks finds all of them unhealthy."""
    for one in service.get("loadBalancers") or []:
        for arn in (alb._tgs.get(one["targetGroupArn"]) or {}).get("LoadBalancerArns", []):
            groups = (alb._lbs.get(arn) or {}).get("SecurityGroups", [])
            if not reachability.connects(groups, network["securityGroups"], int(one["containerPort"])):
                yield f"Task failed ELB health checks in (target-group {one['targetGroupArn']}): " \
                      f"port {one['containerPort']} cannot be reached from the load balancer"


def _roles(definition: dict) -> Iterator[str]:
    for name in ("executionRoleArn", "taskRoleArn"):
        if definition.get(name) and not permissions.may_be_assumed(definition[name]):
            yield f"ECS was unable to assume the role '{definition[name]}' that was provided for this task."


def problems(definition: dict, service: dict) -> list[str]:
    """Everything that would keep a task of a service from running; nothing if it would run."""
    network = (service.get("networkConfiguration") or {}).get("awsvpcConfiguration")
    found = [*_roles(definition), *_secrets(definition), *_logs(definition)]
    if network:
        found += [*_mounts(definition, network), *_images(definition, network), *_health_checks(service, network)]
    return found


def install() -> None:
    """Nothing is patched."""
