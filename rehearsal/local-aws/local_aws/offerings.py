"""Which machines there are to be had: every type whose name is one, in every zone, as large as its name says."""

from __future__ import annotations

import re

from ministack.core.responses import get_region
from ministack.services import ec2, rds

NEEDS: dict[str, str | type] = {
    "ministack.services.ec2:_ACTION_MAP": dict,
    "ministack.services.ec2:_describe_instance_types": "p",
    "ministack.services.ec2:_error": "code, message, status",
    "ministack.services.ec2:_parse_filters": "params",
    "ministack.services.ec2:_parse_member_list": "params, prefix",
    "ministack.services.ec2:_xml": "status, root_tag, inner",
    "ministack.services.rds:_ACTION_MAP": dict,
    "ministack.services.rds:_p": "params, key, default",
    "ministack.services.rds:_xml": "status, root_tag, inner",
}

_ZONES = "abc"
_TYPE = re.compile(r"([a-z][a-z0-9-]*)\.(nano|micro|small|medium|large|([0-9]*)xlarge|metal)")
_GIB = {"nano": 0.5, "micro": 1, "small": 2, "medium": 4, "large": 8}


def size(name: str) -> tuple[int, int] | None:
    """Processors and MiB of an instance type; None if its name is none."""
    found = _TYPE.fullmatch(name)
    if not found:
        return None
    family, kind, times = found.groups()
    if kind in _GIB:
        return 2, int(_GIB[kind] * 1024)
    processors = 4 * int(times or 1) if kind != "metal" else 96
    # Compute, memory, and all others.
    return processors, processors * 1024 * {"c": 2, "r": 8, "x": 16}.get(family[0], 4)


def _described(name: str, processors: int, mebibytes: int) -> str:
    return (f"<item><instanceType>{name}</instanceType><currentGeneration>true</currentGeneration>"
            f"<processorInfo><supportedArchitectures><item>x86_64</item></supportedArchitectures></processorInfo>"
            f"<vCpuInfo><defaultVCpus>{processors}</defaultVCpus></vCpuInfo>"
            f"<memoryInfo><sizeInMiB>{mebibytes}</sizeInMiB></memoryInfo></item>")


def install() -> None:
    unnamed = ec2._describe_instance_types

    def describe_instance_types(params):
        names = ec2._parse_member_list(params, "InstanceType")
        if not names:
            return unnamed(params)
        sizes = {name: size(name) for name in names}
        unknown = [name for name, found in sizes.items() if found is None]
        if unknown:
            return ec2._error("InvalidInstanceType",
                              f"The following supplied instance types do not exist: [{', '.join(unknown)}]", 400)
        items = "".join(_described(name, *found) for name, found in sizes.items() if found)
        return ec2._xml(200, "DescribeInstanceTypesResponse", f"<instanceTypeSet>{items}</instanceTypeSet>")

    def describe_instance_type_offerings(params):
        names = [name for name in ec2._parse_filters(params).get("instance-type", []) if size(name)]
        items = "".join(
            f"<item><instanceType>{name}</instanceType><locationType>availability-zone</locationType>"
            f"<location>{get_region()}{zone}</location></item>" for name in names for zone in _ZONES)
        return ec2._xml(200, "DescribeInstanceTypeOfferingsResponse",
                        f"<instanceTypeOfferingSet>{items}</instanceTypeOfferingSet>")

    def describe_orderable_options(params):
        engine, name = rds._p(params, "Engine"), rds._p(params, "DBInstanceClass")
        is_one = name == "db.serverless" or (name.startswith("db.") and size(name[3:]))
        zones = "".join(f"<AvailabilityZone><Name>{get_region()}{zone}</Name></AvailabilityZone>" for zone in _ZONES)
        options = (f"<OrderableDBInstanceOption><Engine>{engine}</Engine>"
                   f"<EngineVersion>{rds._p(params, 'EngineVersion')}</EngineVersion><DBInstanceClass>{name}</DBInstanceClass>"
                   f"<AvailabilityZones>{zones}</AvailabilityZones></OrderableDBInstanceOption>") if is_one else ""
        return rds._xml(200, "DescribeOrderableDBInstanceOptionsResponse",
                        "<DescribeOrderableDBInstanceOptionsResult><OrderableDBInstanceOptions>"
                        f"{options}</OrderableDBInstanceOptions></DescribeOrderableDBInstanceOptionsResult>")

    ec2._ACTION_MAP["DescribeInstanceTypes"] = describe_instance_types
    ec2._ACTION_MAP["DescribeInstanceTypeOfferings"] = describe_instance_type_offerings
    rds._ACTION_MAP["DescribeOrderableDBInstanceOptions"] = describe_orderable_options
