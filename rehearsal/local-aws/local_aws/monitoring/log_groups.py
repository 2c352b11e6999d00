"""CloudWatch Logs: a log group's key is one whose policy lets the service use it for that group."""

from __future__ import annotations

from ministack.core.responses import AccountRegionScopedDict, error_response_json, get_account_id, get_region
from ministack.services import cloudwatch_logs, kms
from ministack.services.cloudformation import provisioners

from ..patching import replace
from ..refusals import Refused
from ..service_principals import allowed

NEEDS = {
    "ministack.services.cloudformation.provisioners:_RESOURCE_HANDLERS": dict,
    "ministack.services.cloudformation.provisioners:_cwlogs_create": "logical_id, props, stack_name",
    "ministack.services.cloudformation.provisioners:_cwlogs_update":
        "physical_id, old_props, new_props, stack_name, logical_id",
    "ministack.services.cloudwatch_logs:_create_log_group": "data",
    "ministack.services.cloudwatch_logs:_log_groups": AccountRegionScopedDict,
    "ministack.services.kms:_resolve_key": "key_id_or_arn",
}

_ACTIONS = ("Encrypt", "Decrypt", "ReEncryptFrom", "ReEncryptTo", "GenerateDataKey", "DescribeKey")


def _check(key_arn: str | None, group: str) -> None:
    if not key_arn:
        return
    arn = f"arn:aws:logs:{get_region()}:{get_account_id()}:log-group:{group}"
    context = {"kms:encryptioncontext:aws:logs:arn": arn}
    key = kms._resolve_key(key_arn)
    usable = key is not None and key["KeyState"] == "Enabled" and key_arn.startswith("arn:") and all(
        allowed(key.get("Policy"), f"logs.{get_region()}.amazonaws.com", "kms:" + action, key["Arn"], context)
        for action in _ACTIONS)
    if not usable:
        raise Refused("CloudWatchLogs", "InvalidParameterException",
                      f"The specified KMS key does not exist or is not allowed to be used with Arn '{arn}'")


class _LogGroup:
    @staticmethod
    def create(logical_id, properties, stack_name):
        made = provisioners._cwlogs_create(logical_id, properties, stack_name)
        try:
            _check(properties.get("KmsKeyId"), made[0])
        except Refused:
            del cloudwatch_logs._log_groups[made[0]]
            raise
        return made

    @staticmethod
    def update(physical_id, old_properties, new_properties, stack_name, logical_id=None):
        _check(new_properties.get("KmsKeyId"), physical_id)
        return provisioners._cwlogs_update(physical_id, old_properties, new_properties, stack_name, logical_id)


def install() -> None:
    create = cloudwatch_logs._create_log_group

    def checked(data):
        try:
            _check(data.get("kmsKeyId"), data.get("logGroupName", ""))
        except Refused as error:
            return error_response_json(error.code, error.message, error.status)
        return create(data)

    replace(cloudwatch_logs, "_create_log_group", checked)
    provisioners._RESOURCE_HANDLERS["AWS::Logs::LogGroup"].update(create=_LogGroup.create, update=_LogGroup.update)
