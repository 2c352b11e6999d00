"""Whether one thing reaches another: routes to the internet, and security groups both ways."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable

from ministack.core.responses import AccountRegionScopedDict
from ministack.services import ec2

NEEDS = {
    "ministack.services.ec2:_nat_gateways": AccountRegionScopedDict,
    "ministack.services.ec2:_route_tables": AccountRegionScopedDict,
    "ministack.services.ec2:_security_groups": AccountRegionScopedDict,
    "ministack.services.ec2:_subnets": AccountRegionScopedDict,
}

_EVERYWHERE = "0.0.0.0/0"


def zone(subnet_id: str) -> str:
    """The availability zone of a subnet."""
    return ec2._subnets[subnet_id]["AvailabilityZone"]


def _table(subnet: dict) -> dict | None:
    """The route table of a subnet, its own or its VPC's main one."""
    of_vpc = [one for one in ec2._route_tables.values() if one["VpcId"] == subnet["VpcId"]]
    own = [one for one in of_vpc for each in one["Associations"] if each.get("SubnetId") == subnet["SubnetId"]]
    main = [one for one in of_vpc for each in one["Associations"] if each.get("Main")]
    return (own or main or [None])[0]


def reaches_internet(subnet_id: str, has_public_address: bool) -> bool:
    """Through a NAT gateway, or through an internet gateway with a public address."""
    table = _table(ec2._subnets[subnet_id])
    for route in table["Routes"] if table else ():
        if route.get("DestinationCidrBlock") != _EVERYWHERE:
            continue
        if route.get("NatGatewayId"):
            return (ec2._nat_gateways.get(route["NatGatewayId"]) or {}).get("State") == "available"
        if str(route.get("GatewayId", "")).startswith("igw-"):
            return has_public_address
    return False


def _allows(rule: dict, port: int, protocol: str, peers: Iterable[str], world: bool) -> bool:
    if rule["IpProtocol"] not in ("-1", protocol):
        return False
    if rule["IpProtocol"] != "-1" and not int(rule.get("FromPort", 0)) <= port <= int(rule.get("ToPort", 65535)):
        return False
    if any(pair.get("GroupId") in peers for pair in rule.get("UserIdGroupPairs", [])):
        return True
    ranges = [ipaddress.IPv4Network(one["CidrIp"]) for one in rule.get("IpRanges", [])]
    # A range that is not the whole world is taken as one that the peer is in: addresses are not given out here.
    return any(one.prefixlen == 0 for one in ranges) if world else bool(ranges)


def may_leave(groups: Iterable[str], port: int, to: Iterable[str] = (), protocol: str = "tcp") -> bool:
    """Whether what has these groups may connect to what has those, or to the world if there are none."""
    rules = [rule for one in groups for rule in (ec2._security_groups.get(one) or {}).get("IpPermissionsEgress", [])]
    return any(_allows(rule, port, protocol, to, not to) for rule in rules)


def may_enter(groups: Iterable[str], port: int, come_from: Iterable[str], protocol: str = "tcp") -> bool:
    """Whether what has these groups may be connected to by what has those."""
    rules = [rule for one in groups for rule in (ec2._security_groups.get(one) or {}).get("IpPermissions", [])]
    return any(_allows(rule, port, protocol, come_from, False) for rule in rules)


def connects(source: Iterable[str], target: Iterable[str], port: int) -> bool:
    """Whether the groups of two things let one connect to the other."""
    return may_leave(source, port, target) and may_enter(target, port, source)


def install() -> None:
    """Nothing is patched."""
