"""Whether a service may encrypt what it publishes to an SNS topic."""

from __future__ import annotations

from ministack.core.responses import get_region
from ministack.services import kms

from .service_principals import allowed

NEEDS = {
    "ministack.services.kms:_resolve_key": "key_id_or_arn",
}


def may_use_key(service: str, key_id: str, topic: str, source: dict | None = None) -> bool:
    """Whether a service may encrypt for a topic. Nobody can change the policy of AWS's own key, which names no service.

    `source` has the condition keys by which a service says for whom it publishes, if it does.
    """
    key = kms._resolve_key(key_id)
    through = {"kms:viaservice": f"sns.{get_region()}.amazonaws.com", "kms:encryptioncontext:aws:sns:topicarn": topic}
    return key is not None and key["KeyState"] == "Enabled" and all(
        allowed(key.get("Policy"), service, action, key["Arn"], {**through, **(source or {})})
        for action in ("kms:GenerateDataKey", "kms:Decrypt")
    )


def install() -> None:
    """Nothing is patched."""
