"""Resource types of MiniStack's that leave something out: what Ref is, a key, a policy's condition."""

from __future__ import annotations

import json

from ministack.core.responses import AccountRegionScopedDict, AccountScopedDict, get_account_id
from ministack.services import iam, secretsmanager, sns
from ministack.services.cloudformation import provisioners

NEEDS = {
    "ministack.services.cloudformation.provisioners:_RESOURCE_HANDLERS": dict,
    "ministack.services.cloudformation.provisioners:_sm_secret_create": "logical_id, props, stack_name",
    "ministack.services.cloudformation.provisioners:_sm_secret_delete": "physical_id, props",
    "ministack.services.cloudformation.provisioners:_sm_secret_update":
        "physical_id, old_props, new_props, stack_name, logical_id",
    "ministack.services.cloudformation.provisioners:_sns_create": "logical_id, props, stack_name",
    "ministack.services.cloudformation.provisioners:_sns_update":
        "physical_id, old_props, new_props, stack_name, logical_id",
    "ministack.services.cloudformation.provisioners:_iam_ip_create": "logical_id, props, stack_name",
    "ministack.services.cloudformation.provisioners:_iam_ip_delete": "physical_id, props",
    "ministack.services.cloudformation.provisioners:_iam_ip_update":
        "physical_id, old_props, new_props, stack_name, logical_id",
    "ministack.services.iam:_instance_profiles": AccountScopedDict,
    "ministack.services.secretsmanager:_resolve": "secret_id, *, use_arn_scope",
    "ministack.services.sns:_topics": AccountRegionScopedDict,
}

_KEY = "KmsMasterKeyId"


class _Secret:
    """Ref is the ARN; MiniStack knows the secret by its name."""

    @staticmethod
    def _name(arn: str) -> str:
        return secretsmanager._resolve(arn)[0] or arn

    @staticmethod
    def create(logical_id, properties, stack_name):
        name = properties.get("Name")
        if name and name in secretsmanager._secrets:
            raise ValueError(f"The operation failed because the secret {name} already exists. "
                             "(Service: SecretsManager, Status Code: 400)")
        _name, attributes = provisioners._sm_secret_create(logical_id, properties, stack_name)
        return attributes["Id"], attributes

    @staticmethod
    def update(physical_id, old_properties, new_properties, stack_name, logical_id=None):
        _name, attributes = provisioners._sm_secret_update(
            _Secret._name(physical_id), old_properties, new_properties, stack_name, logical_id)
        return attributes["Id"], attributes

    @staticmethod
    def delete(physical_id, properties):
        provisioners._sm_secret_delete(_Secret._name(physical_id), properties)


class _Topic:
    """A topic's key, and the default policy that is for its owner only."""

    @staticmethod
    def _complete(arn: str, properties: dict) -> None:
        attributes = sns._topics[arn]["attributes"]
        policy = json.loads(attributes["Policy"])
        for statement in policy["Statement"]:
            statement.setdefault("Condition", {"StringEquals": {"AWS:SourceOwner": get_account_id()}})
        attributes["Policy"] = json.dumps(policy)
        if properties.get(_KEY):
            attributes[_KEY] = properties[_KEY]

    @staticmethod
    def create(logical_id, properties, stack_name):
        arn, shown = provisioners._sns_create(logical_id, properties, stack_name)
        _Topic._complete(arn, properties)
        return arn, shown

    @staticmethod
    def update(physical_id, old_properties, new_properties, stack_name, logical_id=None):
        arn, shown = provisioners._sns_update(
            physical_id, old_properties, new_properties, stack_name, logical_id)
        if arn != physical_id:
            _Topic._complete(arn, new_properties)
        elif new_properties.get(_KEY):
            sns._topics[arn]["attributes"][_KEY] = new_properties[_KEY]
        elif old_properties.get(_KEY):
            sns._topics[arn]["attributes"].pop(_KEY, None)
        return arn, shown


class _InstanceProfile:
    """Ref is the name; MiniStack has the ARN there."""

    @staticmethod
    def _arn(name: str) -> str:
        return (iam._instance_profiles.get(name) or {}).get("Arn", "")

    @staticmethod
    def _named(made):
        arn, attributes = made
        return arn.rsplit("/", 1)[-1], attributes

    @staticmethod
    def create(logical_id, properties, stack_name):
        return _InstanceProfile._named(provisioners._iam_ip_create(logical_id, properties, stack_name))

    @staticmethod
    def update(physical_id, old_properties, new_properties, stack_name, logical_id=None):
        return _InstanceProfile._named(provisioners._iam_ip_update(
            _InstanceProfile._arn(physical_id), old_properties, new_properties, stack_name, logical_id))

    @staticmethod
    def delete(physical_id, properties):
        provisioners._iam_ip_delete(_InstanceProfile._arn(physical_id), properties)


def install() -> None:
    provisioners._RESOURCE_HANDLERS["AWS::IAM::InstanceProfile"].update(
        create=_InstanceProfile.create, update=_InstanceProfile.update, delete=_InstanceProfile.delete)
    provisioners._RESOURCE_HANDLERS["AWS::SecretsManager::Secret"].update(
        create=_Secret.create, update=_Secret.update, delete=_Secret.delete)
    provisioners._RESOURCE_HANDLERS["AWS::SNS::Topic"].update(create=_Topic.create, update=_Topic.update)
