"""AWS::EC2::Instance: one machine with an interface that was made before it."""

from __future__ import annotations

import time

from ministack.services import ec2
from ministack.services.cloudformation import provisioners

from .. import images
from ..cloudformation.deletion import WAITING_TYPES
from ..instances import states
from ..networks.dependencies import refused
from . import interfaces, known, volumes

NEEDS: dict[str, str | type] = {
    "ministack.services.cloudformation.provisioners:_RESOURCE_HANDLERS": dict,
    "ministack.services.cloudformation.provisioners:_ec2_apply_tags": "physical_id, props, old_props",
    "ministack.services.ec2:_now_ts": "",
    "ministack.services.ec2:_resolve_iam_instance_profile": "iam_arn, iam_name, allow_missing",
}

_INSTANCE = "AWS::EC2::Instance"
_KNOWN = {"BlockDeviceMappings", "IamInstanceProfile", "ImageId", "InstanceType", "MetadataOptions", "NetworkInterfaces",
          "Tags", "UserData"}
# Each state lasts a moment of the clock.
_LOOK_SECONDS, _LONGEST_SECONDS = 0.02, 60


def _until(instance: dict, state: str) -> None:
    deadline = time.monotonic() + _LONGEST_SECONDS
    while states.name(instance) != state:
        if time.monotonic() > deadline:
            raise ValueError(f"Exceeded attempts to wait: {instance['InstanceId']} is {states.name(instance)}")
        time.sleep(_LOOK_SECONDS)


def _image(properties: dict) -> dict:
    wanted = properties["ImageId"]
    found = next((view for view in images.visible() if view["ImageId"] == wanted), None)
    if found is None:
        raise refused("InvalidAMIID.NotFound", f"The image id '[{wanted}]' does not exist")
    return found


def _interface(properties: dict) -> dict:
    named = properties.get("NetworkInterfaces") or []
    if len(named) != 1 or set(named[0]) != {"DeviceIndex", "NetworkInterfaceId"} or str(named[0]["DeviceIndex"]) != "0":
        raise ValueError("the local AWS makes an AWS::EC2::Instance with one interface that is there already, and no other way")
    found = interfaces.interface(named[0]["NetworkInterfaceId"])
    if found.get("Attachment"):
        raise refused("InvalidNetworkInterface.InUse", f"Interface: [{found['NetworkInterfaceId']}] in use.")
    return found


def _profile(properties: dict) -> dict | None:
    name = properties.get("IamInstanceProfile")
    if not name:
        return None
    profile, _error = ec2._resolve_iam_instance_profile(iam_name=name)
    if profile is None:
        raise refused("InvalidParameterValue", f"Value ({name}) for parameter iamInstanceProfile.name is invalid. "
                                               "Invalid IAM Instance Profile name")
    return profile


def _disks(instance: dict, image: dict, properties: dict) -> None:
    """The system's disk as it is asked for, and those that come with the machine and go with it."""
    identifier = instance["InstanceId"]
    own = next(one for one in ec2._volumes.values() if any(each["InstanceId"] == identifier for each in one["Attachments"]))
    zone = instance["Placement"]["AvailabilityZone"]
    own["AvailabilityZone"] = zone
    own["Attachments"][0]["Device"] = image["RootDeviceName"]
    for mapping in properties.get("BlockDeviceMappings") or []:
        disk = mapping.get("Ebs") or {}
        if mapping.get("DeviceName") == image["RootDeviceName"]:
            own.update(Size=int(disk.get("VolumeSize") or own["Size"]), VolumeType=disk.get("VolumeType", "gp3"),
                       Encrypted=bool(disk.get("Encrypted", False)))
        else:
            made = ec2._volumes[volumes.make({
                "AvailabilityZone": zone, "Size": disk.get("VolumeSize"), "SnapshotId": disk.get("SnapshotId"),
                "VolumeType": disk.get("VolumeType", "gp2"), "Encrypted": disk.get("Encrypted", False)})]
            made.update(State="in-use", Attachments=[{
                "VolumeId": made["VolumeId"], "InstanceId": identifier, "Device": mapping.get("DeviceName"),
                "State": "attached", "AttachTime": ec2._now_ts(),
                "DeleteOnTermination": disk.get("DeleteOnTermination", True) in (True, "true")}])


def _attributes(instance: dict) -> dict:
    return {
        "AvailabilityZone": instance["Placement"]["AvailabilityZone"], "InstanceId": instance["InstanceId"],
        "PrivateDnsName": instance["PrivateDnsName"], "PrivateIp": instance["PrivateIpAddress"],
        "PublicDnsName": instance["PublicDnsName"], "PublicIp": instance["PublicIpAddress"], "VpcId": instance["VpcId"],
    }


class _Instance:
    """Ref is the id. It is made when it runs; whether it is ready its own signals say (`CreationPolicy`)."""

    @staticmethod
    def create(_logical_id, properties, _stack_name):
        known.check(_INSTANCE, properties, _KNOWN, ("ImageId",))
        image, interface, profile = _image(properties), _interface(properties), _profile(properties)
        instance, = states.make_record(
            image["ImageId"], properties.get("InstanceType", "m1.small"), interface["SubnetId"], 1, "",
            properties.get("UserData") or "", [one["GroupId"] for one in interface["Groups"]], None, profile)
        identifier = instance["InstanceId"]
        interface.update(Status="in-use", Attachment={
            "AttachmentId": f"eni-attach-{identifier[2:]}", "InstanceId": identifier, "DeviceIndex": 0,
            "Status": "attached", "AttachTime": ec2._now_ts()})
        states.place(instance)
        _disks(instance, image, properties)
        provisioners._ec2_apply_tags(identifier, properties)
        states.begin(instance, public_address=False, interface=interface)
        _until(instance, "running")
        return identifier, _attributes(instance)

    @staticmethod
    def update(physical_id, old_properties, new_properties, stack_name, logical_id=None):
        known.check(_INSTANCE, new_properties, _KNOWN, ("ImageId",))
        if known.changed(old_properties, new_properties, "BlockDeviceMappings", "ImageId", "NetworkInterfaces"):
            return _Instance.create(logical_id, new_properties, stack_name)
        instance, profile = ec2._instances[physical_id], _profile(new_properties)
        # Of an instance on EBS: stopped, changed, started, with the same disks and the same interface.
        if known.changed(old_properties, new_properties, "InstanceType", "UserData"):
            states.stop(instance)
            _until(instance, "stopped")
            instance["InstanceType"] = new_properties.get("InstanceType", "m1.small")
            instance["UserData"] = new_properties.get("UserData") or ""
            states.start(instance)
            _until(instance, "running")
        if profile:
            instance["IamInstanceProfile"] = profile
        provisioners._ec2_apply_tags(physical_id, new_properties, old_properties)
        return physical_id, _attributes(instance)

    @staticmethod
    def delete(physical_id, _properties):
        if instance := ec2._instances.get(physical_id):
            states.terminate(instance)
            _until(instance, "terminated")


def _release(instance: dict) -> None:
    """When an instance has ended, its interface is free."""
    if states.name(instance) == "terminated":
        for interface in ec2._network_interfaces.values():
            if (interface.get("Attachment") or {}).get("InstanceId") == instance["InstanceId"]:
                interface.update(Status="available", Attachment=None)


def install() -> None:
    states.listen(_release)
    WAITING_TYPES.add(_INSTANCE)
    provisioners._RESOURCE_HANDLERS[_INSTANCE] = {
        "create": _Instance.create, "update": _Instance.update, "delete": _Instance.delete, "update_with_logical_id": True,
    }
