"""Templates: where they are read from, functions in conditions, booleans, attributes of custom resources."""

from __future__ import annotations

import copy
import re
from typing import Any

from ministack.services.cloudformation import changesets, engine, handlers, helpers, provisioners, stacks

from ..patching import replace
from .custom_resources import VendorData

NEEDS = {
    "ministack.services.cloudformation.changesets:_resolve_props_for_diff": "template, params, stack_name, stack_id",
    "ministack.services.cloudformation.engine:_evaluate_conditions": "template, params",
    "ministack.services.cloudformation.engine:_parse_template": "template_body",
    "ministack.services.cloudformation.engine:_unknown_attribute_message": "res, logical_id, attr",
    "ministack.services.cloudformation.engine:_resolve_refs":
        "value, resources, params, conditions, mappings, stack_name, stack_id",
    "ministack.services.cloudformation.helpers:_p": "params, key, default",
    "ministack.services.cloudformation.helpers:_resolve_document": "params, body_key, url_key, label",
}

# All of them import the functions below by name, so they have to be loaded before these are replaced.
_IMPORTERS = (changesets, handlers, provisioners, stacks)

# What MiniStack's own evaluation of conditions leaves as it stands.
_VALUE_FUNCTIONS = ("Fn::Split", "Fn::Join", "Fn::Sub", "Fn::Select", "Fn::FindInMap")

# https://bucket.s3.region.amazonaws.com/key
_BUCKET_HOST = re.compile(r"^https://([a-z0-9.-]+)\.s3(?:[.-][a-z0-9-]+)?\.amazonaws\.com(?:\.cn)?/(.+)$")

_PSEUDO_PARAMETERS = ("AWS::Region", "AWS::AccountId", "AWS::Partition", "AWS::URLSuffix")


def _plain_conditions(template: dict, params: dict) -> dict:
    """The template with every value function in its conditions computed; Fn::Equals and its like stay."""

    def compute(node: Any) -> Any:
        return engine._resolve_refs(
            copy.deepcopy(node), {}, params, {}, template.get("Mappings", {}), "", ""
        )

    def walk(node: Any) -> Any:
        if isinstance(node, list):
            return [walk(item) for item in node]
        if not isinstance(node, dict):
            return node
        if len(node) == 1:
            function, argument = next(iter(node.items()))
            if function in _VALUE_FUNCTIONS or (function == "Ref" and argument in _PSEUDO_PARAMETERS):
                return compute(node)
        return {key: walk(value) for key, value in node.items()}

    return {**template, "Conditions": walk(template["Conditions"])}


def _with_text_booleans(node: Any) -> Any:
    """YAML's unquoted booleans as CloudFormation reads them: the strings `true` and `false`."""
    if isinstance(node, bool):
        return "true" if node else "false"
    if isinstance(node, dict):
        return {key: _with_text_booleans(value) for key, value in node.items()}
    if isinstance(node, list):
        return [_with_text_booleans(item) for item in node]
    return node


def install() -> None:
    evaluate = engine._evaluate_conditions
    parse = engine._parse_template
    unknown_attribute = engine._unknown_attribute_message
    resolve_document = helpers._resolve_document
    resolve_for_change_set = changesets._resolve_props_for_diff

    def document(params, body_key, url_key, label):
        """MiniStack reads bucket and key from the path alone."""
        found = _BUCKET_HOST.match(helpers._p(params, url_key))
        if found:
            params = {**params, url_key: [f"https://s3.amazonaws.com/{found.group(1)}/{found.group(2)}"]}
        return resolve_document(params, body_key, url_key, label)

    def evaluate_conditions(template, params):
        return evaluate(_plain_conditions(template, params) if template.get("Conditions") else template, params)

    def parse_template(template_body):
        template = parse(template_body)
        for section in ("Parameters", "Conditions"):
            if isinstance(template.get(section), dict):
                template[section] = _with_text_booleans(template[section])
        return template

    def unknown_attribute_message(res, logical_id, attr):
        data = res.get("Attributes")
        if isinstance(data, VendorData):
            return (
                f"CustomResource attribute error: Vendor response doesn't contain {attr} attribute "
                f"in object {data.object_id}"
            )
        return unknown_attribute(res, logical_id, attr)

    def resolved_for_change_set(template, params, stack_name, stack_id):
        """MiniStack compares resources whose condition is false as if they were there."""
        if not template:
            return {}
        conditions = engine._evaluate_conditions(template, params)
        there = {
            name: resource for name, resource in template.get("Resources", {}).items()
            if conditions.get(resource.get("Condition"), True)
        }
        return resolve_for_change_set({**template, "Resources": there}, params, stack_name, stack_id)

    replace(changesets, "_resolve_props_for_diff", resolved_for_change_set)
    replace(engine, "_evaluate_conditions", evaluate_conditions)
    replace(engine, "_parse_template", parse_template)
    replace(helpers, "_resolve_document", document)
    replace(engine, "_unknown_attribute_message", unknown_attribute_message)
