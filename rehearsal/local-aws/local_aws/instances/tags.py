"""Tags of instances, held to EC2's rules."""

from __future__ import annotations

from ministack.services import ec2

NEEDS: dict[str, str | type] = {
    "ministack.services.ec2:_ACTION_MAP": dict,
    "ministack.services.ec2:_create_tags": "p",
    "ministack.services.ec2:_delete_tags": "p",
    "ministack.services.ec2:_error": "code, message, status",
    "ministack.services.ec2:_parse_member_list": "params, prefix",
    "ministack.services.ec2:_parse_tags": "params",
}

_MOST = 50
_LONGEST_KEY, _LONGEST_VALUE = 128, 256


def _refusal(params: dict, *, adding: bool):
    named = [one for one in ec2._parse_member_list(params, "ResourceId") if one.startswith("i-")]
    for instance_id in named:
        if instance_id not in ec2._instances:
            return ec2._error(
                "InvalidInstanceID.NotFound", f"The instance ID '{instance_id}' does not exist", 400)
    tags = ec2._parse_tags(params)
    for tag in tags:
        if tag["Key"].lower().startswith("aws:"):
            return ec2._error(
                "InvalidParameterValue",
                f"Value ( {tag['Key']} ) for parameter key is invalid. Tag keys starting with 'aws:' are reserved "
                "for internal use", 400)
        if len(tag["Key"]) > _LONGEST_KEY or len(tag["Value"]) > _LONGEST_VALUE:
            return ec2._error("InvalidParameterValue", f"Tag {tag['Key'][:_LONGEST_KEY]} is too long", 400)
    for instance_id in named if adding else []:
        keys = {tag["Key"] for tag in ec2._tags.get(instance_id, []) + tags}
        if len([key for key in keys if not key.startswith("aws:")]) > _MOST:
            return ec2._error("TagLimitExceeded", f"The maximum number of Tags for a resource is {_MOST}", 400)
    return None


def _delete(params: dict):
    """A tag that is named with a value goes only if it has that value."""
    refused = _refusal(params, adding=False)
    if refused:
        return refused
    named = {tag["Key"]: params.get(f"Tag.{number}.Value") for number, tag in enumerate(ec2._parse_tags(params), 1)}
    for resource in ec2._parse_member_list(params, "ResourceId"):
        kept = []
        for tag in ec2._tags.get(resource, []):
            wanted = named.get(tag["Key"])
            value = wanted[0] if isinstance(wanted, list) else wanted
            if tag["Key"] not in named or (value is not None and value != tag["Value"]):
                kept.append(tag)
        if resource in ec2._tags:
            ec2._tags[resource] = kept
    return ec2._xml(200, "DeleteTagsResponse", "<return>true</return>")


def install() -> None:
    create = ec2._create_tags
    ec2._ACTION_MAP["CreateTags"] = lambda params: _refusal(params, adding=True) or create(params)
    ec2._ACTION_MAP["DeleteTags"] = _delete
