"""Internet gateways, NAT gateways and the routes to them."""

from __future__ import annotations

from ministack.core.responses import AccountRegionScopedDict
from ministack.services import ec2
from ministack.services.cloudformation import provisioners

from ..patching import replace
from ..refusals import Refused, called
from . import subnets
from .dependencies import refused

NEEDS = {
    "ministack.services.cloudformation.provisioners:_RESOURCE_HANDLERS": dict,
    "ministack.services.cloudformation.provisioners:_ec2_apply_tags": "physical_id, props, old_props",
    "ministack.services.cloudformation.provisioners:_ec2_route_create": "logical_id, props, stack_name",
    "ministack.services.cloudformation.provisioners:_ec2_route_update":
        "physical_id, old_props, new_props, stack_name, logical_id",
    "ministack.services.cloudformation.provisioners:_ec2_vpc_gw_attach_create":
        "logical_id, props, stack_name, replacing",
    "ministack.services.ec2:_ACTION_MAP": dict,
    "ministack.services.ec2:_addresses": AccountRegionScopedDict,
    "ministack.services.ec2:_create_nat_gateway": "params",
    "ministack.services.ec2:_delete_nat_gateway": "params",
    "ministack.services.ec2:_error": "code, message, status",
    "ministack.services.ec2:_internet_gateways": AccountRegionScopedDict,
    "ministack.services.ec2:_nat_gateways": AccountRegionScopedDict,
    "ministack.services.ec2:_p": "params, key, default",
    "ministack.services.ec2:_route_tables": AccountRegionScopedDict,
    "ministack.services.ec2:_tags": AccountRegionScopedDict,
    "ministack.services.ec2:_vpcs": AccountRegionScopedDict,
}


def _attached(vpc: str) -> bool:
    return any(each["VpcId"] == vpc for one in ec2._internet_gateways.values() for each in one["Attachments"])


def address(allocation: str) -> dict:
    found = ec2._addresses.get(allocation)
    if found is None:
        raise refused("InvalidAllocationID.NotFound", f"The allocation ID '{allocation}' does not exist")
    return found


def _check_nat_gateway(subnet_id: str, allocation: str) -> None:
    home = subnets.subnet(subnet_id)
    if not allocation:
        raise refused("MissingParameter", "The request must contain the parameter AllocationId")
    if address(allocation)["AssociationId"]:
        raise refused("Resource.AlreadyAssociated",
                      f"Elastic IP address [{allocation}] is already associated")
    if not _attached(home["VpcId"]):
        raise refused("Gateway.NotAttached", f"Network {home['VpcId']} has no Internet gateway attached")


def _create(operation):
    def create(params):
        allocation, connectivity = ec2._p(params, "AllocationId"), ec2._p(params, "ConnectivityType") or "public"
        try:
            if connectivity == "public":
                _check_nat_gateway(ec2._p(params, "SubnetId"), allocation)
        except Refused as error:
            return ec2._error(error.code, error.message, error.status)
        before = set(ec2._nat_gateways)
        answer = operation(params)
        for identifier in set(ec2._nat_gateways) - before:
            if connectivity == "public":
                address(allocation)["AssociationId"] = "eipassoc-" + identifier.removeprefix("nat-")
        return answer
    return create


def _delete(operation):
    def delete(params):
        gateway = ec2._nat_gateways.get(ec2._p(params, "NatGatewayId"))
        answer = operation(params)
        if gateway and (held := ec2._addresses.get(gateway.get("AllocationId") or "")):
            held["AssociationId"] = None
        return answer
    return delete


class _NatGateway:
    """Ref is its id."""

    @staticmethod
    def create(_logical_id, properties, _stack_name):
        request = {"SubnetId": [properties["SubnetId"]],
                   "ConnectivityType": [properties.get("ConnectivityType", "public")]}
        if properties.get("AllocationId"):
            request["AllocationId"] = [properties["AllocationId"]]
        before = set(ec2._nat_gateways)
        called("Ec2", ec2._create_nat_gateway, request)
        [identifier] = set(ec2._nat_gateways) - before
        provisioners._ec2_apply_tags(identifier, properties)
        return identifier, {"NatGatewayId": identifier}

    @staticmethod
    def update(physical_id, old_properties, new_properties, stack_name, logical_id=None):
        if any(old_properties.get(name) != new_properties.get(name)
               for name in ("SubnetId", "AllocationId", "ConnectivityType")):
            return _NatGateway.create(logical_id, new_properties, stack_name)
        provisioners._ec2_apply_tags(physical_id, new_properties, old_properties)
        return physical_id, {"NatGatewayId": physical_id}

    @staticmethod
    def delete(physical_id, _properties):
        if (ec2._nat_gateways.get(physical_id) or {}).get("State", "deleted") != "deleted":
            called("Ec2", ec2._delete_nat_gateway, {"NatGatewayId": [physical_id]})
        ec2._tags.pop(physical_id, None)


def _attach(logical_id, properties, stack_name):
    identifier = properties.get("InternetGatewayId", "")
    gateway = ec2._internet_gateways.get(identifier)
    if gateway is None:
        raise refused("InvalidInternetGatewayID.NotFound", f"The internetGateway ID '{identifier}' does not exist")
    home = subnets.vpc(properties.get("VpcId", ""))["VpcId"]
    if _attached(home) and not any(each["VpcId"] == home for each in gateway["Attachments"]):
        raise refused("InvalidParameterValue", f"Network {home} already has an internet gateway attached")
    return provisioners._ec2_vpc_gw_attach_create(logical_id, properties, stack_name)


def _check_route(properties: dict) -> None:
    identifier = properties.get("RouteTableId", "")
    table = ec2._route_tables.get(identifier)
    if table is None:
        raise refused("InvalidRouteTableID.NotFound", f"The routeTable ID '{identifier}' does not exist")
    if gateway := properties.get("GatewayId"):
        found = ec2._internet_gateways.get(gateway)
        if found is None:
            raise refused("InvalidGatewayID.NotFound", f"The gateway ID '{gateway}' does not exist")
        if not any(each["VpcId"] == table["VpcId"] for each in found["Attachments"]):
            raise refused("InvalidParameterValue",
                          f"route table {identifier} and network gateway {gateway} belong to different networks")
    if nat := properties.get("NatGatewayId"):
        found = ec2._nat_gateways.get(nat)
        if found is None or found["State"] == "deleted":
            raise refused("InvalidNatGatewayID.NotFound", f"The natGateway ID '{nat}' does not exist")
        if found["VpcId"] != table["VpcId"]:
            raise refused("InvalidParameterValue",
                          f"route table {identifier} and network gateway {nat} belong to different networks")


class _Route:
    @staticmethod
    def create(logical_id, properties, stack_name):
        _check_route(properties)
        table = ec2._route_tables[properties["RouteTableId"]]
        destination = properties.get("DestinationCidrBlock")
        if any(one.get("DestinationCidrBlock") == destination for one in table["Routes"]):
            raise refused("RouteAlreadyExists", f"The route identified by {destination} already exists.")
        return provisioners._ec2_route_create(logical_id, properties, stack_name)

    @staticmethod
    def update(physical_id, old_properties, new_properties, stack_name, logical_id=None):
        _check_route(new_properties)
        return provisioners._ec2_route_update(physical_id, old_properties, new_properties, stack_name, logical_id)


def install() -> None:
    for action, function, wrapped in (
        ("CreateNatGateway", "_create_nat_gateway", _create), ("DeleteNatGateway", "_delete_nat_gateway", _delete),
    ):
        new = wrapped(getattr(ec2, function))
        replace(ec2, function, new)
        ec2._ACTION_MAP[action] = new
    handlers = provisioners._RESOURCE_HANDLERS
    handlers["AWS::EC2::NatGateway"] = {
        "create": _NatGateway.create, "update": _NatGateway.update, "delete": _NatGateway.delete,
        "update_with_logical_id": True,
    }
    handlers["AWS::EC2::VPCGatewayAttachment"]["create"] = _attach
    handlers["AWS::EC2::Route"].update(create=_Route.create, update=_Route.update)
