"""What there is: each resource by its ARN, which is made of its kind, its name and, if it has one, its version."""

from __future__ import annotations

import re

from ministack.core.responses import AccountRegionScopedDict, get_account_id, get_region

from ..refusals import Refused

NEEDS: dict[str, str | type] = {}

# By ARN: {"kind", "properties"}.
_kept = AccountRegionScopedDict()

VERSIONED = {"component", "image-recipe"}
_NAME = re.compile(r"[-_A-Za-z0-9][-_A-Za-z0-9 ]{1,126}[-_A-Za-z0-9]")
_VERSION = re.compile(r"[0-9]+\.[0-9]+\.[0-9]+")

# Which properties of a kind name resources of another.
_USES = {
    "image-recipe": lambda given: [one.get("ComponentArn") for one in given.get("Components") or []],
    "image-pipeline": lambda given: [given.get(f"{what}Arn") for what in (
        "ImageRecipe", "InfrastructureConfiguration", "DistributionConfiguration")],
}


def refused(code: str, message: str) -> Refused:
    return Refused("Imagebuilder", code, message)


def arn_of(kind: str, properties: dict) -> str:
    slug = re.sub(r"[ _]", "-", properties["Name"].lower())
    build = "/1" if kind == "component" else ""
    version = f"/{properties['Version']}{build}" if kind in VERSIONED else ""
    return f"arn:aws:imagebuilder:{get_region()}:{get_account_id()}:{kind}/{slug}{version}"


def find(arn: str, kind: str) -> dict:
    found = _kept.get(arn)
    if found is None or found["kind"] != kind:
        raise refused("ResourceNotFoundException", f"The resource with ARN '{arn}' cannot be found.")
    return found


def add(kind: str, properties: dict) -> str:
    """Keep a new one; its ARN."""
    name, version = properties.get("Name") or "", str(properties.get("Version") or "")
    if not _NAME.fullmatch(name):
        raise refused("InvalidParameterValueException", f"The value supplied for parameter 'name' is not valid: {name}")
    if kind in VERSIONED and not _VERSION.fullmatch(version):
        raise refused("InvalidVersionNumberException", f"The semantic version '{version}' is not valid.")
    arn = arn_of(kind, properties)
    if arn in _kept:
        raise refused("ResourceAlreadyExistsException", f"The resource '{arn}' already exists.")
    _kept[arn] = {"kind": kind, "properties": properties}
    return arn


def change(arn: str, kind: str, properties: dict) -> None:
    find(arn, kind)["properties"] = properties


def remove(arn: str) -> None:
    """Forget one, unless another is made of it. One that is not there is gone."""
    for other in _kept.values():
        uses = _USES.get(other["kind"])
        if uses and arn in uses(other["properties"]):
            raise refused("ResourceDependencyException", f"Resource dependency error: The resource ARN '{arn}' has other "
                                                         "resources depended on it.")
    _kept.pop(arn, None)


def of_kind(kind: str) -> dict[str, dict]:
    return {arn: one["properties"] for arn, one in _kept.items() if one["kind"] == kind}


def install() -> None:
    """Nothing is patched."""
