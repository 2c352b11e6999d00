"""The custom-resource protocol as CloudFormation keeps it."""

from __future__ import annotations

import json
import logging
import random
import string
import uuid
from typing import Any

from ministack.core.responses import get_region
from ministack.services import lambda_svc
from ministack.services.cloudformation import custom_resource

from .. import response_url
from ..functions import asynchronous

NEEDS = {
    "ministack.services.cloudformation.custom_resource:invoke_custom_resource":
        "request_type, logical_id, props, stack_name, stack_id, resource_type, physical_id, old_props",
    "ministack.services.cloudformation.custom_resource:_normalise_resource_properties": "value",
    "ministack.services.lambda_svc:_get_func_record_for_ref": "function_ref",
    "ministack.services.lambda_svc:_execution_record_for_config": "func, config",
}

_MAX_RESPONSE_BYTES = 4096
_MAX_PHYSICAL_ID_BYTES = 1024
_DEFAULT_TIMEOUT_SECONDS = 3600

logger = logging.getLogger("local_aws.cloudformation")


class CustomResourceFailed(RuntimeError):
    """A request was sent and did not succeed; `physical_id` is what the resource is known by since."""

    def __init__(self, reason: str, physical_id: str):
        super().__init__(reason)
        self.physical_id = physical_id


class VendorData(dict):
    """The Data of a response, with the name CloudFormation keeps it under."""

    def __init__(self, data: dict | None = None, object_id: str = "", no_echo: bool = False):
        super().__init__(data or {})
        self.object_id = object_id
        self.no_echo = no_echo

    def masked(self) -> VendorData:
        """What may be shown of it."""
        if not self.no_echo:
            return self
        return VendorData(dict.fromkeys(self, "****"), self.object_id, True)


class _InvalidResponse(Exception):
    pass


def is_custom(resource_type: str) -> bool:
    return resource_type.startswith("Custom::") or resource_type == "AWS::CloudFormation::CustomResource"


def _timeout(properties: dict) -> int:
    value = properties.get("ServiceTimeout", _DEFAULT_TIMEOUT_SECONDS)
    try:
        seconds = int(str(value))
    except ValueError:
        seconds = 0
    if not 1 <= seconds <= 3600:
        raise ValueError(f"Invalid ServiceTimeout: {value}. It must be an integer from 1 to 3600.")
    return seconds


def _function(service_token: Any) -> dict:
    """The function a ServiceToken names, as an execution record."""
    if not isinstance(service_token, str) or ":lambda:" not in service_token:
        raise ValueError("Invalid service token.")
    region = service_token.split(":")[3]
    if region != get_region():
        raise ValueError(
            "Invalid service token: the function must be in the region of the stack, " + get_region()
        )
    record, config, _name = lambda_svc._get_func_record_for_ref(service_token)
    if record is None or config is None:
        raise ValueError(
            f"Function not found: {service_token} (Service: Lambda, Status Code: 404, Request ID: {uuid.uuid4()})"
        )
    return lambda_svc._execution_record_for_config(record, config)


def _generated_physical_id(stack_name: str, logical_id: str) -> str:
    suffix = "".join(random.choices(string.ascii_uppercase + string.digits, k=12))
    return f"{stack_name}-{logical_id}-{suffix}"


def _parse(body: bytes, request: dict) -> dict:
    """The response as an object that belongs to the request."""
    if len(body) > _MAX_RESPONSE_BYTES:
        raise _InvalidResponse("Response object is too long.")
    try:
        response = json.loads(body)
    except ValueError:
        raise _InvalidResponse("Response is not valid JSON.") from None
    if not isinstance(response, dict) or response.get("Status") not in ("SUCCESS", "FAILED"):
        raise _InvalidResponse("Invalid response object: Status must be SUCCESS or FAILED.")
    for name in ("StackId", "RequestId", "LogicalResourceId"):
        if response.get(name) != request[name]:
            raise _InvalidResponse(f"Invalid response object: {name} is not that of the request.")
    physical_id = response.get("PhysicalResourceId")
    if not isinstance(physical_id, str) or not 1 <= len(physical_id.encode()) <= _MAX_PHYSICAL_ID_BYTES:
        raise _InvalidResponse("Invalid PhysicalResourceId")
    if not isinstance(response.get("Data") or {}, dict):
        raise _InvalidResponse("Invalid response object: Data must be an object.")
    return response


def invoke_custom_resource(
    request_type, logical_id, props, stack_name, stack_id, resource_type, physical_id=None, old_props=None
):
    """Send one request and wait for its answer; must run on a worker thread.

    Returns the physical id and the Data. Raises `ValueError` when the request could not be sent.
    """
    seconds = _timeout(props)
    function = _function(props.get("ServiceToken"))
    request_id = str(uuid.uuid4())
    slot = response_url.open_slot(get_region(), stack_id, logical_id, request_id)
    request = {
        "RequestType": request_type,
        "RequestId": request_id,
        "StackId": stack_id,
        "ResponseURL": slot.url,
        "ResourceType": resource_type,
        "LogicalResourceId": logical_id,
        "ResourceProperties": custom_resource._normalise_resource_properties(props),
    }
    if physical_id is not None:
        request["PhysicalResourceId"] = physical_id
    if old_props is not None:
        request["OldResourceProperties"] = custom_resource._normalise_resource_properties(old_props)

    asynchronous.invoke(function, request)
    body = slot.wait(seconds)

    # Without a usable answer CloudFormation goes on with the id it has, or with one it makes up.
    known_id = physical_id or _generated_physical_id(stack_name, logical_id)
    if body is None:
        raise CustomResourceFailed(
            "CloudFormation did not receive a response from your Custom Resource. Please check your logs for "
            f"requestId [{request_id}]. If you are using the Python cfn-response module, you may need to update "
            "your Lambda function code so that CloudFormation can attach the updated version.",
            known_id,
        )
    try:
        response = _parse(body, request)
    except _InvalidResponse as error:
        raise CustomResourceFailed(str(error), known_id) from None
    if response["Status"] == "FAILED":
        raise CustomResourceFailed(
            "Received response status [FAILED] from custom resource. "
            f"Message returned: {response.get('Reason', '')} (RequestId: {request_id})",
            response["PhysicalResourceId"],
        )
    data = VendorData(
        response.get("Data"), f"{stack_id}|{logical_id}|{request_id}", str(response.get("NoEcho")).lower() == "true"
    )
    return response["PhysicalResourceId"], data


def install() -> None:
    custom_resource.invoke_custom_resource = invoke_custom_resource
