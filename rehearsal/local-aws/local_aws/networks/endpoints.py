"""VPC endpoints of stacks: for a service of the region, in the VPC's own subnets, tables and groups."""

from __future__ import annotations

from ministack.core.responses import AccountRegionScopedDict, get_region
from ministack.services import ec2
from ministack.services.cloudformation import provisioners

from . import subnets
from .dependencies import refused
from .security_groups import group

NEEDS = {
    "ministack.services.cloudformation.provisioners:_RESOURCE_HANDLERS": dict,
    "ministack.services.cloudformation.provisioners:_ec2_vpc_endpoint_create": "logical_id, props, stack_name",
    "ministack.services.cloudformation.provisioners:_ec2_vpc_endpoint_update":
        "physical_id, old_props, new_props, stack_name",
    "ministack.services.ec2:_route_tables": AccountRegionScopedDict,
    "ministack.services.ec2:_vpc_endpoints": AccountRegionScopedDict,
}

_REPLACING = ("VpcId", "ServiceName", "VpcEndpointType")


def _check_interface(home: str, properties: dict) -> None:
    zones = [subnets.subnet(one)["AvailabilityZone"] for one in properties.get("SubnetIds") or []]
    if len(zones) != len(set(zones)):
        raise refused("DuplicateSubnetsInSameZone",
                      "Found another VPC endpoint subnet in the availability zone of a subnet.")
    for one in properties.get("SecurityGroupIds") or []:
        if group(one)["VpcId"] != home:
            raise refused("InvalidGroup.NotFound", f"The security group '{one}' does not exist in VPC {home}")
    if properties.get("PrivateDnsEnabled") and any(
        one["VpcId"] == home and one["ServiceName"] == properties["ServiceName"] and one.get("PrivateDnsEnabled")
        for one in ec2._vpc_endpoints.values()
    ):
        raise refused("InvalidParameter", "private-dns-enabled cannot be set because there is already a conflicting "
                      f"DNS domain for {properties['ServiceName']} in the VPC {home}")


def _check(properties: dict) -> None:
    home = subnets.vpc(properties.get("VpcId", ""))["VpcId"]
    service = properties.get("ServiceName", "")
    if not service.startswith(f"com.amazonaws.{get_region()}."):
        raise refused("InvalidServiceName", f"The Vpc Endpoint Service '{service}' does not exist")
    for one in properties.get("RouteTableIds") or []:
        if (ec2._route_tables.get(one) or {}).get("VpcId") != home:
            raise refused("InvalidRouteTableId.NotFound", f"The routeTable ID '{one}' does not exist")
    if properties.get("VpcEndpointType") == "Interface":
        _check_interface(home, properties)


class _Endpoint:
    @staticmethod
    def create(logical_id, properties, stack_name):
        _check(properties)
        return provisioners._ec2_vpc_endpoint_create(logical_id, properties, stack_name)

    @staticmethod
    def update(physical_id, old_properties, new_properties, stack_name):
        if any(old_properties.get(name) != new_properties.get(name) for name in _REPLACING):
            return _Endpoint.create("", new_properties, stack_name)
        return provisioners._ec2_vpc_endpoint_update(physical_id, old_properties, new_properties, stack_name)


def install() -> None:
    provisioners._RESOURCE_HANDLERS["AWS::EC2::VPCEndpoint"].update(create=_Endpoint.create, update=_Endpoint.update)
