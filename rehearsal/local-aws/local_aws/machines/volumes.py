"""AWS::EC2::Volume and AWS::EC2::VolumeAttachment, and what becomes of volumes when their instance ends."""

from __future__ import annotations

import re

from ministack.core.responses import AccountRegionScopedDict, get_region
from ministack.services import ec2
from ministack.services.cloudformation import provisioners

from ..instances import states
from ..networks.dependencies import refused
from ..refusals import called
from . import known

NEEDS: dict[str, str | type] = {
    "ministack.services.cloudformation.provisioners:_RESOURCE_HANDLERS": dict,
    "ministack.services.cloudformation.provisioners:_ec2_apply_tags": "physical_id, props, old_props",
    "ministack.services.ec2:_attach_volume": "p",
    "ministack.services.ec2:_create_snapshot": "p",
    "ministack.services.ec2:_create_volume": "p",
    "ministack.services.ec2:_delete_volume": "p",
    "ministack.services.ec2:_detach_volume": "p",
    "ministack.services.ec2:_modify_volume": "p",
    "ministack.services.ec2:_snapshots": AccountRegionScopedDict,
    "ministack.services.ec2:_volumes": AccountRegionScopedDict,
}

_VOLUME = "AWS::EC2::Volume"
_ATTACHMENT = "AWS::EC2::VolumeAttachment"
_KNOWN = {"AvailabilityZone", "Encrypted", "Size", "SnapshotId", "Tags", "VolumeType"}


def _text(value) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def make(properties: dict) -> str:
    """A volume; its id."""
    zone = properties["AvailabilityZone"]
    if not re.fullmatch(re.escape(get_region()) + "[a-z]", zone):
        raise refused("InvalidZone.NotFound", f"The zone '{zone}' does not exist.")
    size, snapshot = properties.get("Size"), properties.get("SnapshotId")
    if snapshot:
        found = ec2._snapshots.get(snapshot)
        if found is None:
            raise refused("InvalidSnapshot.NotFound", f"The snapshot '{snapshot}' does not exist.")
        size = size or found["VolumeSize"]
        if int(size) < int(found["VolumeSize"]):
            raise refused("InvalidParameterValue", f"Volume of {size}GiB is smaller than snapshot '{snapshot}', "
                                                   f"expect size >= {found['VolumeSize']}GiB")
    if not size:
        raise refused("MissingParameter", "The request must contain the parameter size/snapshot")
    given = {"AvailabilityZone": zone, "Size": size, "SnapshotId": snapshot or "",
             "VolumeType": properties.get("VolumeType", "gp2"), "Encrypted": properties.get("Encrypted", False)}
    body = called("Ec2", ec2._create_volume, {name: [_text(value)] for name, value in given.items()})
    return re.search(r"vol-[0-9a-fA-F]+", body)[0]


class _Volume:
    """Ref is the id. What it is made of cannot be changed; it can only grow."""

    @staticmethod
    def create(_logical_id, properties, _stack_name):
        known.check(_VOLUME, properties, _KNOWN, ("AvailabilityZone",))
        identifier = make(properties)
        provisioners._ec2_apply_tags(identifier, properties)
        return identifier, {"VolumeId": identifier}

    @staticmethod
    def update(physical_id, old_properties, new_properties, stack_name, logical_id=None):
        known.check(_VOLUME, new_properties, _KNOWN, ("AvailabilityZone",))
        known.no_updates(_VOLUME, old_properties, new_properties, "AvailabilityZone", "Encrypted", "SnapshotId")
        if known.changed(old_properties, new_properties, "Size", "VolumeType"):
            size = new_properties.get("Size") or ec2._volumes[physical_id]["Size"]
            if int(size) < int(ec2._volumes[physical_id]["Size"]):
                raise refused("InvalidParameterValue", "New size cannot be smaller than existing size")
            called("Ec2", ec2._modify_volume, {
                "VolumeId": [physical_id], "Size": [str(size)],
                "VolumeType": [new_properties.get("VolumeType", "gp2")]})
        provisioners._ec2_apply_tags(physical_id, new_properties, old_properties)
        return physical_id, {}

    @staticmethod
    def delete(physical_id, _properties):
        if physical_id in ec2._volumes:
            called("Ec2", ec2._delete_volume, {"VolumeId": [physical_id]})
            ec2._tags.pop(physical_id, None)

    @staticmethod
    def snapshot(physical_id, _properties):
        called("Ec2", ec2._create_snapshot, {"VolumeId": [physical_id]})


class _Attachment:
    """Ref is made up of both ids: EC2's reference names no more than that it is unique."""

    @staticmethod
    def create(_logical_id, properties, _stack_name):
        known.check(_ATTACHMENT, properties, {"Device", "InstanceId", "VolumeId"}, ("InstanceId", "VolumeId"))
        volume = ec2._volumes.get(properties["VolumeId"])
        instance = ec2._instances.get(properties["InstanceId"])
        if volume is None:
            raise refused("InvalidVolume.NotFound", f"The volume '{properties['VolumeId']}' does not exist.")
        if instance is None:
            raise refused("InvalidInstanceID.NotFound", f"The instance ID '{properties['InstanceId']}' does not exist")
        if volume["Attachments"]:
            raise refused("VolumeInUse", f"{volume['VolumeId']} is already attached to an instance")
        if volume["AvailabilityZone"] != instance["Placement"]["AvailabilityZone"]:
            raise refused("InvalidVolume.ZoneMismatch", f"The volume '{volume['VolumeId']}' is not in the same availability "
                                                        f"zone as instance '{instance['InstanceId']}'")
        called("Ec2", ec2._attach_volume, {name: [properties[name]] for name in sorted(properties)})
        return f"{volume['VolumeId']}|{instance['InstanceId']}", {}

    @staticmethod
    def update(physical_id, old_properties, new_properties, stack_name, logical_id=None):
        known.no_updates(_ATTACHMENT, old_properties, new_properties, "Device", "InstanceId", "VolumeId")
        return physical_id, {}

    @staticmethod
    def delete(physical_id, _properties):
        volume, _, instance = physical_id.partition("|")
        attachments = (ec2._volumes.get(volume) or {}).get("Attachments") or []
        if any(one["InstanceId"] == instance for one in attachments):
            called("Ec2", ec2._detach_volume, {"VolumeId": [volume]})


def _release(instance: dict) -> None:
    """When an instance has ended, its own volumes go and the others are free."""
    if states.name(instance) != "terminated":
        return
    for identifier, volume in list(ec2._volumes.items()):
        for attachment in volume["Attachments"]:
            if attachment["InstanceId"] == instance["InstanceId"]:
                if attachment["DeleteOnTermination"]:
                    ec2._volumes.pop(identifier, None)
                    ec2._tags.pop(identifier, None)
                else:
                    volume.update(Attachments=[], State="available")
                break


def install() -> None:
    states.listen(_release)
    provisioners._RESOURCE_HANDLERS[_VOLUME] = {
        "create": _Volume.create, "update": _Volume.update, "delete": _Volume.delete, "snapshot": _Volume.snapshot,
        "update_with_logical_id": True,
    }
    provisioners._RESOURCE_HANDLERS[_ATTACHMENT] = {
        "create": _Attachment.create, "update": _Attachment.update, "delete": _Attachment.delete,
        "update_with_logical_id": True,
    }
