"""Whether a resource's own policy lets an AWS service do something with it; no identity policy helps a service."""

from __future__ import annotations

import json

from ministack import app
from ministack.core import iam_evaluator
from ministack.core.responses import get_region

NEEDS: dict[str, str | type] = {
    "ministack.app:AUTH": bool,
    "ministack.core.iam_evaluator:EvalContext": type,
    "ministack.core.iam_evaluator:evaluate": "ctx, policies, *limits",
    "ministack.core.iam_evaluator:parse_policy_document": "doc",
}


def install() -> None:
    """Nothing is patched: other parts ask."""


def _listed(value) -> list:
    return [value] if isinstance(value, str) else value or []


def _named(statement: dict, service: str, role: str) -> bool:
    """Whether a statement's principal is the service, or the role through which it acts."""
    principal = statement.get("Principal")
    if not isinstance(principal, dict):
        return principal == "*"
    services, accounts = _listed(principal.get("Service")), _listed(principal.get("AWS"))
    if role:
        # MiniStack files a service-linked role, whose path holds a service's name, under the services.
        return role in services or role in accounts or "*" in accounts
    return any(one in (service, "*") for one in services) or "*" in accounts


def allowed(policy, service: str, action: str, resource: str, context: dict[str, str], *, role: str = "") -> bool:
    """Whether `policy`, a document or its text, allows `service` an action.

    `context` holds condition keys in lower case. `role` is the ARN of the service-linked role that the service acts
    through, if it does: then it is the role that the policy has to name.
    """
    if not app.AUTH:
        return True
    document = json.loads(policy) if isinstance(policy, str) and policy else policy or {}
    statements = document.get("Statement", [])
    statements = [statements] if isinstance(statements, dict) else statements
    caller = {} if role else {"aws:principalisawsservice": "true", "aws:principalservicename": service}
    request = iam_evaluator.EvalContext(
        principal_arn=role, principal_type="Service", principal_account="", action=action, resource_arn=resource,
        region=get_region(), secure_transport=True, service_context={**caller, **context},
    )
    named = {"Statement": [one for one in statements if _named(one, service, role)]}
    return iam_evaluator.evaluate(request, [iam_evaluator.parse_policy_document(named)]).decision == "Allow"
