"""RDS's event subscriptions: categories that exist, sources that exist, and a topic that RDS may publish to."""

from __future__ import annotations

import random
import string
from xml.sax.saxutils import escape

from ministack.core.responses import AccountRegionScopedDict, get_account_id, get_region, now_iso
from ministack.services import rds, sns
from ministack.services.cloudformation import provisioners

from .. import publishing
from ..refusals import Refused
from ..service_principals import allowed
from .databases import refused

NEEDS = {
    "ministack.services.cloudformation.provisioners:_RESOURCE_HANDLERS": dict,
    "ministack.services.rds:_ACTION_MAP": dict,
    "ministack.services.rds:_clusters": AccountRegionScopedDict,
    "ministack.services.rds:_error": "code, message, status",
    "ministack.services.rds:_instances": AccountRegionScopedDict,
    "ministack.services.rds:_p": "params, key, default",
    "ministack.services.rds:_parse_member_list": "params, prefix",
    "ministack.services.rds:_xml": "status, root_tag, inner",
    "ministack.services.sns:_topic_by_arn_any_scope": "topic_arn",
}

_SERVICE = "events.rds.amazonaws.com"
# As "Amazon RDS event categories and event messages for Aurora" lists them.
_CATEGORIES = {
    "db-cluster": {"configuration change", "creation", "deletion", "failover", "failure", "global-failover", "maintenance",
                   "migration", "notification", "serverless"},
    "db-instance": {"availability", "backup", "configuration change", "creation", "deletion", "failure", "low storage",
                    "maintenance", "notification", "read replica", "recovery", "restoration", "security"},
}

_subscriptions = AccountRegionScopedDict()


def _check_topic(arn: str) -> None:
    topic = sns._topic_by_arn_any_scope(arn)
    if topic is None:
        raise refused("SNSTopicArnNotFound", f"The SNS topic ARN {arn} doesn't exist.", 404)
    attributes = topic["attributes"]
    source = {"aws:sourceaccount": get_account_id(), "aws:sourceowner": get_account_id(),
              "aws:sourcearn": f"arn:aws:rds:{get_region()}:{get_account_id()}:es:subscription"}
    is_allowed = allowed(attributes.get("Policy"), _SERVICE, "sns:Publish", arn, source)
    key = attributes.get("KmsMasterKeyId")
    if not is_allowed or (key and not publishing.may_use_key(_SERVICE, key, arn)):
        raise refused("SNSNoAuthorization", f"You do not have permission to publish to the SNS topic ARN {arn}.")


def _check(subscription: dict) -> None:
    _check_topic(subscription["SnsTopicArn"])
    kind = subscription.get("SourceType")
    if not kind:
        if subscription["SourceIds"] or subscription["EventCategories"]:
            raise refused("InvalidParameterCombination", "SourceType must be provided.")
        return
    if kind not in _CATEGORIES:
        raise refused("InvalidParameterValue", f"Invalid source type: {kind}")
    if unknown := set(subscription["EventCategories"]) - _CATEGORIES[kind]:
        raise refused("SubscriptionCategoryNotFound",
                      f"The supplied category does not exist: {', '.join(sorted(unknown))}", 404)
    known = rds._clusters if kind == "db-cluster" else rds._instances
    if missing := [one for one in subscription["SourceIds"] if one not in known]:
        raise refused("SourceNotFound", f"Could not find source: {missing[0]}", 404)


def _put(name: str, fields: dict, *, new: bool) -> dict:
    before = _subscriptions.get(name)
    if new and before:
        raise refused("SubscriptionAlreadyExist", f"Event Subscription {name} already exists.")
    if not new and before is None:
        raise refused("SubscriptionNotFound", f"Event Subscription {name} not found.", 404)
    arn = f"arn:aws:rds:{get_region()}:{get_account_id()}:es:{name}"
    made = {"SourceIds": [], "EventCategories": [], "Enabled": True, "CreationTime": now_iso(), **(before or {}), **fields,
            "Name": name, "Arn": arn}
    _check(made)
    _subscriptions[name] = made
    return made


def _xml_of(one: dict) -> str:
    lists = (
        ("EventCategoriesList", "EventCategory", one["EventCategories"]), ("SourceIdsList", "SourceId", one["SourceIds"]))
    return "".join((
        f"<CustSubscriptionId>{escape(one['Name'])}</CustSubscriptionId>",
        f"<EventSubscriptionArn>{escape(one['Arn'])}</EventSubscriptionArn>",
        f"<CustomerAwsId>{get_account_id()}</CustomerAwsId>",
        f"<SnsTopicArn>{escape(one['SnsTopicArn'])}</SnsTopicArn>", "<Status>active</Status>",
        f"<SubscriptionCreationTime>{one['CreationTime']}</SubscriptionCreationTime>",
        f"<SourceType>{escape(one['SourceType'])}</SourceType>" if one.get("SourceType") else "",
        f"<Enabled>{str(one['Enabled']).lower()}</Enabled>",
        *(f"<{outer}>{''.join(f'<{inner}>{escape(value)}</{inner}>' for value in values)}</{outer}>"
          for outer, inner, values in lists),
    ))


def _fields(p: dict) -> dict:
    fields = {name: rds._p(p, name) for name in ("SnsTopicArn", "SourceType") if rds._p(p, name)}
    for name, inner in (("SourceIds", "SourceId"), ("EventCategories", "EventCategory")):
        if values := rds._parse_member_list(p, name) or rds._parse_member_list(p, f"{name}.{inner}"):
            fields[name] = values
    if rds._p(p, "Enabled"):
        fields["Enabled"] = rds._p(p, "Enabled").lower() == "true"
    return fields


def _answers(action: str, operation):
    def answer(p):
        try:
            return rds._xml(200, f"{action}Response", f"<{action}Result>{operation(p)}</{action}Result>")
        except Refused as error:
            return rds._error(error.code, error.message, error.status)
    return answer


def _one(subscription: dict) -> str:
    return f"<EventSubscription>{_xml_of(subscription)}</EventSubscription>"


def _found(p: dict) -> dict:
    name = rds._p(p, "SubscriptionName")
    if name not in _subscriptions:
        raise refused("SubscriptionNotFound", f"Event Subscription {name} not found.", 404)
    return _subscriptions[name]


def _described(p: dict) -> str:
    shown = [_found(p)] if rds._p(p, "SubscriptionName") else list(_subscriptions.values())
    return f"<EventSubscriptionsList>{''.join(_one(each) for each in shown)}</EventSubscriptionsList>"


def _deleted(p: dict) -> str:
    found = _found(p)
    del _subscriptions[found["Name"]]
    return _one(found)


_OPERATIONS = {
    "CreateEventSubscription": lambda p: _one(_put(rds._p(p, "SubscriptionName"), _fields(p), new=True)),
    "ModifyEventSubscription": lambda p: _one(_put(rds._p(p, "SubscriptionName"), _fields(p), new=False)),
    "DescribeEventSubscriptions": _described,
    "DeleteEventSubscription": _deleted,
}


class _Subscription:
    """Ref is its name."""

    @staticmethod
    def _fields(properties: dict) -> dict:
        return {
            "SnsTopicArn": properties["SnsTopicArn"], "SourceType": properties.get("SourceType"),
            "SourceIds": list(properties.get("SourceIds") or []),
            "EventCategories": list(properties.get("EventCategories") or []),
            "Enabled": str(properties.get("Enabled", True)).lower() == "true",
        }

    @staticmethod
    def create(logical_id, properties, stack_name):
        made = "".join(random.choices(string.ascii_lowercase + string.digits, k=12))
        name = properties.get("SubscriptionName") or f"{stack_name}-{logical_id}-{made}".lower()
        _put(name, _Subscription._fields(properties), new=True)
        return name, {}

    @staticmethod
    def update(physical_id, old_properties, new_properties, stack_name, logical_id=None):
        if any(old_properties.get(name) != new_properties.get(name) for name in ("SnsTopicArn", "SubscriptionName")):
            return _Subscription.create(logical_id, new_properties, stack_name)
        _put(physical_id, _Subscription._fields(new_properties), new=False)
        return physical_id, {}

    @staticmethod
    def delete(physical_id, _properties):
        _subscriptions.pop(physical_id, None)


def install() -> None:
    for action, operation in _OPERATIONS.items():
        rds._ACTION_MAP[action] = _answers(action, operation)
    provisioners._RESOURCE_HANDLERS["AWS::RDS::EventSubscription"] = {
        "create": _Subscription.create, "update": _Subscription.update, "delete": _Subscription.delete,
        "update_with_logical_id": True,
    }
