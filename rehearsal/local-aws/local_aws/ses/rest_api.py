"""SES's REST API (version 2): identities, their policies, and the account."""

from __future__ import annotations

import json
import re
import time
from urllib.parse import unquote

from ministack.core.responses import json_response
from ministack.services import ses, ses_v2

from . import identities, sending
from .identities import Identity, Refused, invalid

NEEDS = {
    "ministack.services.ses_v2:handle_request": "method, path, headers, body, query_params",
    "ministack.services.ses_v2:_body_paging": "data",
    "ministack.services.ses_v2:_json_err": "code, message, status",
    "ministack.services.ses_v2:_paginate": "items, query_params, default_size, maximum",
}

_PREFIX = "/v2/email"
_CODES = {
    "invalid": ("BadRequestException", 400), "policy": ("BadRequestException", 400),
    "limit": ("LimitExceededException", 400), "exists": ("AlreadyExistsException", 400),
    "missing": ("NotFoundException", 404),
}


def _kind(identity: Identity) -> str:
    return "DOMAIN" if identity.is_domain else "EMAIL_ADDRESS"


def _dkim(identity: Identity) -> dict:
    if not identity.dkim:
        return {"SigningEnabled": False, "Status": "NOT_STARTED", "SigningAttributesOrigin": "AWS_SES"}
    shown = {"SigningEnabled": identity.dkim_enabled, "Status": identity.dkim_status, "Tokens": identity.dkim_tokens}
    if identity.selector:
        return {**shown, "SigningAttributesOrigin": "EXTERNAL"}
    return {
        **shown, "SigningAttributesOrigin": "AWS_SES", "SigningHostedZone": "dkim.amazonses.com",
        "NextSigningKeyLength": identity.key_length, "CurrentSigningKeyLength": identity.key_length,
        "LastKeyGenerationTimestamp": identity.key_made,
    }


def _mail_from(identity: Identity) -> dict:
    shown = {"BehaviorOnMxFailure": identity.behaviour}
    if identity.mail_from_check:
        shown.update(MailFromDomain=identity.mail_from, MailFromDomainStatus=identity.mail_from_check.status)
    return shown


def _verification_info(identity: Identity) -> dict:
    check = identity.dkim or identity.text
    if check is None or not check.checked:
        return {}
    shown: dict = {"LastCheckedTimestamp": check.checked}
    if check.succeeded:
        shown["LastSuccessTimestamp"] = check.succeeded
    if check.error:
        shown["ErrorType"] = check.error
    return shown


def _shape(identity: Identity) -> dict:
    shown = {
        "IdentityType": _kind(identity),
        "FeedbackForwardingStatus": identity.forwarding,
        "VerifiedForSendingStatus": identity.verified,
        "VerificationStatus": identity.status,
        "VerificationInfo": _verification_info(identity),
        "DkimAttributes": _dkim(identity),
        "MailFromAttributes": _mail_from(identity),
        "Policies": identity.policies,
        "Tags": identities.tags(identity),
    }
    return {**shown, "ConfigurationSetName": identity.configuration_set} if identity.configuration_set else shown


def _checked_tags(tags: list[dict]) -> list[dict]:
    keys = [tag.get("Key", "") for tag in tags]
    for tag, key in zip(tags, keys, strict=True):
        if not re.fullmatch(r"[\w\s.:/=+\-@]{1,128}", key) or len(tag.get("Value", "")) > 256:
            raise invalid(f"Invalid tag: {key}")
        if key.lower().startswith("aws:"):
            raise invalid("Tag keys that begin with aws: are reserved.")
    if len(set(keys)) < len(keys) or len(keys) > 50:
        raise invalid("Tag keys have to be unique, and there can be at most 50.")
    return tags


def _configuration_set(name: str) -> str:
    if name and name not in ses_v2._config_sets:
        raise Refused("missing", f"Configuration set <{name}> does not exist.")
    return name


def create(data: dict) -> dict:
    name = data.get("EmailIdentity") or ""
    if not name:
        raise invalid("EmailIdentity is required")
    if identities.find(name):
        raise Refused("exists", f"Email identity {name} already exist.")
    tags = _checked_tags(data.get("Tags") or [])
    configuration_set = _configuration_set(data.get("ConfigurationSetName") or "")
    identity = identities.make(name)
    identity.configuration_set = configuration_set
    if identity.is_domain:
        try:
            identity.set_signing(data.get("DkimSigningAttributes") or {})
        except Refused:
            identities.delete(name)
            raise
    ses_v2._ses_tags[identity.arn] = list(tags)
    # What is only being looked for has not started yet.
    dkim = {**_dkim(identity), "Status": "NOT_STARTED"}
    return {"IdentityType": _kind(identity), "VerifiedForSendingStatus": False, "DkimAttributes": dkim}


def _get(name: str) -> Identity:
    identity = identities.find(name)
    if identity is None:
        raise Refused("missing", f"Email identity {name} does not exist.")
    return identity


def delete(name: str) -> dict:
    identities.delete(_get(name).name)
    return {}


def _settings(identity: Identity, what: str, data: dict) -> dict | None:
    """The Put operations; None when there is no such one."""
    if what == "mail-from":
        identity.set_mail_from(data.get("MailFromDomain") or "", data.get("BehaviorOnMxFailure"))
    elif what == "feedback":
        # Unlike in the other API, topics are not needed.
        identity.forwarding = bool(data.get("EmailForwardingEnabled", False))
    elif what == "dkim":
        identity.dkim_enabled = bool(data.get("SigningEnabled", False))
    elif what == "configuration-set":
        identity.configuration_set = _configuration_set(data.get("ConfigurationSetName") or "")
    elif what == "dkim/signing":
        attributes = data.get("SigningAttributes") or {}
        if (data.get("SigningAttributesOrigin") == "EXTERNAL") != bool(attributes.get("DomainSigningSelector")):
            raise invalid("The attributes are not those of the origin.")
        identity.set_signing(attributes)
        return {"DkimStatus": identity.dkim_status, "DkimTokens": identity.dkim_tokens}
    else:
        return None
    return {}


def _policy(method: str, identity: Identity, name: str, data: dict) -> dict | None:
    known = name in identity.policies
    if method == "POST" and known:
        raise Refused("exists", f"Policy {name} already exists.")
    if method in ("PUT", "DELETE") and not known:
        raise Refused("missing", f"Policy {name} does not exist.")
    if method in ("POST", "PUT"):
        identity.put_policy(name, data.get("Policy") or "")
    elif method == "DELETE":
        del identity.policies[name]
    else:
        return None
    return {}


def _listed(data: dict, query_params: dict, method: str):
    paging = query_params if method == "GET" else ses_v2._body_paging(data)
    wanted = data.get("Filter") or {} if method == "POST" else {}
    items = [
        {"IdentityType": _kind(one), "IdentityName": one.name, "SendingEnabled": one.verified,
         "VerificationStatus": one.status}
        for one in identities.everything()
    ]
    items = [
        one for one in items
        if wanted.get("IDENTITY_NAME_CONTAINS", "") in one["IdentityName"]
        and wanted.get("IDENTITY_TYPE", one["IdentityType"]) == one["IdentityType"]
        and wanted.get("VERIFICATION_STATUS", one["VerificationStatus"]) == one["VerificationStatus"]
    ]
    page, following, error = ses_v2._paginate(items, paging, 1000, maximum=1000)
    return error or json_response({"EmailIdentities": page, **({"NextToken": following} if following else {})})


def _account() -> dict:
    day, second = sending.quota()
    sent = sum(1 for one in ses._sent_emails_list() if one["Timestamp"] >= time.time() - 86400)
    account = ses._account_details.get("account") or {}
    details = {"Details": account["Details"]} if account.get("Details") else {}
    return {
        "DedicatedIpAutoWarmupEnabled": False, "EnforcementStatus": "HEALTHY",
        "ProductionAccessEnabled": sending.production_access(),
        "SendQuota": {"Max24HourSend": day, "MaxSendRate": second, "SentLast24Hours": float(sent)},
        "SendingEnabled": True, "SuppressionAttributes": {"SuppressedReasons": ["BOUNCE", "COMPLAINT"]}, **details,
    }


def _answer(method: str, path: str, data: dict) -> dict | None:
    """The operations on the account and on one identity; None for any other."""
    if (method, path) == ("GET", "/account"):
        return _account()
    if (method, path) == ("POST", "/identities"):
        return create(data)
    found = re.fullmatch(r"/identities/([^/]+)(?:/(.+))?", path)
    if not found:
        return None
    name, rest = unquote(found[1]), found[2] or ""
    if not rest:
        return {"GET": lambda: _shape(_get(name)), "DELETE": lambda: delete(name)}.get(method, lambda: None)()
    identity = _get(name)
    if rest == "policies" and method == "GET":
        return {"Policies": identity.policies}
    if rest.startswith("policies/"):
        return _policy(method, identity, unquote(rest.removeprefix("policies/")), data)
    return _settings(identity, rest, data) if method == "PUT" else None


def install() -> None:
    handle = ses_v2.handle_request

    async def handle_request(method, path, headers, body, query_params):
        where = path.rstrip("/").removeprefix(_PREFIX)
        try:
            data = json.loads(body) if body else {}
        except ValueError:
            data = {}
        if (method, where) in (("GET", "/identities"), ("POST", "/list-identities")):
            return _listed(data, query_params, method)
        try:
            answer = _answer(method, where, data)
        except Refused as refused:
            code, status = _CODES[refused.kind]
            return ses_v2._json_err(code, str(refused), status)
        return await handle(method, path, headers, body, query_params) if answer is None else json_response(answer)

    ses_v2.handle_request = handle_request
