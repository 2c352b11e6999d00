"""Whether SES may publish to an SNS topic: it has to exist here, allow SES, and so has the key it is encrypted with."""

from __future__ import annotations

import json

from ministack.core import iam_evaluator
from ministack.core.responses import get_account_id, get_region
from ministack.services import kms, sns

from .identities import Identity, invalid

NEEDS = {
    "ministack.core.iam_evaluator:evaluate": "ctx, policies, *limits",
    "ministack.core.iam_evaluator:parse_policy_document": "doc",
    "ministack.services.kms:_resolve_key": "key_id_or_arn",
    "ministack.services.sns:_topic_by_arn_any_scope": "topic_arn",
}

_SERVICE = "ses.amazonaws.com"
_CALLER = {"aws:principalisawsservice": "true", "aws:principalservicename": _SERVICE}


def check(identity: Identity, arn: str) -> None:
    """Refuse a topic SES could not publish to, as it does after trying."""
    parts = arn.split(":")
    if len(parts) != 6 or parts[:3] != ["arn", "aws", "sns"]:
        raise invalid(f"Invalid SNS topic ARN: {arn}")
    if parts[3] != get_region():
        raise invalid(f"SNS topic {arn} is not in the region of the identity, {get_region()}.")
    topic = sns._topic_by_arn_any_scope(arn)
    if topic is None:
        raise invalid(f"SNS topic {arn} does not exist.")
    attributes = topic["attributes"]
    if attributes.get("FifoTopic") == "true":
        raise invalid(f"SNS topic {arn} is a FIFO topic, which Amazon SES does not support.")
    source = {"aws:sourceaccount": get_account_id(), "aws:sourcearn": identity.arn}
    if not _allows(attributes.get("Policy"), "sns:Publish", arn, source):
        raise invalid(f"SNS topic {arn} does not allow Amazon SES to publish to it.")
    if key := attributes.get("KmsMasterKeyId"):
        _check_key(arn, key)


def _check_key(topic: str, key_id: str) -> None:
    # AWS's own key `alias/aws/sns` has a policy that nobody can change and that does not name SES.
    key = kms._resolve_key(key_id)
    through = {"kms:viaservice": f"sns.{get_region()}.amazonaws.com", "kms:encryptioncontext:aws:sns:topicarn": topic}
    usable = key is not None and key["KeyState"] == "Enabled" and all(
        _allows(key.get("Policy"), action, key["Arn"], through) for action in ("kms:GenerateDataKey", "kms:Decrypt")
    )
    if not usable:
        raise invalid(f"SNS topic {topic} is encrypted with a key that Amazon SES may not use.")


def _names_service(statement: dict) -> bool:
    principal = statement.get("Principal")
    if not isinstance(principal, dict):
        return principal == "*"
    named = [principal.get("Service", []), principal.get("AWS", [])]
    service, account = ([one] if isinstance(one, str) else one for one in named)
    return any(one in (_SERVICE, "*") for one in service) or "*" in account


def _allows(policy, action: str, resource: str, context: dict) -> bool:
    """Whether a resource's policy lets SES do something; no identity policy helps a service."""
    document = json.loads(policy) if isinstance(policy, str) and policy else policy or {}
    statements = document.get("Statement", [])
    statements = [statements] if isinstance(statements, dict) else statements
    request = iam_evaluator.EvalContext(
        principal_arn="", principal_type="Service", principal_account="", action=action, resource_arn=resource,
        region=get_region(), service_context={**_CALLER, **context},
    )
    named = {"Statement": [one for one in statements if _names_service(one)]}
    return iam_evaluator.evaluate(request, [iam_evaluator.parse_policy_document(named)]).decision == "Allow"
