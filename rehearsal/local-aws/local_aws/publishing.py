"""Whether a service may publish to an SNS topic: what the topic's policy and the policy of its key let the service do."""

from __future__ import annotations

import json

from ministack.core import iam_evaluator
from ministack.core.responses import get_region
from ministack.services import kms

NEEDS = {
    "ministack.core.iam_evaluator:evaluate": "ctx, policies, *limits",
    "ministack.core.iam_evaluator:parse_policy_document": "doc",
    "ministack.services.kms:_resolve_key": "key_id_or_arn",
}


def _names(statement: dict, service: str) -> bool:
    principal = statement.get("Principal")
    if not isinstance(principal, dict):
        return principal == "*"
    named = [principal.get("Service", []), principal.get("AWS", [])]
    services, accounts = ([one] if isinstance(one, str) else one for one in named)
    return any(one in (service, "*") for one in services) or "*" in accounts


def allows(service: str, policy, action: str, resource: str, context: dict) -> bool:
    """Whether a resource's policy lets a service do something; no identity policy helps a service."""
    document = json.loads(policy) if isinstance(policy, str) and policy else policy or {}
    statements = document.get("Statement", [])
    statements = [statements] if isinstance(statements, dict) else statements
    caller = {"aws:principalisawsservice": "true", "aws:principalservicename": service}
    request = iam_evaluator.EvalContext(
        principal_arn="", principal_type="Service", principal_account="", action=action, resource_arn=resource,
        region=get_region(), secure_transport=True, service_context={**caller, **context},
    )
    named = {"Statement": [one for one in statements if _names(one, service)]}
    return iam_evaluator.evaluate(request, [iam_evaluator.parse_policy_document(named)]).decision == "Allow"


def may_use_key(service: str, key_id: str, topic: str, source: dict | None = None) -> bool:
    """Whether a service may encrypt for a topic. Nobody can change the policy of AWS's own key, which names no service.

    `source` has the condition keys by which a service says for whom it publishes, if it does.
    """
    key = kms._resolve_key(key_id)
    through = {"kms:viaservice": f"sns.{get_region()}.amazonaws.com", "kms:encryptioncontext:aws:sns:topicarn": topic}
    return key is not None and key["KeyState"] == "Enabled" and all(
        allows(service, key.get("Policy"), action, key["Arn"], {**through, **(source or {})})
        for action in ("kms:GenerateDataKey", "kms:Decrypt")
    )


def install() -> None:
    """Nothing is patched."""
