"""Network interfaces: which resource has one in which subnet, and with which security groups."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from ministack.core.responses import AccountRegionScopedDict
from ministack.services import alb, ec2, ecs, efs, elasticache, rds

NEEDS = {
    "ministack.services.alb:_lbs": AccountRegionScopedDict,
    "ministack.services.ec2:_instances": AccountRegionScopedDict,
    "ministack.services.ec2:_nat_gateways": AccountRegionScopedDict,
    "ministack.services.ec2:_network_interfaces": AccountRegionScopedDict,
    "ministack.services.ec2:_vpc_endpoints": AccountRegionScopedDict,
    "ministack.services.ecs:_services": AccountRegionScopedDict,
    "ministack.services.efs:_mount_targets": AccountRegionScopedDict,
    "ministack.services.elasticache:_replication_groups": AccountRegionScopedDict,
    "ministack.services.elasticache:_subnet_groups": AccountRegionScopedDict,
    "ministack.services.rds:_clusters": AccountRegionScopedDict,
    "ministack.services.rds:_subnet_groups": AccountRegionScopedDict,
}


@dataclass(frozen=True)
class Interfaces:
    """The interfaces of one resource."""

    owner: str
    subnets: tuple[str, ...]
    groups: tuple[str, ...]


def _groups(record: dict) -> tuple[str, ...]:
    named = (one.get("GroupId") or one.get("SecurityGroupId") if isinstance(one, dict) else one
             for one in record.get("SecurityGroups") or [])
    return tuple(one for one in named if one)


def _of_ec2() -> Iterator[Interfaces]:
    for one in ec2._instances.values():
        if (one.get("State") or {}).get("Name") != "terminated":
            yield Interfaces(one["InstanceId"], (one.get("SubnetId") or "",), _groups(one))
    for one in ec2._nat_gateways.values():
        if one["State"] != "deleted":
            yield Interfaces(one["NatGatewayId"], (one["SubnetId"],), ())
    for one in ec2._vpc_endpoints.values():
        if one.get("VpcEndpointType") == "Interface":
            yield Interfaces(one["VpcEndpointId"], tuple(one["SubnetIds"]), tuple(one.get("SecurityGroupIds") or ()))
    for one in ec2._network_interfaces.values():
        groups = (group.get("GroupId") or "" for group in one.get("Groups") or [])
        yield Interfaces(one["NetworkInterfaceId"], (one.get("SubnetId") or "",), tuple(groups))


def _of_services() -> Iterator[Interfaces]:
    for one in alb._lbs.values():
        zones = one.get("AvailabilityZones") or []
        subnets = tuple(zone.get("SubnetId", "") if isinstance(zone, dict) else zone for zone in zones)
        yield Interfaces(one["LoadBalancerArn"], subnets, _groups(one))
    for one in ecs._services.values():
        network = (one.get("networkConfiguration") or {}).get("awsvpcConfiguration") or {}
        if network and one.get("status") == "ACTIVE":
            yield Interfaces(one["serviceArn"], tuple(network.get("subnets") or ()),
                             tuple(network.get("securityGroups") or ()))


def _of_datastores() -> Iterator[Interfaces]:
    for one in efs._mount_targets.values():
        yield Interfaces(one["MountTargetId"], (one["SubnetId"],), tuple(one["SecurityGroups"]))
    for one in rds._clusters.values():
        group = rds._subnet_groups.get(one.get("DBSubnetGroup")) or {}
        # Its interfaces are those of its instances; security groups are held from the beginning.
        subnets = (each["SubnetIdentifier"] for each in group.get("Subnets") or []) if one["DBClusterMembers"] else ()
        groups = (each["VpcSecurityGroupId"] for each in one.get("VpcSecurityGroups") or [])
        yield Interfaces(one["DBClusterIdentifier"], tuple(subnets), tuple(groups))
    for one in elasticache._replication_groups.values():
        group = elasticache._subnet_groups.get(one.get("CacheSubnetGroupName")) or {}
        subnets = (each.get("SubnetIdentifier", "") for each in group.get("Subnets") or [])
        yield Interfaces(one["ReplicationGroupId"], tuple(subnets), _groups(one))


def all_interfaces() -> Iterator[Interfaces]:
    """Those of every resource of the account and region that has any."""
    yield from _of_ec2()
    yield from _of_services()
    yield from _of_datastores()


def in_subnet(subnet: str) -> list[str]:
    """Who has an interface in a subnet."""
    return [one.owner for one in all_interfaces() if subnet in one.subnets]


def with_group(group: str) -> list[str]:
    """Who has an interface with a security group."""
    return [one.owner for one in all_interfaces() if group in one.groups]


def install() -> None:
    """Nothing is patched."""
