"""Alarms: on expressions too, and never with an action that would reach nobody."""

from __future__ import annotations

import re

from ministack.core.responses import AccountRegionScopedDict, get_account_id, get_region
from ministack.services import sns
from ministack.services.cloudformation import provisioners

from ..patching import replace
from ..publishing import may_use_key
from ..refusals import Refused
from ..service_principals import allowed

NEEDS = {
    "ministack.services.cloudformation.provisioners:_cw_metric_alarm_put": "name, props",
    "ministack.services.cloudformation.provisioners:_cw_metric_alarm_record": "name, props",
    "ministack.services.sns:_topics": AccountRegionScopedDict,
}

_CLOUDWATCH = "cloudwatch.amazonaws.com"
_ACTIONS = ("AlarmActions", "OKActions", "InsufficientDataActions")
_IDENTIFIER = re.compile(r"^[a-z][A-Za-z0-9_]*$")
_MAX_QUERIES = 10


def _invalid(message: str) -> Refused:
    return Refused("CloudWatch", "ValidationError", message)


def _check_expressions(queries: list[dict]) -> None:
    names = [one.get("Id", "") for one in queries]
    if len(queries) > _MAX_QUERIES or len(set(names)) < len(names):
        raise _invalid(f"Metrics must have at most {_MAX_QUERIES} members with ids of their own")
    for name in names:
        if not _IDENTIFIER.match(name):
            raise _invalid(f"Value '{name}' at 'id' must begin with a lower-case letter and have letters, digits and _ only")
    for one in queries:
        if bool(one.get("Expression")) == bool(one.get("MetricStat")):
            raise _invalid(f"'{one['Id']}' must have either an Expression or a MetricStat")
        # Functions are written in capitals, so what begins small is a name.
        used = set(re.findall(r"\b[a-z][A-Za-z0-9_]*\b", re.sub(r'"[^"]*"', "", one.get("Expression") or "")))
        if missing := used - set(names):
            raise _invalid(f"Error in expression '{one['Id']}': unresolved symbols {', '.join(sorted(missing))}")
    returned = [one for one in queries if str(one.get("ReturnData", "true")).lower() != "false"]
    if len(returned) != 1:
        raise _invalid("Exactly one element of the metrics list must return data")


def _check_topic(arn: str, alarm: str) -> None:
    """AWS accepts an alarm that may not publish to its topic, and then tells nobody."""
    topic = sns._topics.get(arn)
    if topic is None:
        return
    attributes = topic["attributes"]
    context = {"aws:sourceaccount": get_account_id(),
               "aws:sourcearn": f"arn:aws:cloudwatch:{get_region()}:{get_account_id()}:alarm:{alarm}"}
    key = attributes.get("KmsMasterKeyId")
    if not allowed(attributes.get("Policy"), _CLOUDWATCH, "sns:Publish", arn, context):
        raise _invalid(f"The alarm would reach nobody: the policy of {arn} does not let {_CLOUDWATCH} publish")
    if key and not may_use_key(_CLOUDWATCH, key, arn, context):
        raise _invalid(f"The alarm would reach nobody: the key of {arn} does not let {_CLOUDWATCH} use it")


def install() -> None:
    record = provisioners._cw_metric_alarm_record
    put = provisioners._cw_metric_alarm_put

    def with_expressions(name, props):
        queries = props.get("Metrics")
        if not queries:
            return record(name, props)
        if props.get("MetricName"):
            raise _invalid("An alarm has either a MetricName or Metrics")
        _check_expressions(queries)
        plain = {key: value for key, value in props.items() if key != "Metrics"}
        made = record(name, {**plain, "MetricName": "-", "Namespace": "-"})
        # Nothing evaluates it: without a name it is left alone.
        return {**made, "MetricName": "", "Namespace": "", "Metrics": queries}

    def checked(name, props):
        for kind in _ACTIONS:
            for action in props.get(kind) or []:
                if ":sns:" in action:
                    _check_topic(action, name)
        return put(name, props)

    replace(provisioners, "_cw_metric_alarm_record", with_expressions)
    replace(provisioners, "_cw_metric_alarm_put", checked)
