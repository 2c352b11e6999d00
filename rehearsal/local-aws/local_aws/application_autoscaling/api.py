"""The API, in JSON 1.1."""

from __future__ import annotations

import json

from ministack import app
from ministack.core import iam_actions, router
from ministack.core.responses import error_response_json, json_response

from ..refusals import Refused
from . import store

NEEDS = {
    "ministack.app:SERVICE_HANDLERS": dict,
    "ministack.core.iam_actions:SERVICE_TO_IAM_NAMESPACE": dict,
    "ministack.core.router:SERVICE_PATTERNS": dict,
}

_NAME = "application-autoscaling"


def _nothing(operation):
    def call(request: dict) -> dict:
        operation(request)
        return {}
    return call


def _register(request: dict) -> dict:
    return {"ScalableTargetARN": store.register_target(request)["ScalableTargetARN"]}


def _put(request: dict) -> dict:
    return {"PolicyARN": store.put_policy(request)["PolicyARN"], "Alarms": []}


_OPERATIONS = {
    "DeleteScalingPolicy": _nothing(store.delete_policy),
    "DeregisterScalableTarget": _nothing(store.deregister_target),
    "DescribeScalableTargets": lambda request: {"ScalableTargets": store.targets(request)},
    "DescribeScalingPolicies": lambda request: {"ScalingPolicies": store.policies(request)},
    "PutScalingPolicy": _put,
    "RegisterScalableTarget": _register,
}


async def _handle(_method, _path, headers, body, _query_params):
    operation = _OPERATIONS.get(headers.get("x-amz-target", "").rpartition(".")[2])
    if operation is None:
        return error_response_json("UnknownOperationException", "", 400)
    try:
        return json_response(operation(json.loads(body or b"{}")))
    except Refused as error:
        return error_response_json(error.code, error.message, error.status)


def install() -> None:
    app.SERVICE_HANDLERS[_NAME] = _handle
    router.SERVICE_PATTERNS[_NAME] = {"target_prefixes": ["AnyScaleFrontendService"], "credential_scope": _NAME}
    iam_actions.SERVICE_TO_IAM_NAMESPACE[_NAME] = _NAME
