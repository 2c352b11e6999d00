"""EC2: public images to find, and DescribeImages with the filters, deprecation and pages of AWS."""

from __future__ import annotations

import base64
import datetime
import functools
import hashlib
import json
import pathlib
import re
from xml.sax.saxutils import escape

from ministack.core.responses import AccountRegionScopedDict, get_account_id, get_region
from ministack.services import ec2

NEEDS = {
    "ministack.services.ec2:_images": AccountRegionScopedDict,
    "ministack.services.ec2:_tags": AccountRegionScopedDict,
    "ministack.services.ec2:_ACTION_MAP": dict,
    "ministack.services.ec2:_STUB_AMIS": list,
    "ministack.services.ec2:_describe_images": "p",
    "ministack.services.ec2:_error": "code, message, status",
    "ministack.services.ec2:_image_bdm_xml": "view",
    "ministack.services.ec2:_image_executable_by_matches": "view, users",
    "ministack.services.ec2:_image_view": "image",
    "ministack.services.ec2:_p": "params, key, default",
    "ministack.services.ec2:_parse_filters": "params",
    "ministack.services.ec2:_parse_member_list": "params, prefix",
    "ministack.services.ec2:_stub_image_view":
        "ami_id, name, desc, platform, root_device, owner_id, owner_alias",
    "ministack.services.ec2:_xml": "status, root_tag, inner",
}

_CANONICAL = "099720109477"
_FIELDS = {
    "architecture": "Architecture", "creation-date": "CreationDate", "description": "Description",
    "hypervisor": "Hypervisor", "image-id": "ImageId", "image-type": "ImageType", "is-public": "IsPublic",
    "name": "Name", "owner-alias": "ImageOwnerAlias", "owner-id": "OwnerId", "platform": "Platform",
    "root-device-name": "RootDeviceName", "root-device-type": "RootDeviceType", "state": "State",
    "virtualization-type": "VirtualizationType", "ena-support": "EnaSupport", "deprecation-time": "DeprecationTime",
}


@functools.cache
def published(region: str) -> tuple[dict, ...]:
    """The public images of a region; their ids differ from region to region."""
    seeded = json.loads(pathlib.Path(__file__).with_name("images.json").read_text())
    return tuple(_seed(region, seeded["OwnerId"], image) for image in seeded["Images"])


def _seed(region: str, owner: str, image: dict) -> dict:
    name = image["Name"]
    digest = hashlib.sha256(f"{region}/{name}".encode()).hexdigest()
    release = "24.04 LTS, noble" if "noble" in name else "22.04 LTS, jammy"
    return _completed({
        "ImageId": "ami-" + digest[:17],
        "Description": f"Canonical, Ubuntu, {release} image",
        "Platform": "",
        "RootDeviceType": "ebs",
        "RootDeviceName": "/dev/sda1",
        "BlockDeviceMappings": [],
        "VirtualizationType": "hvm",
        "OwnerId": owner,
        "IsPublic": "true",
        "EnaSupport": "true",
        **image,
    })


def _completed(view: dict) -> dict:
    return {
        "State": "available", "Hypervisor": "xen", "ImageType": "machine", "EnaSupport": "true", "DeprecationTime": "",
        "CreationDate": "2026-01-01T00:00:00.000Z", "ImageOwnerAlias": "", **view,
    }


def visible() -> list[dict]:
    """All images that the account can use in the region."""
    account, region = get_account_id(), get_region()
    views = []
    for (owner, image_region, _key), image in ec2._images.all_items():
        grants = image.get("LaunchPermissions") or []
        shared = any(one.get("Group") == "all" or one.get("UserId") == account for one in grants)
        if image_region == region and (owner == account or shared):
            views.append(_completed({**ec2._image_view(image), "CreationDate": image.get("CreationDate", _now())}))
    views += published(region)
    # MiniStack's own image of Canonical's has a name that Canonical gives to none.
    views += [_completed(ec2._stub_image_view(*stub)) for stub in ec2._STUB_AMIS if stub[5] != _CANONICAL]
    return views


def _now() -> str:
    return datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%S.000Z")


def _matches(pattern: str, value: str) -> bool:
    """EC2's wildcards: `*` for any characters, `?` for one, a backslash before a literal one."""
    expression = ""
    rest = iter(pattern)
    for one in rest:
        if one == "\\":
            expression += re.escape(next(rest, "\\"))
        else:
            expression += {"*": ".*", "?": "."}.get(one, re.escape(one))
    return re.fullmatch(expression, value, re.DOTALL) is not None


def _values(view: dict, name: str) -> list[str] | None:
    """What a filter looks at, or None when there is no such filter."""
    tags = ec2._tags.get(view["ImageId"], [])
    if name == "tag-key":
        return [tag["Key"] for tag in tags]
    if name.startswith("tag:"):
        return [tag["Value"] for tag in tags if tag["Key"] == name[4:]]
    return [view[_FIELDS[name]]] if name in _FIELDS else None


def _owned(view: dict, owners: list[str]) -> bool:
    mine = "self" in owners and view["OwnerId"] == get_account_id()
    return mine or view["OwnerId"] in owners or (view["ImageOwnerAlias"] in owners and bool(view["ImageOwnerAlias"]))


def _xml(view: dict) -> str:
    def element(name: str, key: str) -> str:
        return f"<{name}>{escape(view[key])}</{name}>" if view[key] else ""

    tags = "".join(
        f"<item><key>{escape(tag['Key'])}</key><value>{escape(tag.get('Value', ''))}</value></item>"
        for tag in ec2._tags.get(view["ImageId"], [])
    )
    return "<item>" + "".join((
        element("imageId", "ImageId"),
        f"<imageLocation>{escape(view['OwnerId'])}/{escape(view['Name'])}</imageLocation>",
        element("imageState", "State"),
        element("imageOwnerId", "OwnerId"),
        element("imageOwnerAlias", "ImageOwnerAlias"),
        element("creationDate", "CreationDate"),
        element("deprecationTime", "DeprecationTime"),
        element("isPublic", "IsPublic"),
        element("architecture", "Architecture"),
        element("imageType", "ImageType"),
        element("name", "Name"),
        element("description", "Description"),
        element("platform", "Platform"),
        "<platformDetails>Linux/UNIX</platformDetails>" if not view["Platform"] else "",
        element("rootDeviceType", "RootDeviceType"),
        element("rootDeviceName", "RootDeviceName"),
        ec2._image_bdm_xml(view),
        element("virtualizationType", "VirtualizationType"),
        element("hypervisor", "Hypervisor"),
        element("enaSupport", "EnaSupport"),
        f"<tagSet>{tags}</tagSet>" if tags else "",
    )) + "</item>"


def _describe_images(p):
    ids = ec2._parse_member_list(p, "ImageId")
    owners = ec2._parse_member_list(p, "Owner")
    executable_by = ec2._parse_member_list(p, "ExecutableBy")
    filters = ec2._parse_filters(p)
    size, token = ec2._p(p, "MaxResults"), ec2._p(p, "NextToken")
    if size and ids:
        return ec2._error(
            "InvalidParameterCombination", "The parameter ImageIds cannot be used with the parameter MaxResults", 400
        )
    if size and not (size.isdigit() and 1 <= int(size) <= 1000):
        return ec2._error("InvalidParameterValue", f"Value ( {size} ) for parameter maxResults is invalid.", 400)
    views = visible()
    known = {view["ImageId"] for view in views}
    for one in ids:
        if not re.fullmatch(r"ami-([0-9a-f]{8}|[0-9a-f]{17})", one):
            return ec2._error("InvalidAMIID.Malformed", f'Invalid id: "{escape(one)}"', 400)
    if missing := [one for one in ids if one not in known]:
        return ec2._error("InvalidAMIID.NotFound", f"The image id '[{', '.join(missing)}]' does not exist", 400)
    for name in filters:
        if name not in _FIELDS and name != "tag-key" and not name.startswith("tag:"):
            return ec2._error("InvalidParameterValue", f"The filter '{escape(name)}' is invalid", 400)
    deprecated_too = ec2._p(p, "IncludeDeprecated").lower() == "true"
    now = _now()
    found = [
        view for view in views
        if (not ids or view["ImageId"] in ids)
        and (not owners or _owned(view, owners))
        and (not executable_by or ec2._image_executable_by_matches(view, executable_by))
        and all(
            any(_matches(pattern, value) for value in _values(view, name) or [] for pattern in patterns)
            for name, patterns in filters.items()
        )
        and (deprecated_too or view["OwnerId"] == get_account_id() or not "" < view["DeprecationTime"] <= now)
    ]
    # An order of its own, which is not that of the dates: AWS promises none.
    found.sort(key=lambda view: view["ImageId"])
    start = 0
    if token:
        try:
            start = int(base64.urlsafe_b64decode(token).decode().removeprefix("from:"))
        except ValueError:
            return ec2._error("InvalidNextToken", "The token is not valid.", 400)
    end = start + int(size) if size else len(found)
    following = base64.urlsafe_b64encode(f"from:{end}".encode()).decode() if end < len(found) else ""
    items = "".join(_xml(view) for view in found[start:end])
    more = f"<nextToken>{following}</nextToken>" if following else ""
    return ec2._xml(200, "DescribeImagesResponse", f"<imagesSet>{items}</imagesSet>{more}")


def install() -> None:
    ec2._describe_images = _describe_images
    ec2._ACTION_MAP["DescribeImages"] = _describe_images
