"""IAM: the actions, resources and condition keys that MiniStack's evaluation leaves out."""

from __future__ import annotations

import json
from urllib.parse import unquote

from ministack.core import iam_actions
from ministack.core.responses import get_region
from ministack.services import acm, route53, tagging

from .patching import replace
from .route53 import normalise
from .ses import authorization as ses

NEEDS = {
    "ministack.core.iam_actions:_lambda_action": "method, path",
    "ministack.core.iam_actions:extract_iam_action": "service, method, path, headers, body, query_params",
    "ministack.core.iam_actions:extract_resource_arn":
        "service, method, path, headers, body, query_params, region, account_id",
    "ministack.core.iam_actions:request_tag_context": "service, iam_action, body, params",
    "ministack.services.tagging:_RESOURCE_TAG_COLLECTORS": dict,
}

_LAMBDA_ACTIONS = {
    "event-invoke-config": {
        "GET": "GetFunctionEventInvokeConfig", "PUT": "PutFunctionEventInvokeConfig",
        "POST": "UpdateFunctionEventInvokeConfig", "DELETE": "DeleteFunctionEventInvokeConfig",
    },
    "recursion-config": {"GET": "GetFunctionRecursionConfig", "PUT": "PutFunctionRecursionConfig"},
}


def _first(params: dict, name: str) -> str:
    value = params.get(name) or ""
    return value[0] if isinstance(value, list) else value


def _is_in_cbor(service: str, headers: dict) -> bool:
    """Whether CloudWatch is called as the newer SDKs do (Smithy RPC v2 CBOR)."""
    return service == "monitoring" and headers.get("smithy-protocol") == "rpc-v2-cbor"


def _record_keys(body: bytes) -> dict:
    """The condition keys of ChangeResourceRecordSets: names without the dot at the end, types and actions."""
    root = route53._parse_body(body)
    batch = route53._find(root, "ChangeBatch") if root is not None else None
    changes = route53._find(batch, "Changes") if batch is not None else None
    names, types, actions = set(), set(), set()
    for change in route53._findall(changes, "Change") if changes is not None else []:
        actions.add(route53._text(change, "Action"))
        record = route53._find(change, "ResourceRecordSet")
        if record is not None:
            names.add(normalise(route53._text(record, "Name")).rstrip("."))
            types.add(route53._text(record, "Type"))
    prefix = "route53:ChangeResourceRecordSets"
    return {
        prefix + "NormalizedRecordNames": sorted(names),
        prefix + "RecordTypes": sorted(types),
        prefix + "Actions": sorted(actions),
    }


def _certificate_keys(body: bytes) -> dict:
    """The condition keys of RequestCertificate."""
    try:
        data = json.loads(body)
    except ValueError:
        return {}
    names = [data.get("DomainName", ""), *(data.get("SubjectAlternativeNames") or [])]
    return {
        "acm:DomainNames": sorted({name.lower() for name in names if name}),
        "acm:ValidationMethod": data.get("ValidationMethod", "EMAIL"),
        "acm:KeyAlgorithm": data.get("KeyAlgorithm", "RSA_2048"),
    }


def _certificates_tags() -> list:
    return [(arn, certificate.get("Tags", [])) for arn, certificate in acm._certificates.items()]


def install() -> None:
    # aws:ResourceTag is evaluated for the services listed here only.
    tagging._RESOURCE_TAG_COLLECTORS["acm"] = _certificates_tags
    lambda_action = iam_actions._lambda_action
    action_of_request = iam_actions.extract_iam_action
    resource_arn = iam_actions.extract_resource_arn
    tag_context = iam_actions.request_tag_context

    def action_of_lambda(method, path):
        parts = [part for part in path.split("/") if part]
        named = _LAMBDA_ACTIONS.get(parts[-1]) if len(parts) > 3 and "functions" in parts else None
        return named.get(method) if named else lambda_action(method, path)

    def action(service, method, path, headers, body, query_params):
        if _is_in_cbor(service, headers):
            # /service/NAME/operation/OPERATION
            return f"cloudwatch:{path.rstrip('/').rsplit('/', 1)[-1]}"
        return action_of_request(service, method, path, headers, body, query_params)

    def arn_of_resource(service, method, path, headers, body, query_params, region, account_id):
        if _is_in_cbor(service, headers):
            return "*"
        parts = [part for part in path.split("/") if part]
        if service == "route53" and parts[1:2] == ["change"] and len(parts) > 2:
            return f"arn:aws:route53:::change/{parts[2]}"
        if service == "ses":
            return ses.resource(_first(query_params, "Action"), method, path, body, query_params, region)
        if service == "route53" and parts[1:2] in (["hostedzone"], ["hostedzonesbyname"]) and len(parts) == 2:
            return "*"
        arn = resource_arn(service, method, path, headers, body, query_params, region, account_id)
        if service == "lambda" and parts[-1:] == ["invocations"]:
            arn = unquote(arn)
            qualifier = _first(query_params, "Qualifier")
            if qualifier and arn.count(":") == 6:
                arn = f"{arn}:{qualifier}"
        return arn

    def service_context(service, iam_action, body, params):
        # What begins so is a map in CBOR, and no form with tags.
        context = tag_context(service, iam_action, b"" if body[:1] >= b"\xa0" else body, params)
        if iam_action == "route53:ChangeResourceRecordSets":
            context.update(_record_keys(body))
        elif iam_action == "acm:RequestCertificate":
            context.update(_certificate_keys(body))
        elif service == "ses" and body[:1] != b"{":
            operation = iam_action.split(":")[1]
            arn = ses.resource(operation, "POST", "/", body, params, get_region())
            context.update(ses.context(operation, "/", body, params, arn))
        return context

    replace(iam_actions, "_lambda_action", action_of_lambda)
    replace(iam_actions, "extract_iam_action", action)
    replace(iam_actions, "extract_resource_arn", arn_of_resource)
    replace(iam_actions, "request_tag_context", service_context)
