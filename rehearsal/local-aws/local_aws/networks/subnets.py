"""VPCs, subnets and route tables: blocks of addresses that fit, zones that exist, and the VPC they belong to."""

from __future__ import annotations

import ipaddress

from ministack.core.responses import AccountRegionScopedDict, get_region
from ministack.services import ec2
from ministack.services.cloudformation import provisioners

from .dependencies import refused

NEEDS = {
    "ministack.services.cloudformation.provisioners:_RESOURCE_HANDLERS": dict,
    "ministack.services.cloudformation.provisioners:_ec2_rtb_create": "logical_id, props, stack_name",
    "ministack.services.cloudformation.provisioners:_ec2_subnet_create": "logical_id, props, stack_name",
    "ministack.services.cloudformation.provisioners:_ec2_subnet_rtb_assoc_create": "logical_id, props, stack_name",
    "ministack.services.cloudformation.provisioners:_ec2_subnet_rtb_assoc_delete": "physical_id, props",
    "ministack.services.cloudformation.provisioners:_ec2_subnet_update":
        "physical_id, old_props, new_props, stack_name, logical_id",
    "ministack.services.cloudformation.provisioners:_ec2_vpc_create": "logical_id, props, stack_name",
    "ministack.services.cloudformation.provisioners:_ec2_vpc_update":
        "physical_id, old_props, new_props, stack_name, logical_id",
    "ministack.services.ec2:_route_tables": AccountRegionScopedDict,
    "ministack.services.ec2:_subnets": AccountRegionScopedDict,
    "ministack.services.ec2:_vpcs": AccountRegionScopedDict,
}

# EC2 keeps the first four addresses of a subnet and the last.
_KEPT = 5


def address_range(text: str) -> ipaddress.IPv4Network:
    """Any range of addresses."""
    try:
        return ipaddress.IPv4Network(text)
    except ValueError:
        raise refused("InvalidParameterValue",
                      f"Value ({text}) for parameter cidrBlock is invalid. This is not a valid CIDR block.") from None


def block(text: str) -> ipaddress.IPv4Network:
    """A block of a VPC or subnet: 16 to 65,536 addresses."""
    found = address_range(text)
    if not 16 <= found.prefixlen <= 28:
        raise refused("InvalidVpc.Range", f"The CIDR '{text}' is invalid.")
    return found


def vpc(identifier: str) -> dict:
    found = ec2._vpcs.get(identifier)
    if found is None:
        raise refused("InvalidVpcID.NotFound", f"The vpc ID '{identifier}' does not exist")
    return found


def subnet(identifier: str) -> dict:
    found = ec2._subnets.get(identifier)
    if found is None:
        raise refused("InvalidSubnetID.NotFound", f"The subnet ID '{identifier}' does not exist")
    return found


def _check_subnet(properties: dict) -> None:
    home = vpc(properties.get("VpcId", ""))
    text = properties.get("CidrBlock", "")
    wanted = block(text)
    if not wanted.subnet_of(ipaddress.IPv4Network(home["CidrBlock"])):
        raise refused("InvalidSubnet.Range", f"The CIDR '{text}' is invalid.")
    for other in ec2._subnets.values():
        if other["VpcId"] == home["VpcId"] and wanted.overlaps(ipaddress.IPv4Network(other["CidrBlock"])):
            raise refused("InvalidSubnet.Conflict", f"The CIDR '{text}' conflicts with another subnet")
    zones = [f"{get_region()}{letter}" for letter in "abc"]
    zone = properties.get("AvailabilityZone")
    if zone and zone not in zones:
        raise refused("InvalidParameterValue",
                      f"Value ({zone}) for parameter availabilityZone is invalid. Subnets can currently only be created "
                      f"in the following availability zones: {', '.join(zones)}.")


class _Vpc:
    @staticmethod
    def create(logical_id, properties, stack_name):
        block(properties.get("CidrBlock", ""))
        identifier, attributes = provisioners._ec2_vpc_create(logical_id, properties, stack_name)
        return identifier, {**attributes, "CidrBlock": properties["CidrBlock"]}

    @staticmethod
    def update(physical_id, old_properties, new_properties, stack_name, logical_id=None):
        block(new_properties.get("CidrBlock", ""))
        identifier, attributes = provisioners._ec2_vpc_update(
            physical_id, old_properties, new_properties, stack_name, logical_id)
        return identifier, {**attributes, "CidrBlock": new_properties["CidrBlock"]}


class _Subnet:
    @staticmethod
    def create(logical_id, properties, stack_name):
        _check_subnet(properties)
        identifier, attributes = provisioners._ec2_subnet_create(logical_id, properties, stack_name)
        available = block(properties["CidrBlock"]).num_addresses - _KEPT
        ec2._subnets[identifier]["AvailableIpAddressCount"] = available
        return identifier, {**attributes, "VpcId": properties["VpcId"], "CidrBlock": properties["CidrBlock"]}

    @staticmethod
    def update(physical_id, old_properties, new_properties, stack_name, logical_id=None):
        replaced = ("VpcId", "CidrBlock", "AvailabilityZone")
        if any(old_properties.get(name) != new_properties.get(name) for name in replaced):
            # The predecessor goes in the clean-up.
            return _Subnet.create(logical_id or physical_id, new_properties, stack_name)
        identifier, attributes = provisioners._ec2_subnet_update(
            physical_id, old_properties, new_properties, stack_name, logical_id)
        return identifier, {**attributes, "VpcId": new_properties["VpcId"], "CidrBlock": new_properties["CidrBlock"]}


def _create_route_table(logical_id, properties, stack_name):
    vpc(properties.get("VpcId", ""))
    return provisioners._ec2_rtb_create(logical_id, properties, stack_name)


class _Association:
    """A subnet has one route table of its own at most."""

    @staticmethod
    def create(logical_id, properties, stack_name):
        identifier = properties.get("RouteTableId", "")
        table = ec2._route_tables.get(identifier)
        if table is None:
            raise refused("InvalidRouteTableID.NotFound", f"The routeTable ID '{identifier}' does not exist")
        home = subnet(properties.get("SubnetId", ""))
        if home["VpcId"] != table["VpcId"]:
            raise refused("InvalidParameterValue",
                          f"Route table {identifier} and network {home['SubnetId']} belong to different networks")
        taken = (one.get("SubnetId") for other in ec2._route_tables.values() for one in other["Associations"])
        if home["SubnetId"] in taken:
            raise refused("Resource.AlreadyAssociated", "the specified association for route table "
                          f"{identifier} conflicts with an existing association")
        return provisioners._ec2_subnet_rtb_assoc_create(logical_id, properties, stack_name)

    @staticmethod
    def update(physical_id, old_properties, new_properties, stack_name, logical_id=None):
        # ReplaceRouteTableAssociation changes the table without a moment in between.
        provisioners._ec2_subnet_rtb_assoc_delete(physical_id, old_properties)
        return _Association.create(logical_id or physical_id, new_properties, stack_name)


def install() -> None:
    handlers = provisioners._RESOURCE_HANDLERS
    handlers["AWS::EC2::VPC"].update(create=_Vpc.create, update=_Vpc.update)
    handlers["AWS::EC2::Subnet"].update(create=_Subnet.create, update=_Subnet.update)
    handlers["AWS::EC2::RouteTable"]["create"] = _create_route_table
    handlers["AWS::EC2::SubnetRouteTableAssociation"].update(
        create=_Association.create, update=_Association.update, update_with_logical_id=True)
