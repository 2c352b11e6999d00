"""Security groups: in a VPC that exists, with rules that name groups that exist."""

from __future__ import annotations

from ministack.core.responses import AccountRegionScopedDict
from ministack.services import ec2
from ministack.services.cloudformation import provisioners

from . import subnets
from .dependencies import refused

NEEDS = {
    "ministack.services.cloudformation.provisioners:_RESOURCE_HANDLERS": dict,
    "ministack.services.cloudformation.provisioners:_ec2_sg_create": "logical_id, props, stack_name",
    "ministack.services.cloudformation.provisioners:_ec2_sg_update":
        "physical_id, old_props, new_props, stack_name, logical_id",
    "ministack.services.ec2:_security_groups": AccountRegionScopedDict,
}


def group(identifier: str) -> dict:
    found = ec2._security_groups.get(identifier)
    if found is None:
        raise refused("InvalidGroup.NotFound", f"The security group '{identifier}' does not exist")
    return found


def _check_rule(rule: dict) -> None:
    for name in ("SourceSecurityGroupId", "DestinationSecurityGroupId"):
        if rule.get(name):
            group(rule[name])
    if rule.get("CidrIp"):
        subnets.address_range(rule["CidrIp"])


def _check(properties: dict) -> None:
    if properties.get("VpcId"):
        subnets.vpc(properties["VpcId"])
    for name in ("SecurityGroupIngress", "SecurityGroupEgress"):
        for rule in properties.get(name) or []:
            _check_rule(rule)


class _Group:
    @staticmethod
    def create(logical_id, properties, stack_name):
        _check(properties)
        return provisioners._ec2_sg_create(logical_id, properties, stack_name)

    @staticmethod
    def update(physical_id, old_properties, new_properties, stack_name, logical_id=None):
        _check(new_properties)
        return provisioners._ec2_sg_update(physical_id, old_properties, new_properties, stack_name, logical_id)


def _checked_rule(create):
    def checked(logical_id, properties, stack_name):
        _check_rule(properties)
        return create(logical_id, properties, stack_name)
    return checked


def install() -> None:
    handlers = provisioners._RESOURCE_HANDLERS
    handlers["AWS::EC2::SecurityGroup"].update(create=_Group.create, update=_Group.update)
    for name in ("Ingress", "Egress"):
        rule = handlers["AWS::EC2::SecurityGroup" + name]
        rule["create"] = _checked_rule(rule["create"])
