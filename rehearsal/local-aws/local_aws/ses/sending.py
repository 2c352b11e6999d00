"""Sending: who may be sent from and to, and what the account may do before it leaves the sandbox."""

from __future__ import annotations

import json
from email.utils import parseaddr

from ministack.core.responses import AccountRegionScopedDict
from ministack.services import ses, sns

from ..patching import replace
from . import identities

NEEDS = {
    "ministack.services.ses:_SIMULATOR_DOMAIN": str,
    "ministack.services.ses:_account_details": AccountRegionScopedDict,
    "ministack.services.ses:_identity_verified": "address, *, simulator",
    "ministack.services.ses:_notification_identity": "source",
    "ministack.services.ses:_production_access_enabled": "",
    "ministack.services.ses:_sent_emails_list": "",
    "ministack.services.sns:publish_internal":
        "topic_arn, message, subject, *, message_structure, message_attributes, message_group_id, "
        "message_deduplication_id",
}


def production_access() -> bool:
    """Every account begins in the sandbox."""
    return (ses._account_details.get("account") or {}).get("ProductionAccessEnabled", False)


def quota() -> tuple[float, float]:
    """Messages in a day and in a second."""
    return (50000.0, 14.0) if production_access() else (200.0, 1.0)


def _identity_verified(address: str, *, simulator: bool = False) -> bool:
    address = parseaddr(address)[1]
    domain = address.rpartition("@")[2].lower()
    if simulator and domain == ses._SIMULATOR_DOMAIN:
        return True
    names = [address, *ses._domain_and_parents(domain)]
    return any(identity.verified for name in names if (identity := identities.find(name)))


def _notification_identity(source: str):
    identity = identities.responsible(parseaddr(source or "")[1])
    return (identity.name, {"NotificationTopics": identity.topics}) if identity else None


def announce(identity: identities.Identity, kind: str, topic: str) -> None:
    """The message by which SES tries a topic out."""
    sns.publish_internal(topic, json.dumps({
        "notificationType": "AmazonSnsSubscriptionSucceeded",
        "message": f"You have successfully subscribed your Amazon SNS topic '{topic}' to receive '{kind}' "
                   f"notifications from Amazon SES for identity '{identity.name}'.",
    }), "Amazon SES Email Event Notification")


def install() -> None:
    for name, new in (
        ("_identity_verified", _identity_verified),
        ("_notification_identity", _notification_identity),
        ("_production_access_enabled", production_access),
    ):
        replace(ses, name, new)
