"""AWS::SES::EmailIdentity, made through the same operations as by a caller."""

from __future__ import annotations

from ministack.services import ses_v2
from ministack.services.cloudformation import provisioners

from . import identities, rest_api
from .identities import Identity, Refused

NEEDS = {
    "ministack.services.cloudformation.provisioners:_RESOURCE_HANDLERS": dict,
    "ministack.services.cloudformation.provisioners:_cfn_bool": "value",
    "ministack.services.cloudformation.provisioners:_tag_map": "tags",
}


def _attributes(identity: Identity) -> dict:
    shown = {}
    for number, token in enumerate(identity.dkim_tokens[:3], 1):
        shown[f"DkimDNSTokenName{number}"] = f"{token}._domainkey.{identity.name}"
        shown[f"DkimDNSTokenValue{number}"] = f"{token}.dkim.amazonses.com"
    return {**shown, "EmailIdentity": identity.name}


def _apply(identity: Identity, properties: dict) -> None:
    mail_from = properties.get("MailFromAttributes") or {}
    identity.set_mail_from(mail_from.get("MailFromDomain", ""), mail_from.get("BehaviorOnMxFailure"))
    feedback = properties.get("FeedbackAttributes") or {}
    identity.forwarding = provisioners._cfn_bool(feedback.get("EmailForwardingEnabled", True))
    dkim = properties.get("DkimAttributes") or {}
    identity.dkim_enabled = provisioners._cfn_bool(dkim.get("SigningEnabled", True))
    ses_v2._ses_tags[identity.arn] = [
        {"Key": key, "Value": value} for key, value in provisioners._tag_map(properties.get("Tags")).items()
    ]


def _create(_logical_id, properties, _stack_name):
    name = properties["EmailIdentity"]
    signing = dict(properties.get("DkimSigningAttributes") or {})
    try:
        rest_api.create({
            "EmailIdentity": name, "DkimSigningAttributes": signing,
            "ConfigurationSetName": (properties.get("ConfigurationSetAttributes") or {}).get("ConfigurationSetName"),
        })
    except Refused as refused:
        raise ValueError(f"{refused} (Service: SesV2, Status Code: 400)") from None
    identity = identities.get(name)
    try:
        _apply(identity, properties)
    except Refused as refused:
        identities.delete(name)
        raise ValueError(f"{refused} (Service: SesV2, Status Code: 400)") from None
    return identity.name, _attributes(identity)


def _update(physical_id, _old_properties, new_properties, stack_name):
    if identities.canonical(new_properties["EmailIdentity"]) != physical_id:
        return _create("", new_properties, stack_name)
    try:
        identity = identities.get(physical_id)
        _apply(identity, new_properties)
    except Refused as refused:
        raise ValueError(f"{refused} (Service: SesV2, Status Code: 400)") from None
    return physical_id, _attributes(identity)


def _delete(physical_id, _properties):
    identities.delete(physical_id)


def install() -> None:
    provisioners._RESOURCE_HANDLERS["AWS::SES::EmailIdentity"] = {
        "create": _create, "update": _update, "delete": _delete,
    }
