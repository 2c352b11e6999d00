"""Whether SES may publish to an SNS topic: it has to exist here, allow SES, and so has the key it is encrypted with."""

from __future__ import annotations

from ministack.core.responses import get_account_id, get_region
from ministack.services import kms, sns

from .. import service_principals
from .identities import Identity, invalid

NEEDS = {
    "ministack.services.kms:_resolve_key": "key_id_or_arn",
    "ministack.services.sns:_topic_by_arn_any_scope": "topic_arn",
}

_SERVICE = "ses.amazonaws.com"


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
    if not service_principals.allowed(attributes.get("Policy"), _SERVICE, "sns:Publish", arn, source):
        raise invalid(f"SNS topic {arn} does not allow Amazon SES to publish to it.")
    if key := attributes.get("KmsMasterKeyId"):
        _check_key(arn, key)


def _check_key(topic: str, key_id: str) -> None:
    # AWS's own key `alias/aws/sns` has a policy that nobody can change and that does not name SES.
    key = kms._resolve_key(key_id)
    through = {"kms:viaservice": f"sns.{get_region()}.amazonaws.com", "kms:encryptioncontext:aws:sns:topicarn": topic}
    usable = key is not None and key["KeyState"] == "Enabled" and all(
        service_principals.allowed(key.get("Policy"), _SERVICE, action, key["Arn"], through)
        for action in ("kms:GenerateDataKey", "kms:Decrypt")
    )
    if not usable:
        raise invalid(f"SNS topic {topic} is encrypted with a key that Amazon SES may not use.")
