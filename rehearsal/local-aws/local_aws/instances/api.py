"""DescribeInstances in pages and with filters; StopInstances, StartInstances and TerminateInstances through the states."""

from __future__ import annotations

import base64
import fnmatch
import re
from collections.abc import Callable

from ministack.core.responses import AccountRegionScopedDict, get_account_id
from ministack.services import ec2

from . import states

NEEDS: dict[str, str | type] = {
    "ministack.services.ec2:_ACTION_MAP": dict,
    "ministack.services.ec2:_INSTANCE_ID_RE": re.Pattern,
    "ministack.services.ec2:_error": "code, message, status",
    "ministack.services.ec2:_instance_xml": "inst",
    "ministack.services.ec2:_p": "params, key, default",
    "ministack.services.ec2:_parse_filters": "params",
    "ministack.services.ec2:_parse_member_list": "params, prefix",
    "ministack.services.ec2:_resource_matches_tag_filters": "resource_id, filters",
    "ministack.services.ec2:_tags": AccountRegionScopedDict,
    "ministack.services.ec2:_xml": "status, root_tag, inner",
}

_SMALLEST_PAGE, _LARGEST_PAGE = 5, 1000

_FIELDS: dict[str, Callable[[dict], str]] = {
    "availability-zone": lambda one: one["Placement"]["AvailabilityZone"],
    "dns-name": lambda one: one["PublicDnsName"],
    "iam-instance-profile.arn": lambda one: (one.get("IamInstanceProfile") or {}).get("Arn", ""),
    "image-id": lambda one: one["ImageId"],
    "instance-id": lambda one: one["InstanceId"],
    "instance-state-code": lambda one: str(one["State"]["Code"]),
    "instance-state-name": states.name,
    "instance-type": lambda one: one["InstanceType"],
    "ip-address": lambda one: one["PublicIpAddress"],
    "ipv6-address": lambda one: one.get("Ipv6Address", ""),
    "private-dns-name": lambda one: one["PrivateDnsName"],
    "private-ip-address": lambda one: one["PrivateIpAddress"],
    "subnet-id": lambda one: one["SubnetId"],
    "vpc-id": lambda one: one["VpcId"],
}

# Elements that AWS leaves out when there is nothing to say.
_EMPTY = re.compile(r"<(ipAddress|privateIpAddress|keyName)></\1>")


class _Refused(Exception):
    def __init__(self, code: str, message: str):
        super().__init__(message)
        self.code = code


def _guarded(action):
    def handle(params):
        try:
            return action(params)
        except _Refused as refused:
            return ec2._error(refused.code, str(refused), 400)
    return handle


def _named(params: dict) -> list[dict]:
    """The instances that a request names, each of which has to exist."""
    found = []
    for instance_id in ec2._parse_member_list(params, "InstanceId"):
        if not ec2._INSTANCE_ID_RE.match(instance_id):
            raise _Refused("InvalidInstanceID.Malformed", f'Invalid id: "{instance_id}"')
        if instance_id not in ec2._instances:
            raise _Refused("InvalidInstanceID.NotFound", f"The instance ID '{instance_id}' does not exist")
        found.append(ec2._instances[instance_id])
    return found


def _matches(instance: dict, filters: dict) -> bool:
    if not ec2._resource_matches_tag_filters(instance["InstanceId"], filters):
        return False
    for name, values in filters.items():
        if name.startswith("tag"):
            continue
        if name not in _FIELDS:
            raise _Refused("InvalidParameterValue", f"The filter '{name}' is invalid")
        value = _FIELDS[name](instance)
        if not any(fnmatch.fnmatchcase(value, pattern) for pattern in values):
            return False
    return True


def _page(params: dict, found: list[dict]) -> tuple[list[dict], str]:
    """The page that is asked for, and the token of the next one or nothing."""
    size, token = ec2._p(params, "MaxResults"), ec2._p(params, "NextToken")
    if size and ec2._parse_member_list(params, "InstanceId"):
        raise _Refused("InvalidParameterCombination",
                       "The parameter instancesSet cannot be used with the parameter maxResults")
    if size and not (size.isdigit() and _SMALLEST_PAGE <= int(size) <= _LARGEST_PAGE):
        raise _Refused("InvalidParameterValue",
                       f"Value ( {size} ) for parameter maxResults is invalid. Expecting a value between "
                       f"{_SMALLEST_PAGE} and {_LARGEST_PAGE}.")
    start = 0
    if token:
        try:
            start = int(base64.urlsafe_b64decode(token))
        except ValueError:
            raise _Refused("InvalidParameterValue", "Unable to parse pagination token") from None
    end = start + int(size or _LARGEST_PAGE)
    more = base64.urlsafe_b64encode(str(end).encode()).decode() if end < len(found) else ""
    return found[start:end], more


def _describe(params: dict):
    ec2._cleanup_terminated()
    filters = ec2._parse_filters(params)
    named = _named(params) or list(ec2._instances.values())
    page, more = _page(params, [one for one in named if _matches(one, filters)])
    items = "".join(
        f"<item><reservationId>r-{one['InstanceId'][2:]}</reservationId><ownerId>{get_account_id()}</ownerId><groupSet/>"
        f"<instancesSet>{ec2._instance_xml(one)}</instancesSet></item>" for one in page)
    token = f"<nextToken>{more}</nextToken>" if more else ""
    return ec2._xml(200, "DescribeInstancesResponse", f"<reservationSet>{items}</reservationSet>{token}")


def _changing(name: str, change: Callable[[dict], None], refusal: Callable[[dict], _Refused | None]):
    """An action that changes the state of instances, all or none of those it names."""

    def act(params: dict):
        with states.lock:
            named = _named(params)
            if not named:
                raise _Refused("MissingParameter", "The request must contain the parameter InstanceId")
            for instance in named:
                if refused := refusal(instance):
                    raise refused
            items = ""
            for instance in named:
                before = dict(instance["State"])
                change(instance)
                after = instance["State"]
                items += (
                    f"<item><instanceId>{instance['InstanceId']}</instanceId>"
                    f"<currentState><code>{after['Code']}</code><name>{after['Name']}</name></currentState>"
                    f"<previousState><code>{before['Code']}</code><name>{before['Name']}</name></previousState></item>")
        return ec2._xml(200, f"{name}Response", f"<instancesSet>{items}</instancesSet>")

    return _guarded(act)


def _may_stop(instance: dict) -> _Refused | None:
    if states.name(instance) in ("shutting-down", "terminated"):
        return _Refused("IncorrectInstanceState",
                        f"This instance '{instance['InstanceId']}' is not in a state from which it can be stopped.")
    return None


def _may_start(instance: dict) -> _Refused | None:
    if states.name(instance) not in ("stopped", "pending", "running"):
        return _Refused("IncorrectInstanceState",
                        f"The instance '{instance['InstanceId']}' is not in a state from which it can be started.")
    return None


def _start(instance: dict) -> None:
    if states.name(instance) == "stopped":
        states.start(instance)


def _xml_of(instance_xml):
    def render(instance: dict) -> str:
        address = instance.get("Ipv6Address")
        more = f"<ipv6Address>{address}</ipv6Address>" if address else ""
        return _EMPTY.sub("", instance_xml(instance)).replace("<amiLaunchIndex>", more + "<amiLaunchIndex>")
    return render


def install() -> None:
    ec2._instance_xml = _xml_of(ec2._instance_xml)
    ec2._ACTION_MAP.update({
        "DescribeInstances": _guarded(_describe),
        "StartInstances": _changing("StartInstances", _start, _may_start),
        "StopInstances": _changing("StopInstances", states.stop, _may_stop),
        "TerminateInstances": _changing("TerminateInstances", states.terminate, lambda _instance: None),
    })
