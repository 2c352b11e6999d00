"""Whether SES may publish to an SNS topic: it has to exist here, allow SES, and so has the key it is encrypted with."""

from __future__ import annotations

from ministack.core.responses import get_account_id, get_region
from ministack.services import sns

from .. import publishing
from ..service_principals import allowed
from .identities import Identity, invalid

NEEDS = {
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
    if not allowed(attributes.get("Policy"), _SERVICE, "sns:Publish", arn, source):
        raise invalid(f"SNS topic {arn} does not allow Amazon SES to publish to it.")
    if (key := attributes.get("KmsMasterKeyId")) and not publishing.may_use_key(_SERVICE, key, arn):
        raise invalid(f"SNS topic {arn} is encrypted with a key that Amazon SES may not use.")
