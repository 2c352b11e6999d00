"""The KMS key that something is to be encrypted with has to exist and be enabled."""

from __future__ import annotations

from ministack.services import kms
from ministack.services.cloudformation import provisioners

from ..refusals import Refused

NEEDS = {
    "ministack.services.cloudformation.provisioners:_RESOURCE_HANDLERS": dict,
    "ministack.services.kms:_resolve_key": "key_id_or_arn",
}


def check(service: str, code: str, key_id: str | None) -> None:
    """Refuse a key that cannot be used; no key is fine."""
    if not key_id or key_id.startswith("alias/aws/"):
        return
    key = kms._resolve_key(key_id)
    if key is None or key["KeyState"] != "Enabled":
        raise Refused(service, code, f"The specified KMS key [{key_id}] does not exist, is not enabled or you do not "
                      "have permissions to access it.")


def _checked(create, service: str, code: str, key_of):
    def checked(logical_id, properties, stack_name):
        check(service, code, key_of(properties))
        return create(logical_id, properties, stack_name)
    return checked


def install() -> None:
    for name, service, code, key_of in (
        ("AWS::EFS::FileSystem", "Efs", "KmsKeyNotFound", lambda one: one.get("KmsKeyId")),
        ("AWS::ECR::Repository", "Ecr", "KmsException",
         lambda one: (one.get("EncryptionConfiguration") or {}).get("KmsKey")),
        ("AWS::SecretsManager::Secret", "SecretsManager", "InvalidRequestException", lambda one: one.get("KmsKeyId")),
        ("AWS::Logs::LogGroup", "CloudWatchLogs", "InvalidParameterException", lambda one: one.get("KmsKeyId")),
    ):
        handlers = provisioners._RESOURCE_HANDLERS[name]
        handlers["create"] = _checked(handlers["create"], service, code, key_of)
