"""IAM: on which groups and instances calls to Auto Scaling and EC2 are evaluated, and with which of their tags."""

from __future__ import annotations

from collections.abc import Iterable

from ministack.core import iam_actions
from ministack.core.responses import get_account_id, get_region
from ministack.services import ec2, tagging

from .autoscaling.model import find_member, groups
from .autoscaling.protocol import parsed
from .patching import replace

NEEDS: dict[str, str | type] = {
    "ministack.core.iam_actions:extract_resource_arn":
        "service, method, path, headers, body, query_params, region, account_id",
    "ministack.core.iam_actions:request_tag_context": "service, iam_action, body, params",
    "ministack.core.iam_actions:verified_access_resource_arns": "query_params, region, account_id",
    "ministack.services.ec2:_guess_resource_type": "resource_id",
    "ministack.services.tagging:_RESOURCE_TAG_COLLECTORS": dict,
}

_OF_INSTANCES = ("StartInstances", "StopInstances", "RebootInstances", "TerminateInstances")
_OF_TAGS = ("CreateTags", "DeleteTags")


def _first(params: dict, name: str) -> str:
    value = params.get(name) or ""
    return value[0] if isinstance(value, list) else value


def _ec2_resources(params: dict) -> list[str] | None:
    """What an EC2 call is evaluated on, or None when MiniStack knows as much."""
    action = _first(params, "Action")
    if action.startswith("Describe"):
        return ["*"]
    prefix = f"arn:aws:ec2:{get_region()}:{get_account_id()}"
    if action in _OF_INSTANCES:
        return [f"{prefix}:instance/{one}" for one in ec2._parse_member_list(params, "InstanceId")] or ["*"]
    if action in _OF_TAGS:
        named = ec2._parse_member_list(params, "ResourceId")
        return [f"{prefix}:{ec2._guess_resource_type(one)}/{one}" for one in named] or ["*"]
    return None


def _autoscaling_resources(params: dict) -> list[str]:
    """The groups that a call is about: by name, by an instance, or by the resources of tags."""
    action = _first(params, "Action")
    if action.startswith("Describe"):
        return ["*"]
    fields = parsed(params)
    names = [fields.get("AutoScalingGroupName"), *(tag.get("ResourceId") for tag in fields.get("Tags") or [])]
    names = [name for name in names if name]
    if not names and (found := find_member(fields.get("InstanceId") or "")):
        names = [found[0].name]
    prefix = f"arn:aws:autoscaling:{get_region()}:{get_account_id()}:autoScalingGroup"
    return [groups[name].arn if name in groups else f"{prefix}:*:autoScalingGroupName/{name}" for name in names] or ["*"]


def _tags_of_instances() -> Iterable[tuple[str, list]]:
    for resource, tags in ec2._tags.items():
        yield (f"arn:aws:ec2:{get_region()}:{get_account_id()}:{ec2._guess_resource_type(resource)}/{resource}", tags)


def _tags_of_groups() -> Iterable[tuple[str, list]]:
    for group in groups.values():
        yield group.arn, group.tags


def _common_tags(resources: list[str]) -> dict[str, str]:
    """The tags that all the resources have, with the same value: only for those a condition can hold for all."""
    found = [tagging.resource_tags(one) or {} for one in resources]
    return {key: value for key, value in found[0].items() if all(one.get(key) == value for one in found)}


def resources(service: str, params: dict) -> list[str] | None:
    if service == "ec2":
        return _ec2_resources(params)
    return _autoscaling_resources(params) if service == "autoscaling" else None


def install() -> None:
    tagging._RESOURCE_TAG_COLLECTORS["ec2"] = _tags_of_instances
    tagging._RESOURCE_TAG_COLLECTORS["autoscaling"] = _tags_of_groups
    resource_arn = iam_actions.extract_resource_arn
    tag_context = iam_actions.request_tag_context
    other_resources = iam_actions.verified_access_resource_arns

    def first_resource(service, method, path, headers, body, query_params, region, account_id):
        found = resources(service, query_params)
        return found[0] if found else resource_arn(
            service, method, path, headers, body, query_params, region, account_id)

    def all_resources(query_params, region, account_id):
        return _ec2_resources(query_params) or other_resources(query_params, region, account_id)

    def service_context(service, iam_action, body, params):
        context = tag_context(service, iam_action, body, params)
        found = resources(service, params)
        if found and found[0] != "*":
            context.update({f"{service}:ResourceTag/{key}": value for key, value in _common_tags(found).items()})
        return context

    replace(iam_actions, "extract_resource_arn", first_resource)
    replace(iam_actions, "verified_access_resource_arns", all_resources)
    replace(iam_actions, "request_tag_context", service_context)
