"""Flow logs of stacks: of something that exists, through a role that flow logs may assume. No traffic is logged."""

from __future__ import annotations

import json

from ministack.core.responses import AccountRegionScopedDict, AccountScopedDict
from ministack.services import ec2, iam
from ministack.services.cloudformation import provisioners

from ..refusals import called
from .dependencies import refused

NEEDS = {
    "ministack.services.cloudformation.provisioners:_RESOURCE_HANDLERS": dict,
    "ministack.services.cloudformation.provisioners:_ec2_apply_tags": "physical_id, props, old_props",
    "ministack.services.ec2:_create_flow_logs": "params",
    "ministack.services.ec2:_delete_flow_logs": "params",
    "ministack.services.ec2:_flow_logs": AccountRegionScopedDict,
    "ministack.services.ec2:_subnets": AccountRegionScopedDict,
    "ministack.services.ec2:_vpcs": AccountRegionScopedDict,
    "ministack.services.iam:_roles": AccountScopedDict,
}

_SERVICE = "vpc-flow-logs.amazonaws.com"


def _trusts_flow_logs(role: dict) -> bool:
    document = role.get("AssumeRolePolicyDocument") or {}
    document = json.loads(document) if isinstance(document, str) else document
    statements = document.get("Statement", [])
    for statement in [statements] if isinstance(statements, dict) else statements:
        principal = statement.get("Principal")
        services = principal.get("Service", []) if isinstance(principal, dict) else []
        if statement.get("Effect") == "Allow" and _SERVICE in ([services] if isinstance(services, str) else services):
            return True
    return False


def _check(properties: dict) -> None:
    known = {"VPC": ec2._vpcs, "Subnet": ec2._subnets}.get(properties["ResourceType"])
    if known is not None and properties["ResourceId"] not in known:
        raise refused(f"Invalid{properties['ResourceType']}Id.NotFound", f"The ID '{properties['ResourceId']}' does not exist")
    if properties.get("LogDestinationType", "cloud-watch-logs") != "cloud-watch-logs":
        return
    if not properties.get("LogGroupName") and not properties.get("LogDestination"):
        raise refused("InvalidParameter", "LogGroupName or LogDestination is needed")
    name = properties.get("DeliverLogsPermissionArn", "").rpartition("/")[2]
    role = iam._roles.get(name)
    if role is None or not _trusts_flow_logs(role):
        raise refused("InvalidParameter", "Access error: the role may not be assumed by flow logs")


class _FlowLog:
    """Ref is its id. Everything but tags replaces it."""

    @staticmethod
    def create(_logical_id, properties, _stack_name):
        _check(properties)
        request = {"ResourceId.1": [properties["ResourceId"]]}
        for name in ("ResourceType", "TrafficType", "LogDestinationType", "LogDestination", "LogGroupName"):
            if properties.get(name):
                request[name] = [properties[name]]
        before = set(ec2._flow_logs)
        called("Ec2", ec2._create_flow_logs, request)
        [identifier] = set(ec2._flow_logs) - before
        provisioners._ec2_apply_tags(identifier, properties)
        return identifier, {"Id": identifier}

    @staticmethod
    def update(physical_id, old_properties, new_properties, stack_name, logical_id=None):
        if {**old_properties, "Tags": []} != {**new_properties, "Tags": []}:
            return _FlowLog.create(logical_id, new_properties, stack_name)
        provisioners._ec2_apply_tags(physical_id, new_properties, old_properties)
        return physical_id, {"Id": physical_id}

    @staticmethod
    def delete(physical_id, _properties):
        called("Ec2", ec2._delete_flow_logs, {"FlowLogId.1": [physical_id]})


def install() -> None:
    provisioners._RESOURCE_HANDLERS["AWS::EC2::FlowLog"] = {
        "create": _FlowLog.create, "update": _FlowLog.update, "delete": _FlowLog.delete, "update_with_logical_id": True,
    }
