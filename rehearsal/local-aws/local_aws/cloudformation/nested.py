"""Nested stacks: their templates, parameters and records."""

from __future__ import annotations

import copy
import random
import string
from dataclasses import dataclass

from ministack.core.responses import AccountRegionScopedDict, get_account_id, get_region, new_uuid, now_iso
from ministack.services import cloudformation
from ministack.services.cloudformation import engine, handlers, helpers, provisioners

NEEDS = {
    "ministack.services.cloudformation:_stack_events": AccountRegionScopedDict,
    "ministack.services.cloudformation:_stacks": AccountRegionScopedDict,
    "ministack.services.cloudformation.engine:_resolve_parameters": "template, provided_params, previous_params",
    "ministack.services.cloudformation.engine:validate_template_support": "template, conditions, params",
    "ministack.services.cloudformation.handlers:_stack_has_no_updates":
        "stack, template, param_values, tags, use_previous_template, tags_given",
    "ministack.services.cloudformation.helpers:_resolve_template": "params",
    "ministack.services.cloudformation.provisioners:_check_nested_stack_capabilities": "parent_stack_name, template",
    "ministack.services.cloudformation.provisioners:_inherited_capabilities": "parent_stack_name",
    "ministack.services.cloudformation.provisioners:_tag_map": "tags",
}

STACK = "AWS::CloudFormation::Stack"


@dataclass
class Child:
    """A nested stack that is about to be created or updated."""

    stack: dict
    template: dict
    parameters: dict
    previous: dict | None


def find(stack_id: str) -> dict | None:
    """The record of a stack by its id."""
    return next((stack for stack in cloudformation._stacks.values() if stack.get("StackId") == stack_id), None)


def attributes(stack: dict) -> dict:
    """What Fn::GetAtt reads of a nested stack."""
    return {f"Outputs.{output['OutputKey']}": output["OutputValue"] for output in stack["Outputs"]}


def new(parent: dict, logical_id: str, properties: dict) -> Child:
    """A nested stack that does not exist yet."""
    template, body, parameters = _read(parent, properties)
    suffix = "".join(random.choices(string.ascii_uppercase + string.digits, k=12))
    name = f"{parent['StackName']}-{logical_id}-{suffix}"
    stack = {
        "StackName": name,
        "StackId": f"arn:aws:cloudformation:{get_region()}:{get_account_id()}:stack/{name}/{new_uuid()}",
        "StackStatus": "CREATE_IN_PROGRESS",
        "StackStatusReason": "",
        "CreationTime": now_iso(),
        "Outputs": [],
        "DisableRollback": parent.get("DisableRollback", False),
        "ParentId": parent["StackId"],
        "RootId": parent.get("RootId") or parent["StackId"],
        "_region": get_region(),
        "_resources": {},
        "_template": {},
        "_resolved_params": {},
    }
    _describe(stack, parent, properties, template, body, parameters)
    cloudformation._stacks[name] = stack
    cloudformation._stack_events[stack["StackId"]] = []
    return Child(stack, template, parameters, None)


def changed(parent: dict, stack_id: str, properties: dict) -> Child | None:
    """A nested stack that exists, or None when its update would change nothing."""
    stack = find(stack_id)
    if stack is None or stack["StackStatus"] == "DELETE_COMPLETE":
        raise ValueError(f"Stack [{stack_id}] does not exist")
    template, body, parameters = _read(parent, properties)
    tags = _tags(properties)
    if handlers._stack_has_no_updates(stack, template, parameters, tags, False, True):
        return None
    previous = {
        key: copy.deepcopy(stack.get(key))
        for key in ("_resources", "_template", "_template_body", "_resolved_params", "_conditions", "Parameters",
                    "Tags", "Outputs")
    }
    stack["StackStatus"] = "UPDATE_IN_PROGRESS"
    _describe(stack, parent, properties, template, body, parameters)
    return Child(stack, template, parameters, previous)


def _read(parent: dict, properties: dict) -> tuple[dict, str, dict]:
    url = properties.get("TemplateURL")
    if not url:
        raise ValueError("Property TemplateURL cannot be empty.")
    body, error = helpers._resolve_template({"TemplateURL": [url]})
    if error is not None or not body:
        raise ValueError(f"S3 error: the template at {url} cannot be read")
    template = engine._parse_template(body)
    provisioners._check_nested_stack_capabilities(parent["StackName"], template)
    given = properties.get("Parameters") or {}
    if not isinstance(given, dict) or any(isinstance(value, (list, dict)) for value in given.values()):
        raise ValueError("Value of property Parameters must be an object with String (or simple type) properties")
    unknown = sorted(set(given) - set(template.get("Parameters", {})))
    if unknown:
        raise ValueError(f"Parameters: [{', '.join(unknown)}] do not exist in the template")
    parameters = engine._resolve_parameters(
        template, [{"Key": key, "Value": _text(value)} for key, value in given.items()]
    )
    engine.validate_template_support(template, engine._evaluate_conditions(template, parameters), params=parameters)
    return template, body, parameters


def _text(value) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return "" if value is None else str(value)


def _tags(properties: dict) -> list[dict]:
    return [
        {"Key": key, "Value": value}
        for key, value in provisioners._tag_map(properties.get("Tags")).items()
        if not key.startswith("aws:")
    ]


def _describe(stack: dict, parent: dict, properties: dict, template: dict, body: str, parameters: dict) -> None:
    stack.update(
        LastUpdatedTime=now_iso(),
        Description=template.get("Description", ""),
        Parameters=[
            {"ParameterKey": key, "ParameterValue": value["Value"], "NoEcho": value["NoEcho"]}
            for key, value in parameters.items()
        ],
        Tags=_tags(properties),
        Capabilities=provisioners._inherited_capabilities(parent["StackName"]),
        _template_body=body,
        _conditions=engine._evaluate_conditions(template, parameters),
        _parent_stack_name=parent["StackName"],
    )
