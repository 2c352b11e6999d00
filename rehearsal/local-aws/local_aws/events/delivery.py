"""Delivery of events to functions: only with their permission, otherwise to the target's dead-letter queue.

EventBridge hands an event to Lambda's own queue, which accepts it also while the function fails or is throttled; what
becomes of it then is the function's event-invoke configuration. So its retries never come to bear here, and its
dead-letter queue gets what can never be delivered: the function is gone or does not let EventBridge invoke it.
"""

from __future__ import annotations

import contextvars
import json
import logging

from ministack.core.arn import parse_arn
from ministack.core.responses import get_account_id
from ministack.services import eventbridge, lambda_svc, sqs

from .. import service_principals
from ..functions import asynchronous
from ..patching import replace

NEEDS: dict[str, str | type] = {
    "ministack.services.eventbridge:_dispatch_to_lambda": "arn, payload",
    "ministack.services.eventbridge:_dispatch_to_sqs": "spec, payload, sqs_parameters",
    "ministack.services.eventbridge:_invoke_target": "target, event, rule, view",
    "ministack.services.lambda_svc:_execution_record_for_config": "func, config",
    "ministack.services.lambda_svc:_get_func_record_for_ref": "function_ref",
    "ministack.services.sqs:_queue_by_arn": "arn",
}

logger = logging.getLogger("local_aws.events")

_SERVICE = "events.amazonaws.com"

# The rule and the target that an event is being delivered for; MiniStack hands over the payload alone.
_delivered: contextvars.ContextVar[tuple[dict, dict]] = contextvars.ContextVar("local_aws_delivered_event")


def _dispatch(arn: str, payload: str) -> None:
    target, rule = _delivered.get()
    func, config, _name = lambda_svc._get_func_record_for_ref(arn)
    source = {"aws:sourcearn": rule.get("Arn", ""), "aws:sourceaccount": get_account_id()}
    if not func or not config:
        _bury(target, rule, payload, "RESOURCE_NOT_FOUND", f"Function not found: {arn}")
    elif not service_principals.allowed(func["policy"], _SERVICE, "lambda:InvokeFunction", arn, source):
        _bury(target, rule, payload, "NO_PERMISSIONS",
              f"{_SERVICE} is not authorized to perform: lambda:InvokeFunction on resource: {arn}")
    else:
        asynchronous.invoke(lambda_svc._execution_record_for_config(func, config), json.loads(payload))


def _bury(target: dict, rule: dict, payload: str, code: str, message: str) -> None:
    """Send what cannot be delivered to the target's dead-letter queue, if it has one that EventBridge may use."""
    logger.error("the rule %s could not invoke its target: %s", rule.get("Name"), message)
    queue_arn = (target.get("DeadLetterConfig") or {}).get("Arn")
    if not queue_arn:
        return
    queue = sqs._queue_by_arn(queue_arn)
    source = {"aws:sourcearn": rule.get("Arn", ""), "aws:sourceaccount": get_account_id()}
    if queue is None or not service_principals.allowed(
            queue["attributes"].get("Policy"), _SERVICE, "sqs:SendMessage", queue_arn, source):
        logger.error("the dead-letter queue %s of rule %s is not there or refuses", queue_arn, rule.get("Name"))
        return
    eventbridge._dispatch_to_sqs(parse_arn(queue_arn), payload)
    attributes = {
        "RULE_ARN": rule.get("Arn", ""), "TARGET_ARN": target.get("Arn", ""), "ERROR_CODE": code,
        "ERROR_MESSAGE": message,
    }
    queue["messages"][-1]["message_attributes"] = {
        name: {"DataType": "String", "StringValue": value} for name, value in attributes.items()
    }


def install() -> None:
    invoke_target = eventbridge._invoke_target

    def invoke(target, event, rule, view=None):
        token = _delivered.set((target, rule))
        try:
            return invoke_target(target, event, rule, view)
        finally:
            _delivered.reset(token)

    replace(eventbridge, "_invoke_target", invoke)
    eventbridge._dispatch_to_lambda = _dispatch
