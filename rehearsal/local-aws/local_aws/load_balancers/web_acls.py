"""AWS::WAFv2::WebACLAssociation."""

from __future__ import annotations

from ministack.core.responses import AccountRegionScopedDict
from ministack.services import waf
from ministack.services.cloudformation import provisioners

from ..containers.requests import called
from .listeners import balancer

NEEDS = {
    "ministack.services.cloudformation.provisioners:_RESOURCE_HANDLERS": dict,
    "ministack.services.waf:_associate_web_acl": "data",
    "ministack.services.waf:_associations": AccountRegionScopedDict,
}


class _Association:
    @staticmethod
    def create(_logical_id, properties, _stack_name):
        resource, acl = properties["ResourceArn"], properties["WebACLArn"]
        if ":loadbalancer/" in resource:
            balancer(resource)
        called(waf._associate_web_acl, {"ResourceArn": resource, "WebACLArn": acl})
        return f"{acl}|{resource}", {}

    @staticmethod
    def update(physical_id, old_properties, new_properties, stack_name, logical_id=None):
        return _Association.create(logical_id, new_properties, stack_name)

    @staticmethod
    def delete(physical_id, _properties):
        acl, _, resource = physical_id.partition("|")
        # After a replacement the resource has the new one.
        if waf._associations.get(resource) == acl:
            del waf._associations[resource]


def install() -> None:
    provisioners._RESOURCE_HANDLERS["AWS::WAFv2::WebACLAssociation"] = {
        "create": _Association.create, "update": _Association.update, "delete": _Association.delete,
        "update_with_logical_id": True,
    }
