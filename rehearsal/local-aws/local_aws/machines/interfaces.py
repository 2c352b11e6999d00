"""AWS::EC2::NetworkInterface, and AWS::EC2::EIPAssociation, which gives one an address that outlives the machine."""

from __future__ import annotations

import re

from ministack.core.responses import AccountRegionScopedDict, new_uuid
from ministack.services import ec2
from ministack.services.cloudformation import provisioners

from ..instances import states
from ..networks.dependencies import refused
from ..networks.subnets import subnet
from ..patching import replace
from ..refusals import called
from . import known

NEEDS: dict[str, str | type] = {
    "ministack.services.cloudformation.provisioners:_RESOURCE_HANDLERS": dict,
    "ministack.services.cloudformation.provisioners:_ec2_apply_tags": "physical_id, props, old_props",
    "ministack.services.ec2:_ACTION_MAP": dict,
    "ministack.services.ec2:_addresses": AccountRegionScopedDict,
    "ministack.services.ec2:_create_network_interface": "p",
    "ministack.services.ec2:_delete_network_interface": "p",
    "ministack.services.ec2:_disassociate_address": "p",
    "ministack.services.ec2:_internet_gateways": AccountRegionScopedDict,
    "ministack.services.ec2:_network_interfaces": AccountRegionScopedDict,
    "ministack.services.ec2:_p": "params, key, default",
    "ministack.services.ec2:_security_groups": AccountRegionScopedDict,
    "ministack.services.ec2:_tags": AccountRegionScopedDict,
}

_INTERFACE = "AWS::EC2::NetworkInterface"
_ASSOCIATION = "AWS::EC2::EIPAssociation"


def interface(identifier: str) -> dict:
    found = ec2._network_interfaces.get(identifier)
    if found is None:
        raise refused("InvalidNetworkInterfaceID.NotFound", f"The networkInterface ID '{identifier}' does not exist")
    return found


def _groups(properties: dict, vpc: str) -> list[dict]:
    found = []
    for identifier in properties.get("GroupSet") or []:
        group = ec2._security_groups.get(identifier)
        if group is None:
            raise refused("InvalidGroup.NotFound", f"The security group '{identifier}' does not exist")
        if group["VpcId"] != vpc:
            raise refused("InvalidParameterValue", "You have specified two resources that belong to different networks.")
        found.append({"GroupId": identifier, "GroupName": group["GroupName"]})
    return found


class _Interface:
    """Ref is the id."""

    @staticmethod
    def create(_logical_id, properties, _stack_name):
        known.check(_INTERFACE, properties, {"Description", "GroupSet", "SubnetId", "Tags"}, ("SubnetId",))
        home = subnet(properties["SubnetId"])
        groups = _groups(properties, home["VpcId"])
        body = called("Ec2", ec2._create_network_interface, {
            "SubnetId": [home["SubnetId"]], "Description": [properties.get("Description", "")]})
        identifier = re.search(r"eni-[0-9a-fA-F]+", body)[0]
        made = ec2._network_interfaces[identifier]
        if groups:
            made["Groups"] = groups
        provisioners._ec2_apply_tags(identifier, properties)
        return identifier, {"Id": identifier, "PrimaryPrivateIpAddress": made["PrivateIpAddress"], "VpcId": made["VpcId"]}

    @staticmethod
    def update(physical_id, old_properties, new_properties, stack_name, logical_id=None):
        if known.changed(old_properties, new_properties, "SubnetId"):
            return _Interface.create(logical_id, new_properties, stack_name)
        found = interface(physical_id)
        found["Groups"] = _groups(new_properties, found["VpcId"]) or found["Groups"]
        found["Description"] = new_properties.get("Description", "")
        provisioners._ec2_apply_tags(physical_id, new_properties, old_properties)
        return physical_id, {}

    @staticmethod
    def delete(physical_id, _properties):
        if physical_id in ec2._network_interfaces:
            called("Ec2", ec2._delete_network_interface, {"NetworkInterfaceId": [physical_id]})
            ec2._tags.pop(physical_id, None)


def _delete(delete):
    """One that is in use stays; with one that goes its address is free."""
    def checked(p):
        identifier = ec2._p(p, "NetworkInterfaceId")
        found = ec2._network_interfaces.get(identifier)
        if found and found.get("Attachment"):
            return ec2._error("InvalidParameterValue", f"Network interface '{identifier}' is currently in use.", 400)
        answer = delete(p)
        for address in ec2._addresses.values():
            if address.get("NetworkInterfaceId") == identifier:
                address.update(AssociationId=None, NetworkInterfaceId=None)
        return answer
    return checked


def _has_gateway(vpc: str) -> bool:
    gateways = ec2._internet_gateways.values()
    return any(each["VpcId"] == vpc for one in gateways for each in one["Attachments"])


def _attached_instance(identifier: str) -> dict | None:
    attachment = interface(identifier).get("Attachment") or {}
    return ec2._instances.get(attachment.get("InstanceId"))


class _Association:
    """Ref is the association's id."""

    @staticmethod
    def create(_logical_id, properties, _stack_name):
        known.check(_ASSOCIATION, properties, {"AllocationId", "NetworkInterfaceId"}, ("AllocationId", "NetworkInterfaceId"))
        allocation, identifier = properties["AllocationId"], properties["NetworkInterfaceId"]
        address = ec2._addresses.get(allocation)
        if address is None:
            raise refused("InvalidAllocationID.NotFound", f"The allocation ID '{allocation}' does not exist")
        vpc = interface(identifier)["VpcId"]
        if not _has_gateway(vpc):
            raise refused("Gateway.NotAttached", f"Network {vpc} is not attached to any internet gateway")
        if any(one.get("NetworkInterfaceId") == identifier for one in ec2._addresses.values()):
            raise refused("Resource.AlreadyAssociated",
                          f"resource {identifier} is already associated with another address")
        association = f"eipassoc-{new_uuid().replace('-', '')[:17]}"
        address.update(AssociationId=association, NetworkInterfaceId=identifier)
        states.refresh_address(_attached_instance(identifier))
        return association, {"Id": association}

    @staticmethod
    def update(_physical_id, _old_properties, new_properties, stack_name, logical_id=None):
        return _Association.create(logical_id, new_properties, stack_name)

    @staticmethod
    def delete(physical_id, _properties):
        for address in ec2._addresses.values():
            if address.get("AssociationId") == physical_id:
                identifier = address.get("NetworkInterfaceId")
                called("Ec2", ec2._disassociate_address, {"AssociationId": [physical_id]})
                address["NetworkInterfaceId"] = None
                if identifier in ec2._network_interfaces:
                    states.refresh_address(_attached_instance(identifier))
                return


def install() -> None:
    new = _delete(ec2._delete_network_interface)
    replace(ec2, "_delete_network_interface", new)
    ec2._ACTION_MAP["DeleteNetworkInterface"] = new
    for name, made in ((_INTERFACE, _Interface), (_ASSOCIATION, _Association)):
        provisioners._RESOURCE_HANDLERS[name] = {
            "create": made.create, "update": made.update, "delete": made.delete, "update_with_logical_id": True,
        }
