"""Asynchronous invocation: retries, then the destination."""

from __future__ import annotations

import contextvars
import datetime
import json
import logging
import threading
import time
import uuid

from ministack import app
from ministack.core import iam_evaluator, lambda_runtime
from ministack.core.arn import ArnParseError, parse_arn
from ministack.core.concurrency import spawn_background
from ministack.core.responses import AccountRegionScopedDict, set_request_account_id, set_request_region
from ministack.services import lambda_svc, sns, sqs

from ..clock import clock, scope
from ..patching import replace

NEEDS = {
    "ministack.services.lambda_svc:_functions": AccountRegionScopedDict,
    "ministack.app:call_service_handler_sync": "handler, method, path, headers, body, query_params, timeout",
    "ministack.core.iam_evaluator:enforce":
        "access_key_id, iam_action, service, region, resource_arn, service_context",
    "ministack.core.lambda_runtime:execution_credentials": "config",
    "ministack.services.lambda_svc:_account_region_from_function_config": "config",
    "ministack.services.lambda_svc:_acquire_execution_slot": "func, config",
    "ministack.services.lambda_svc:_event_invoke_config": "func, qualifier",
    "ministack.services.lambda_svc:_execute_function_dispatch": "func, config, event, request_id, started",
    "ministack.services.lambda_svc:_get_func_record_for_ref": "function_ref",
    "ministack.services.lambda_svc:_invalid_parameter_value": "message",
    "ministack.services.lambda_svc:_invoke_depth": contextvars.ContextVar,
    "ministack.services.lambda_svc:_put_event_invoke_config": "func_name, qualifier, data",
    "ministack.services.lambda_svc:_release_execution_slot": "key",
    "ministack.services.lambda_svc:_reserved_concurrency": "func, config",
    "ministack.services.lambda_svc:executions_in_flight": "",
    "ministack.services.lambda_svc:_emit_lambda_metrics": "function_name, duration_ms, error, throttle",
    "ministack.services.lambda_svc:invoke_async_with_retry": "func, event",
    "ministack.services.sns:handle_request": "method, path, headers, body, query_params",
    "ministack.services.sqs:_queue_by_arn": "arn",
    "ministack.services.sqs:handle_request": "method, path, headers, body, query_params",
}

# On AWS one minute, then two. The order of events is the same; only the waiting is shortened.
RETRY_DELAYS_SECONDS = (0.5, 1.0)
_THROTTLE_DELAY_SECONDS = 0.05

_ACTIONS = {"lambda": "lambda:InvokeFunction", "sqs": "sqs:SendMessage", "sns": "sns:Publish"}

logger = logging.getLogger("local_aws.functions")


class _UnderWay:
    """How many events are between being accepted and being done with, those that wait for another try left out."""

    def __init__(self) -> None:
        self._count = 0
        self._lock = threading.Lock()

    def add(self, number: int) -> None:
        with self._lock:
            self._count += number

    def any(self) -> bool:
        return self._count > 0 or lambda_svc.executions_in_flight()[0] > 0


_under_way = _UnderWay()


def invoke(func: dict, event) -> None:
    """Queue an event for a function and return; what becomes of it shows in its logs and destinations."""
    depth = lambda_svc._invoke_depth.get()
    config = func.get("config") or func
    # A context of its own: neither the caller's identity nor its request may reach what runs later.
    context = scope(*lambda_svc._account_region_from_function_config(config))
    _under_way.add(1)
    try:
        spawn_background(context.run, _deliver, func, config, event, depth, thread_name="local-aws-async-invoke")
    except RuntimeError:
        _under_way.add(-1)
        raise


def _deliver(func: dict, config: dict, event, depth: int) -> None:
    try:
        _try(func, config, event, depth)
    finally:
        _under_way.add(-1)


def _wait(seconds: float) -> None:
    """Wait for another try, during which the clock may be moved."""
    _under_way.add(-1)
    try:
        time.sleep(seconds)
    finally:
        _under_way.add(1)


def _try(func: dict, config: dict, event, depth: int) -> None:
    lambda_svc._invoke_depth.set(depth)
    request_id = str(uuid.uuid4())
    started = time.time()
    attempts = 0
    while True:
        result, ran = attempt(func, config, event, request_id)
        settings = _settings(config)
        if not ran and lambda_svc._reserved_concurrency(_as_it_is_now(func, config), config) == 0:
            # A function that is switched off in this way gets its events neither now nor later.
            condition = "RetriesExhausted"
            break
        if ran:
            attempts += 1
            if not result.get("error"):
                _send_record(config, settings, "OnSuccess", "Success", request_id, event, result, attempts)
                return
            if attempts > int(settings.get("MaximumRetryAttempts", 2)):
                condition = "RetriesExhausted"
                break
            delay = RETRY_DELAYS_SECONDS[min(attempts, len(RETRY_DELAYS_SECONDS)) - 1]
        else:
            delay = _THROTTLE_DELAY_SECONDS
        age = time.time() - started
        if age + delay > int(settings.get("MaximumEventAgeInSeconds", 21600)):
            condition = "EventAgeExceeded"
            break
        if ran:
            _wait(delay)
        else:
            # For another execution, during which the clock is not moved; nor before this one has had its turn.
            time.sleep(delay)
    _send_record(config, settings, "OnFailure", condition, request_id, event, result, attempts)
    _send_to_dead_letter_queue(config, request_id, event, result)


def attempt(func: dict, config: dict, event, request_id: str) -> tuple[dict, bool]:
    """One execution under the event's own request id, and whether there was room for it."""
    slot, _limit = lambda_svc._acquire_execution_slot(_as_it_is_now(func, config), config)
    if slot is None:
        lambda_svc._emit_lambda_metrics(config["FunctionName"], duration_ms=0.0, error=False, throttle=True)
        return {"error": True, "body": None}, False
    began = time.time()
    try:
        result = lambda_svc._execute_function_dispatch(func, config, event, request_id, began)
    finally:
        lambda_svc._release_execution_slot(slot)
    lambda_svc._emit_lambda_metrics(
        config["FunctionName"], duration_ms=(time.time() - began) * 1000, error=bool(result.get("error")),
        throttle=False,
    )
    return result, True


def _as_it_is_now(func: dict, config: dict) -> dict:
    """The function's record, which sets its concurrency; an event may have waited since it was given another one."""
    return lambda_svc._functions.get(config["FunctionName"]) or func


def _qualifier(config: dict) -> str:
    """The version or alias an invocation named, from the ARN it was made with."""
    parts = config["FunctionArn"].split(":")
    return parts[7] if len(parts) > 7 else "$LATEST"


def _settings(config: dict) -> dict:
    """The event-invoke configuration as it is now."""
    base = lambda_svc._functions.get(config["FunctionName"]) or {}
    qualifier = _qualifier(config)
    found = lambda_svc._event_invoke_config(base, qualifier)
    if found is None and qualifier == "$LATEST":
        found = lambda_svc._event_invoke_config(base, None)
    return found or {}


def _record(config: dict, condition: str, request_id: str, event, result: dict, attempts: int) -> dict:
    """The invocation record, as the Lambda developer guide shows it."""
    now = datetime.datetime.now(datetime.timezone.utc)
    function_arn = ":".join(config["FunctionArn"].split(":")[:7])
    response: dict = {"statusCode": 200, "executedVersion": config.get("Version", "$LATEST")}
    if condition != "Success":
        response["functionError"] = result.get("function_error") or "Unhandled"
    return {
        "version": "1.0",
        "timestamp": now.strftime("%Y-%m-%dT%H:%M:%S.") + f"{now.microsecond // 1000:03d}Z",
        "requestContext": {
            "requestId": request_id,
            "functionArn": f"{function_arn}:{_qualifier(config)}",
            "condition": condition,
            "approximateInvokeCount": attempts,
        },
        "requestPayload": event,
        "responseContext": response,
        "responsePayload": result.get("body"),
    }


def _send_record(config, settings, kind, condition, request_id, event, result, attempts) -> None:
    target = ((settings.get("DestinationConfig") or {}).get(kind) or {}).get("Destination")
    if not target:
        return
    if refused := _refusal(config, target):
        logger.error("%s of %s is not delivered: %s", kind, config["FunctionName"], refused)
        return
    record = _record(config, condition, request_id, event, result, attempts)
    service = parse_arn(target).service
    if service == "lambda":
        func, destination, _name = lambda_svc._get_func_record_for_ref(target)
        if func is None:
            logger.error("%s of %s is not delivered: function not found: %s", kind, config["FunctionName"], target)
            return
        invoke(lambda_svc._execution_record_for_config(func, destination), record)
    elif service == "sqs":
        _send_message(target, record, {})
    elif service == "sns":
        _publish(target, record, {})


def _send_to_dead_letter_queue(config: dict, request_id: str, event, result: dict) -> None:
    """The event itself, with what went wrong as message attributes."""
    target = (config.get("DeadLetterConfig") or {}).get("TargetArn")
    if not target:
        return
    if refused := _refusal(config, target):
        logger.error("the dead-letter queue of %s is not served: %s", config["FunctionName"], refused)
        return
    body = result.get("body")
    message = body.get("errorMessage", "") if isinstance(body, dict) else ""
    attributes = {"RequestID": request_id, "ErrorCode": "200", "ErrorMessage": message[:1024] or "Unhandled"}
    send = _send_message if parse_arn(target).service == "sqs" else _publish
    send(target, event, attributes)


def _send_message(queue_arn: str, payload, attributes: dict[str, str]) -> None:
    queue = sqs._queue_by_arn(queue_arn)
    if queue is None:
        logger.error("queue not found: %s", queue_arn)
        return
    message = {
        "QueueUrl": queue["url"],
        "MessageBody": json.dumps(payload),
        "MessageAttributes": {
            key: {"DataType": "String", "StringValue": value} for key, value in attributes.items()
        },
    }
    headers = {"x-amz-target": "AmazonSQS.SendMessage", "content-type": "application/x-amz-json-1.0"}
    _call(sqs.handle_request, headers, json.dumps(message).encode(), {})


def _publish(topic_arn: str, payload, attributes: dict[str, str]) -> None:
    form = {"Action": "Publish", "TopicArn": topic_arn, "Message": json.dumps(payload)}
    for number, (key, value) in enumerate(attributes.items(), 1):
        form[f"MessageAttributes.entry.{number}.Name"] = key
        form[f"MessageAttributes.entry.{number}.Value.DataType"] = "String"
        form[f"MessageAttributes.entry.{number}.Value.StringValue"] = value
    _call(sns.handle_request, {}, b"", {key: [value] for key, value in form.items()})


def _call(handler, headers: dict, body: bytes, query: dict) -> None:
    status, _headers, answer = app.call_service_handler_sync(handler, "POST", "/", headers, body, query)
    if status >= 300:
        logger.error("a destination refused the record: %s", answer)


def _refusal(config: dict, target: str) -> str | None:
    """Why the function's own role may not send to a destination, or None when it may."""
    try:
        spec = parse_arn(target)
    except ArnParseError:
        return f"The destination ARN {target} is invalid."
    action = _ACTIONS.get(spec.service)
    if action is None:
        return f"The destination ARN {target} is invalid."
    if not app.AUTH:
        return None
    credentials = lambda_runtime.execution_credentials(config)
    denied = iam_evaluator.enforce(
        credentials["AWS_ACCESS_KEY_ID"], action, spec.service, spec.region, resource_arn=target
    )
    if denied is None:
        return None
    return f"The function's execution role does not have permissions to call {action.split(':')[1]} on {target}"


def install() -> None:
    put = lambda_svc._put_event_invoke_config

    def put_event_invoke_config(func_name, qualifier, data):
        config = (lambda_svc._functions.get(func_name) or {}).get("config")
        for target in (data.get("DestinationConfig") or {}).values():
            arn = (target or {}).get("Destination")
            refused = contextvars.Context().run(_refusal_in_scope, config, arn) if config and arn else None
            if refused:
                return lambda_svc._invalid_parameter_value(refused)
        return put(func_name, qualifier, data)

    clock.busy_while(_under_way.any)
    replace(lambda_svc, "invoke_async_with_retry", invoke)
    replace(lambda_svc, "_put_event_invoke_config", put_event_invoke_config)


def _refusal_in_scope(config: dict, target: str) -> str | None:
    account, region = lambda_svc._account_region_from_function_config(config)
    set_request_account_id(account)
    set_request_region(region)
    return _refusal(config, target)
