"""IAM: service-linked roles under the names that AWS gives them, and only once each."""

from __future__ import annotations

from ministack.core.responses import AccountScopedDict
from ministack.services import iam

NEEDS: dict[str, str | type] = {
    "ministack.services.iam:_IAM_HANDLERS": dict,
    "ministack.services.iam:_create_service_linked_role": "p",
    "ministack.services.iam:_error": "status, code, message, ns",
    "ministack.services.iam:_p": "params, key, default",
    "ministack.services.iam:_role_xml": "name, boundary",
    "ministack.services.iam:_roles": AccountScopedDict,
    "ministack.services.iam:_xml": "status, root_tag, inner, ns",
}

_NAMES = {
    "autoscaling.amazonaws.com": "AutoScaling",
    "ecs.amazonaws.com": "ECS",
    "ecs.application-autoscaling.amazonaws.com": "ApplicationAutoScaling_ECSService",
    "elasticache.amazonaws.com": "ElastiCache",
    "elasticfilesystem.amazonaws.com": "AmazonElasticFileSystem",
    "elasticloadbalancing.amazonaws.com": "ElasticLoadBalancing",
    "rds.amazonaws.com": "RDS",
}


def install() -> None:
    create = iam._create_service_linked_role

    def create_service_linked_role(params):
        service = iam._p(params, "AWSServiceName")
        if service not in _NAMES:
            return create(params)
        name = f"AWSServiceRoleFor{_NAMES[service]}"
        if name in iam._roles:
            return iam._error(400, "InvalidInput", f"Service role name {name} has been taken in this account, "
                              "please try a different suffix.", ns="iam")
        before = set(iam._roles)
        answer = create(params)
        made = set(iam._roles) - before
        if not made:
            return answer
        role = iam._roles.pop(made.pop())
        role["RoleName"], role["Arn"] = name, role["Arn"].rsplit("/", 1)[0] + f"/{name}"
        iam._roles[name] = role
        return iam._xml(200, "CreateServiceLinkedRoleResponse",
                        f"<CreateServiceLinkedRoleResult><Role>{iam._role_xml(name)}</Role></CreateServiceLinkedRoleResult>",
                        ns="iam")

    iam._IAM_HANDLERS["CreateServiceLinkedRole"] = create_service_linked_role
