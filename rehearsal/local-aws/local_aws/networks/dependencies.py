"""What EC2 does not delete, release or detach while it is used, whoever asks: the API or a stack."""

from __future__ import annotations

from collections.abc import Callable

from ministack.core.responses import AccountRegionScopedDict
from ministack.services import ec2
from ministack.services.cloudformation import provisioners

from ..patching import replace
from ..refusals import Refused
from . import interfaces

NEEDS = {
    "ministack.services.cloudformation.provisioners:_RESOURCE_HANDLERS": dict,
    "ministack.services.cloudformation.provisioners:_ec2_igw_delete": "physical_id, props",
    "ministack.services.cloudformation.provisioners:_ec2_rtb_delete": "physical_id, props",
    "ministack.services.cloudformation.provisioners:_ec2_sg_delete": "physical_id, props",
    "ministack.services.cloudformation.provisioners:_ec2_subnet_delete": "physical_id, props",
    "ministack.services.cloudformation.provisioners:_ec2_vpc_delete": "physical_id, props",
    "ministack.services.cloudformation.provisioners:_ec2_vpc_gw_attach_delete": "physical_id, props",
    "ministack.services.ec2:_ACTION_MAP": dict,
    "ministack.services.ec2:_addresses": AccountRegionScopedDict,
    "ministack.services.ec2:_delete_internet_gateway": "p",
    "ministack.services.ec2:_delete_route_table": "p",
    "ministack.services.ec2:_delete_security_group": "p",
    "ministack.services.ec2:_delete_subnet": "p",
    "ministack.services.ec2:_delete_vpc": "p",
    "ministack.services.ec2:_detach_internet_gateway": "p",
    "ministack.services.ec2:_error": "code, message, status",
    "ministack.services.ec2:_internet_gateways": AccountRegionScopedDict,
    "ministack.services.ec2:_nat_gateways": AccountRegionScopedDict,
    "ministack.services.ec2:_p": "params, key, default",
    "ministack.services.ec2:_release_address": "p",
    "ministack.services.ec2:_route_tables": AccountRegionScopedDict,
    "ministack.services.ec2:_security_groups": AccountRegionScopedDict,
    "ministack.services.ec2:_subnets": AccountRegionScopedDict,
    "ministack.services.ec2:_vpc_endpoints": AccountRegionScopedDict,
}


def refused(code: str, message: str) -> Refused:
    return Refused("Ec2", code, message)


def _violation(what: str, identifier: str) -> Refused:
    return refused("DependencyViolation", f"The {what} '{identifier}' has dependencies and cannot be deleted.")


def check_vpc(vpc: str) -> None:
    """Subnets, gateways and own security groups are looked at by MiniStack."""
    tables = [one for one in ec2._route_tables.values() if one["VpcId"] == vpc]
    if any(not any(each.get("Main") for each in one["Associations"]) for one in tables):
        raise _violation("vpc", vpc)
    if any(one["VpcId"] == vpc for one in ec2._vpc_endpoints.values()):
        raise _violation("vpc", vpc)


def check_subnet(subnet: str) -> None:
    if interfaces.in_subnet(subnet):
        raise _violation("subnet", subnet)


def _rules_naming(group: str) -> bool:
    """Whether another group's rule names a group."""
    return any(
        pair.get("GroupId") == group
        for identifier, other in ec2._security_groups.items() if identifier != group
        for rule in [*other.get("IpPermissions", []), *other.get("IpPermissionsEgress", [])]
        for pair in rule.get("UserIdGroupPairs", [])
    )


def check_group(group: str) -> None:
    if interfaces.with_group(group) or _rules_naming(group):
        raise refused("DependencyViolation", f"resource {group} has a dependent object")


def check_route_table(table: str) -> None:
    if (ec2._route_tables.get(table) or {}).get("Associations"):
        raise refused("DependencyViolation",
                      f"The routeTable '{table}' has dependencies and cannot be deleted.")


def check_address(allocation: str) -> None:
    if (ec2._addresses.get(allocation) or {}).get("AssociationId"):
        raise refused("InvalidIPAddress.InUse", f"Address {allocation} is in use.")


def check_gateway(gateway: str) -> None:
    if (ec2._internet_gateways.get(gateway) or {}).get("Attachments"):
        raise refused("DependencyViolation",
                      f"The internetGateway '{gateway}' has dependencies and cannot be deleted.")


def check_attachment(vpc: str) -> None:
    """An internet gateway stays while anything in the VPC has a public address."""
    if any(one["VpcId"] == vpc and one["State"] != "deleted" for one in ec2._nat_gateways.values()):
        raise refused("DependencyViolation",
                      f"Network {vpc} has some mapped public address(es). "
                      "Please unmap those public address(es) before detaching the gateway.")


def _answers(operation, name: str, check: Callable[[str], None]):
    """An operation of the API that checks what its parameter names first."""
    def checked(p):
        try:
            check(ec2._p(p, name))
        except Refused as error:
            return ec2._error(error.code, error.message, error.status)
        return operation(p)
    return checked


def _handler(delete, check: Callable[[str], None]):
    def checked(physical_id, properties):
        check(physical_id)
        delete(physical_id, properties)
    return checked


def install() -> None:
    operations = (
        ("DeleteVpc", "_delete_vpc", "VpcId", check_vpc),
        ("DeleteSubnet", "_delete_subnet", "SubnetId", check_subnet),
        ("DeleteSecurityGroup", "_delete_security_group", "GroupId", check_group),
        ("DeleteRouteTable", "_delete_route_table", "RouteTableId", check_route_table),
        ("ReleaseAddress", "_release_address", "AllocationId", check_address),
        ("DeleteInternetGateway", "_delete_internet_gateway", "InternetGatewayId", check_gateway),
        ("DetachInternetGateway", "_detach_internet_gateway", "VpcId", check_attachment),
    )
    for action, function, name, check in operations:
        new = _answers(getattr(ec2, function), name, check)
        replace(ec2, function, new)
        ec2._ACTION_MAP[action] = new
    types = (
        ("VPC", provisioners._ec2_vpc_delete, check_vpc),
        ("Subnet", provisioners._ec2_subnet_delete, check_subnet),
        ("SecurityGroup", provisioners._ec2_sg_delete, check_group),
        ("RouteTable", provisioners._ec2_rtb_delete, check_route_table),
        ("InternetGateway", provisioners._ec2_igw_delete, check_gateway),
        ("VPCGatewayAttachment", provisioners._ec2_vpc_gw_attach_delete, lambda one: check_attachment(one.split("|")[1])),
    )
    for name, delete, check in types:
        provisioners._RESOURCE_HANDLERS[f"AWS::EC2::{name}"]["delete"] = _handler(delete, check)
