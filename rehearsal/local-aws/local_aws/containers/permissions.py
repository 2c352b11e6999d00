"""What a role may do, asked as the service that takes it on."""

from __future__ import annotations

import json

from ministack.core import iam_evaluator
from ministack.core.responses import AccountScopedDict, get_account_id, get_region
from ministack.services import iam

from ..service_principals import allowed

NEEDS = {
    "ministack.core.iam_evaluator:combine_resource_policy":
        "identity, ctx, policy, owner_account, required, limits",
    "ministack.core.iam_evaluator:evaluate": "ctx, policies, *limits",
    "ministack.core.iam_evaluator:_gather_role_policies": "role_name, account_id",
    "ministack.services.iam:_roles": AccountScopedDict,
}

_TASKS = "ecs-tasks.amazonaws.com"


def _role_name(arn: str) -> str:
    return arn.rpartition("/")[2]


def may_be_assumed(role_arn: str) -> bool:
    """Whether ECS may start tasks with a role."""
    role = iam._roles.get(_role_name(role_arn))
    if role is None:
        return False
    policy = role.get("AssumeRolePolicyDocument")
    # A trust policy names no resource, which every statement of a resource's policy needs.
    document = json.loads(policy) if isinstance(policy, str) else policy or {}
    statements = document.get("Statement", [])
    statements = [statements] if isinstance(statements, dict) else statements
    document = {"Statement": [{"Resource": "*", **statement} for statement in statements]}
    context = {"aws:sourceaccount": get_account_id(), "aws:sourcearn": f"arn:aws:ecs:{get_region()}:{get_account_id()}:*"}
    return allowed(document, _TASKS, "sts:AssumeRole", "*", context)


def role_may(role_arn: str, action: str, resource: str, resource_policy=None, **context: str) -> bool:
    """Whether a role may do something to a resource, whose own policy counts too if there is one."""
    account = get_account_id()
    request = iam_evaluator.EvalContext(
        principal_arn=f"arn:aws:sts::{account}:assumed-role/{_role_name(role_arn)}/task", principal_type="AssumedRole",
        principal_account=account, action=action, resource_arn=resource, region=get_region(), secure_transport=True,
        service_context={key.replace("__", ":").lower(): value for key, value in context.items()},
    )
    identity = iam_evaluator.evaluate(request, iam_evaluator._gather_role_policies(_role_name(role_arn), account))
    if resource_policy is not None:
        identity = iam_evaluator.combine_resource_policy(identity, request, resource_policy, account)
    return identity.decision == "Allow"


def install() -> None:
    """Nothing is patched."""
