"""The states of an instance: each lasts a moment, is announced, and decides which addresses there are."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from ministack.core.responses import AccountRegionScopedDict, get_account_id, get_region
from ministack.services import ec2

from ..clock import clock
from ..events.announcements import announce
from ..patching import replace
from . import addresses, guests

NEEDS: dict[str, str | type] = {
    "ministack.services.ec2:_addresses": AccountRegionScopedDict,
    "ministack.services.ec2:_cleanup_terminated": "",
    "ministack.services.ec2:_find_active_iam_instance_profile_association": "instance_id",
    "ministack.services.ec2:_instances": AccountRegionScopedDict,
    "ministack.services.ec2:_launch_instances_internal":
        "image_id, instance_type, subnet_id, count, key_name, user_data, sg_ids, requested_private_ip, iam_profile",
    "ministack.services.ec2:_mark_iam_instance_profile_association_disassociated": "assoc",
    "ministack.services.ec2:_now_ts": "",
    "ministack.services.ec2:_subnets": AccountRegionScopedDict,
}

_CODES = {"pending": 0, "running": 16, "shutting-down": 32, "terminated": 48, "stopping": 64, "stopped": 80}

# How long pending, stopping and shutting-down last. On AWS it is seconds to minutes.
MOMENT_SECONDS = 0.1
# How long a terminated instance is still described.
_SHOWN_SECONDS = 3600

lock = threading.RLock()
_listeners: list[Callable[[dict], None]] = []


def listen(listener: Callable[[dict], None]) -> None:
    """Let `listener` know each instance that changed its state, in the instance's account and region."""
    _listeners.append(listener)


def name(instance: dict) -> str:
    return instance["State"]["Name"]


def enter(instance: dict, state: str) -> None:
    """Put an instance into a state: announce it, tell its guest, and let the listeners know."""
    with lock:
        instance["State"] = {"Code": _CODES[state], "Name": state}
        if state == "terminated":
            instance["_terminated_at"] = time.time()
        guests.tell(instance)
    arn = f"arn:aws:ec2:{get_region()}:{get_account_id()}:instance/{instance['InstanceId']}"
    announce("aws.ec2", "EC2 Instance State-change Notification",
             {"instance-id": instance["InstanceId"], "state": state}, [arn])
    for listener in _listeners:
        listener(instance)


def _soon(instance: dict, expected: str, action: Callable[[dict], None]) -> None:
    """Let `action` happen in a moment, if the instance is then still as expected."""

    def act() -> None:
        with lock:
            if name(instance) == expected:
                action(instance)

    clock.after(MOMENT_SECONDS, act)


def _run(instance: dict) -> None:
    enter(instance, "running")


def _stopped(instance: dict) -> None:
    _set_public_address(instance, elastic_address(instance))
    enter(instance, "stopped")


def _terminated(instance: dict) -> None:
    for address in ("PublicIpAddress", "PublicDnsName", "PrivateIpAddress", "PrivateDnsName", "Ipv6Address"):
        instance[address] = ""
    association = ec2._find_active_iam_instance_profile_association(instance["InstanceId"])
    if association:
        ec2._mark_iam_instance_profile_association_disassociated(association)
    enter(instance, "terminated")


def begin(
    instance: dict, *, public_address: bool, ipv6_address: bool = False, interface: dict | None = None
) -> None:
    """The first moment of an instance that was just made. An interface that was there before brings its address."""
    with lock:
        private = interface["PrivateIpAddress"] if interface else addresses.private()
        instance["_interface"] = interface["NetworkInterfaceId"] if interface else ""
        instance["PrivateIpAddress"] = private
        instance["PrivateDnsName"] = f"ip-{private.replace('.', '-')}.{get_region()}.compute.internal"
        instance["Ipv6Address"] = addresses.public_6() if ipv6_address else ""
        instance["_public_address"] = public_address
        _give_public_address(instance)
        enter(instance, "pending")
        _soon(instance, "pending", _run)


def elastic_address(instance: dict) -> str:
    """The Elastic IP address of the instance's interface, which it keeps whatever becomes of it."""
    interface = instance.get("_interface")
    of_it = (one["PublicIp"] for one in ec2._addresses.values() if interface and one.get("NetworkInterfaceId") == interface)
    return next(of_it, "")


def refresh_address(instance: dict | None) -> None:
    """An Elastic IP address came to the instance, or left it."""
    if instance:
        with lock:
            _set_public_address(instance, elastic_address(instance))


def _give_public_address(instance: dict) -> None:
    own = addresses.public() if instance["_public_address"] else ""
    _set_public_address(instance, elastic_address(instance) or own)


def _set_public_address(instance: dict, address: str) -> None:
    instance["PublicIpAddress"] = address
    dashed = address.replace(".", "-")
    instance["PublicDnsName"] = f"ec2-{dashed}.{get_region()}.compute.amazonaws.com" if dashed else ""


def start(instance: dict) -> None:
    """Start a stopped instance; it gets another public address, and keeps the others."""
    with lock:
        _give_public_address(instance)
        instance["LaunchTime"] = ec2._now_ts()
        enter(instance, "pending")
        _soon(instance, "pending", _run)


def stop(instance: dict) -> None:
    with lock:
        if name(instance) in ("pending", "running"):
            enter(instance, "stopping")
            _soon(instance, "stopping", _stopped)


def terminate(instance: dict) -> None:
    with lock:
        if name(instance) not in ("shutting-down", "terminated"):
            enter(instance, "shutting-down")
            _soon(instance, "shutting-down", _terminated)


def _forget_terminated() -> None:
    for key, instance in list(ec2._instances.items()):
        if name(instance) == "terminated" and time.time() - instance["_terminated_at"] > _SHOWN_SECONDS:
            ec2._instances.pop(key, None)
            ec2._tags.pop(key, None)


def _with_states(make):
    """RunInstances' and fleets' own launch, with states and addresses."""

    def launch(image_id, instance_type, subnet_id, count, key_name="", user_data="", sg_ids=None,
               requested_private_ip=None, iam_profile=None):
        made = make(image_id, instance_type, subnet_id, count, key_name, user_data, sg_ids, None, iam_profile)
        for instance in made:
            place(instance)
            begin(instance, public_address=public_by_default(subnet_id))
            instance["PrivateIpAddress"] = requested_private_ip or instance["PrivateIpAddress"]
        return made

    return launch


def place(instance: dict) -> None:
    """Put an instance into its subnet's zone."""
    zone = ec2._subnets.get(instance["SubnetId"], {}).get("AvailabilityZone")
    if zone:
        instance["Placement"]["AvailabilityZone"] = zone


def public_by_default(subnet_id: str) -> bool:
    """Whether an instance of which nothing is said gets a public address in a subnet."""
    return bool(ec2._subnets.get(subnet_id, {}).get("MapPublicIpOnLaunch", True))


# MiniStack's own launch: makes the record of an instance that is running at once.
make_record = ec2._launch_instances_internal


def install() -> None:
    replace(ec2, "_launch_instances_internal", _with_states(make_record))
    ec2._cleanup_terminated = _forget_terminated
