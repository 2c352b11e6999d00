"""A function's output in its CloudWatch log group, in the stream its environment names."""

from __future__ import annotations

import contextvars
import logging
import time

from ministack import app
from ministack.core import iam_evaluator, lambda_runtime
from ministack.core.responses import (
    AccountRegionScopedDict,
    get_account_id,
    get_region,
    set_request_account_id,
    set_request_region,
)
from ministack.services import cloudwatch_logs, lambda_svc

from .. import metrics

NEEDS = {
    "ministack.services.cloudwatch_logs:_log_groups": AccountRegionScopedDict,
    "ministack.services.cloudwatch_logs:_append_log_events": "stream, events",
    "ministack.services.cloudwatch_logs:_fanout_to_subscription_filters": "group_name, stream_name, events",
    "ministack.services.cloudwatch_logs:_make_group_arn": "name",
    "ministack.services.lambda_svc:_emit_lambda_logs":
        "func, request_id, log_text, error, duration_ms, *, log_source",
}

# Every line of every function, also after its log group was deleted; `bbb rehearse` reads it in the emulator's log.
output = logging.getLogger("local_aws.functions.output")

# The log stream of the execution environment that served the invocation in this context.
current_stream: contextvars.ContextVar[str] = contextvars.ContextVar("local_aws_log_stream", default="")


def group_name(config: dict) -> str:
    return (config.get("LoggingConfig") or {}).get("LogGroup") or f"/aws/lambda/{config['FunctionName']}"


def _stream(config: dict, name: str) -> dict:
    now = int(time.time() * 1000)
    group = cloudwatch_logs._log_groups.get(group_name(config))
    if group is None:
        group = {
            "arn": cloudwatch_logs._make_group_arn(group_name(config)), "creationTime": now, "retentionInDays": None,
            "tags": {}, "subscriptionFilters": {}, "streams": {},
        }
        cloudwatch_logs._log_groups[group_name(config)] = group
    return group["streams"].setdefault(name, {
        "events": [], "uploadSequenceToken": "1", "creationTime": now, "firstEventTimestamp": None,
        "lastEventTimestamp": None, "lastIngestionTime": None,
    })


def _may_create_group(config: dict) -> bool:
    """Whether the function's role may make its log group."""
    if not app.AUTH:
        return True
    account, region = get_account_id(), get_region()
    arn = cloudwatch_logs._make_group_arn(group_name(config))

    def allowed() -> bool:
        set_request_account_id(account)
        set_request_region(region)
        key = lambda_runtime.execution_credentials(config)["AWS_ACCESS_KEY_ID"]
        return iam_evaluator.enforce(key, "logs:CreateLogGroup", "logs", region, resource_arn=arn) is None

    # Without what is known of the request that invoked the function.
    return contextvars.Context().run(allowed)


def _emit(config: dict, name: str, request_id: str, text: str, duration_ms: int) -> None:
    version, memory = config.get("Version", "$LATEST"), config.get("MemorySize", 128)
    lines = [
        f"START RequestId: {request_id} Version: {version}",
        *text.splitlines(),
        f"END RequestId: {request_id}",
        f"REPORT RequestId: {request_id}\tDuration: {duration_ms} ms\tBilled Duration: {duration_ms} ms\t"
        f"Memory Size: {memory} MB",
    ]
    for line in text.splitlines():
        output.info("%s %s", group_name(config), line)
    if group_name(config) not in cloudwatch_logs._log_groups and not _may_create_group(config):
        # Deleted meanwhile, for example. Only a role with logs:CreateLogGroup makes it again.
        return
    for line in text.splitlines():
        metrics.from_log_line(line)
    now = int(time.time() * 1000)
    cloudwatch_logs._append_log_events(
        _stream(config, name), [{"timestamp": now, "message": line, "ingestionTime": now} for line in lines]
    )
    cloudwatch_logs._fanout_to_subscription_filters(
        group_name(config), name, [{"timestamp": now, "message": line} for line in lines]
    )


def install() -> None:
    emit_otherwise = lambda_svc._emit_lambda_logs

    def emit_lambda_logs(func, request_id, log_text, error, duration_ms, *, log_source=None):
        name = current_stream.get()
        if name:
            _emit(func.get("config") or func, name, request_id, log_text, duration_ms)
        else:
            emit_otherwise(func, request_id, log_text, error, duration_ms, log_source=log_source)

    lambda_svc._emit_lambda_logs = emit_lambda_logs
