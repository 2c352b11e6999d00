"""From a template's properties to a request of ECS's API, and from its answers to refusals."""

from __future__ import annotations

import json
from typing import Any

from ministack.core.responses import error_response_json

from ..refusals import Refused

NEEDS: dict[str, str | type] = {}

# Where the name in the API is not the template's with a small first letter.
_NAMES = {"EFSVolumeConfiguration": "efsVolumeConfiguration", "FilesystemId": "fileSystemId", "IAM": "iam"}

# What parameters hand over as text.
_NUMBERS = {
    "base", "containerPort", "desiredCount", "healthCheckGracePeriodSeconds", "hostPort", "instanceWarmupPeriod",
    "interval", "maximumPercent", "maximumScalingStepSize", "minimumHealthyPercent", "minimumScalingStepSize", "retries",
    "startPeriod", "stopTimeout", "targetCapacity", "timeout", "weight",
}
# Their keys are the user's own.
_FREE = {"dockerLabels", "options"}


def _name(key: str) -> str:
    return _NAMES.get(key) or key[:1].lower() + key[1:]


def from_properties(value: Any, name: str = "") -> Any:
    """The request that CloudFormation makes of a resource's properties."""
    if isinstance(value, dict):
        if name in _FREE:
            return dict(value)
        return {_name(key): from_properties(each, _name(key)) for key, each in value.items()}
    if isinstance(value, list):
        return [from_properties(each) for each in value]
    return int(value) if name in _NUMBERS and isinstance(value, str) else value


def refused(message: str, code: str = "ClientException") -> Refused:
    return Refused("AmazonECS", code, message)


def called(operation, request: dict) -> dict:
    """Call an operation; its answer, or its error raised as `Refused`."""
    status, _headers, body = operation(request)
    answer = json.loads(body)
    if status >= 300:
        code = str(answer.get("__type") or status).rpartition("#")[2]
        raise refused(answer.get("message") or answer.get("Message") or "", code)
    return answer


def checked(operation, check):
    """An operation of the API that is refused when `check` of its request is."""
    def call(data):
        try:
            check(data)
        except Refused as error:
            return error_response_json(error.code, error.message, error.status)
        return operation(data)
    return call


def install() -> None:
    """Nothing is patched."""
