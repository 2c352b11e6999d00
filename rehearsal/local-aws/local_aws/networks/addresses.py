"""Elastic IP addresses of stacks."""

from __future__ import annotations

from ministack.core.responses import AccountRegionScopedDict
from ministack.services import ec2
from ministack.services.cloudformation import provisioners

from ..refusals import called

NEEDS = {
    "ministack.services.cloudformation.provisioners:_RESOURCE_HANDLERS": dict,
    "ministack.services.cloudformation.provisioners:_ec2_apply_tags": "physical_id, props, old_props",
    "ministack.services.ec2:_addresses": AccountRegionScopedDict,
    "ministack.services.ec2:_allocate_address": "p",
    "ministack.services.ec2:_release_address": "p",
}


class _Address:
    """Ref is the address itself."""

    @staticmethod
    def _of(public_ip: str) -> dict | None:
        return next((one for one in ec2._addresses.values() if one["PublicIp"] == public_ip), None)

    @staticmethod
    def create(_logical_id, properties, _stack_name):
        before = set(ec2._addresses)
        called("Ec2", ec2._allocate_address, {"Domain": [properties.get("Domain", "vpc")]})
        [allocation] = set(ec2._addresses) - before
        provisioners._ec2_apply_tags(allocation, properties)
        public_ip = ec2._addresses[allocation]["PublicIp"]
        return public_ip, {"AllocationId": allocation, "PublicIp": public_ip}

    @staticmethod
    def update(physical_id, old_properties, new_properties, stack_name, logical_id=None):
        found = _Address._of(physical_id)
        if found is None or old_properties.get("Domain", "vpc") != new_properties.get("Domain", "vpc"):
            return _Address.create(logical_id, new_properties, stack_name)
        provisioners._ec2_apply_tags(found["AllocationId"], new_properties, old_properties)
        return physical_id, {"AllocationId": found["AllocationId"], "PublicIp": physical_id}

    @staticmethod
    def delete(physical_id, _properties):
        if found := _Address._of(physical_id):
            called("Ec2", ec2._release_address, {"AllocationId": [found["AllocationId"]]})


def install() -> None:
    provisioners._RESOURCE_HANDLERS["AWS::EC2::EIP"] = {
        "create": _Address.create, "update": _Address.update, "delete": _Address.delete, "update_with_logical_id": True,
    }
