"""Launch templates: the version that is meant, and an instance made from it as Auto Scaling does."""

from __future__ import annotations

from dataclasses import dataclass

from ministack.core.responses import AccountRegionScopedDict
from ministack.services import ec2, ssm

from . import states

NEEDS: dict[str, str | type] = {
    "ministack.services.ec2:_launch_templates": AccountRegionScopedDict,
    "ministack.services.ec2:_p": "params, key, default",
    "ministack.services.ec2:_parse_lt_data": "params, prefix",
    "ministack.services.ec2:_resolve_iam_instance_profile": "iam_arn, iam_name, allow_missing",
    "ministack.services.ssm:_select_parameter": "name_or_arn",
}

_FROM_PARAMETER = "resolve:ssm:"


class Unusable(Exception):
    """The template cannot be used; the message is AWS's."""


@dataclass(frozen=True)
class Version:
    """A version of a launch template."""

    id: str
    name: str
    number: int
    data: dict


def install() -> None:
    parse = ec2._parse_lt_data

    def parse_with_ipv6(params, prefix="LaunchTemplateData"):
        data = parse(params, prefix)
        for number, interface in enumerate(data.get("NetworkInterfaces") or [], 1):
            if count := ec2._p(params, f"{prefix}.NetworkInterface.{number}.Ipv6AddressCount"):
                interface["Ipv6AddressCount"] = int(count)
        return data

    ec2._parse_lt_data = parse_with_ipv6


def find(template: dict) -> dict:
    """The template that a specification (`LaunchTemplateId` or `LaunchTemplateName`) names."""
    wanted_id, wanted_name = template.get("LaunchTemplateId"), template.get("LaunchTemplateName")
    for one in ec2._launch_templates.values():
        if (wanted_id and one["LaunchTemplateId"] == wanted_id) or (
                not wanted_id and one["LaunchTemplateName"] == wanted_name):
            return one
    what = f"template ID {wanted_id}" if wanted_id else f"template name {wanted_name}"
    raise Unusable("You must use a valid fully-formed launch template. "
                   f"The specified launch template, with {what}, does not exist.")


def version(template: dict) -> Version:
    """The version that a specification means at this moment: a number, `$Latest`, or `$Default`."""
    found, wanted = find(template), str(template.get("Version") or "$Default")
    symbols = {"$Latest": found["LatestVersionNumber"], "$Default": found["DefaultVersionNumber"]}
    number = str(symbols.get(wanted, wanted))
    for one in found["Versions"]:
        if str(one["VersionNumber"]) == number:
            return Version(found["LaunchTemplateId"], found["LaunchTemplateName"], int(number),
                           one.get("LaunchTemplateData") or {})
    raise Unusable("You must use a valid fully-formed launch template. Could not find launch template version "
                   f"'{wanted}' for launch template '{found['LaunchTemplateId']}'.")


def _yes(value) -> bool:
    return value is True or str(value).lower() == "true"


def _image(data: dict) -> str:
    image = data.get("ImageId") or ""
    if image.startswith(_FROM_PARAMETER):
        parameter, _error = ssm._select_parameter(image.removeprefix(_FROM_PARAMETER))
        if parameter is None:
            raise Unusable(f"The parameter of {image} could not be found.")
        return parameter["Value"]
    if not image:
        raise Unusable("You must use a valid fully-formed launch template. The request must contain the parameter ImageId")
    return image


def _profile(data: dict) -> dict | None:
    named = data.get("IamInstanceProfile") or {}
    if not named:
        return None
    profile, _error = ec2._resolve_iam_instance_profile(iam_arn=named.get("Arn", ""), iam_name=named.get("Name", ""))
    if profile is None:
        name = named.get("Arn") or named.get("Name")
        raise Unusable(f"You must use a valid fully-formed launch template. Invalid IAM Instance Profile: {name}")
    return profile


def launch(used: Version, subnet_id: str, tags: dict[str, str]) -> dict:
    """Make an instance of a version, with its tags and those given, which win."""
    data = used.data
    interface = (data.get("NetworkInterfaces") or [{}])[0]
    groups = data.get("SecurityGroupIds") or interface.get("Groups")
    profile = _profile(data)
    instance, = states.make_record(
        _image(data), data.get("InstanceType") or "m1.small", subnet_id, 1, data.get("KeyName") or "",
        data.get("UserData") or "", groups, None, profile)
    own = {tag["Key"]: str(tag["Value"]) for specification in data.get("TagSpecifications") or []
           if specification.get("ResourceType") == "instance" for tag in specification.get("Tags") or []}
    ec2._tags[instance["InstanceId"]] = [{"Key": key, "Value": value} for key, value in {**own, **tags}.items()]
    asked = interface.get("AssociatePublicIpAddress")
    states.place(instance)
    states.begin(
        instance, public_address=states.public_by_default(subnet_id) if asked is None else _yes(asked),
        ipv6_address=int(interface.get("Ipv6AddressCount") or 0) > 0)
    return instance
