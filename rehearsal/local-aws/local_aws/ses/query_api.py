"""SES's Query API (version 1): identities, their verification, notifications, MAIL FROM domains and policies."""

from __future__ import annotations

import time
from urllib.parse import parse_qs

from ministack.services import ses

from . import identities, sending, topics
from .identities import Identity, Refused, invalid

NEEDS = {
    **topics.NEEDS,
    "ministack.services.ses:handle_request": "method, path, headers, body, query_params",
    "ministack.services.ses:_collect_list": "params, prefix",
    "ministack.services.ses:_error": "code, message, status, error_type, fields",
    "ministack.services.ses:_esc": "text",
    "ministack.services.ses:_p": "params, key, default",
    "ministack.services.ses:_xml": "status, root_tag, inner",
}

_CODES = {"invalid": "InvalidParameterValue", "limit": "LimitExceeded", "policy": "InvalidPolicy",
          "validation": "ValidationError"}
_STATES = {"PENDING": "Pending", "SUCCESS": "Success", "FAILED": "Failed", "TEMPORARY_FAILURE": "TemporaryFailure",
           "NOT_STARTED": "NotStarted"}
_BEHAVIOURS = {"UseDefaultValue": "USE_DEFAULT_VALUE", "RejectMessage": "REJECT_MESSAGE"}
_BEHAVIOUR_NAMES = {value: name for name, value in _BEHAVIOURS.items()}
_PAGE = 1000


class _Map(dict):
    """What is written as entries of a key and a value."""


def _element(name: str, value) -> str:
    if isinstance(value, _Map):
        inner = "".join(f"<entry>{_element('key', key)}{_element('value', one)}</entry>" for key, one in value.items())
    elif isinstance(value, dict):
        inner = "".join(_element(key, one) for key, one in value.items())
    elif isinstance(value, list):
        inner = "".join(_element("member", one) for one in value)
    elif isinstance(value, bool):
        inner = str(value).lower()
    else:
        inner = ses._esc(str(value))
    return f"<{name}>{inner}</{name}>"


def _needed(params: dict, name: str) -> str:
    value = ses._p(params, name)
    if not value:
        where = name[0].lower() + name[1:]
        raise Refused("validation", f"1 validation error detected: Value at '{where}' failed to satisfy constraint: "
                                    "Member must not be null")
    return value


def _one_of(params: dict, name: str, known) -> str:
    value = _needed(params, name)
    if value not in known:
        where = name[0].lower() + name[1:]
        raise Refused("validation", f"1 validation error detected: Value '{value}' at '{where}' failed to satisfy "
                                    f"constraint: Member must satisfy enum value set: [{', '.join(known)}]")
    return value


def _flag(params: dict, name: str) -> bool:
    return _one_of(params, name, ("true", "false")) == "true"


def _identity(params: dict) -> Identity:
    name = _needed(params, "Identity")
    identity = identities.find(name)
    if identity is None:
        raise invalid(f"Identity {name} is invalid. Must be a verified email address or domain.")
    return identity


def _each(params: dict, describe) -> _Map:
    """What is said of every identity that is asked for and there."""
    asked = {name: identities.find(name) for name in ses._collect_list(params, "Identities.member")}
    return _Map({name: describe(identity) for name, identity in asked.items() if identity})


# --- verification ---

def _verify_domain_identity(params: dict) -> dict:
    identity = identities.make(_domain(params))
    identity.ask_for_text()
    return {"VerificationToken": identity.text_token}


def _domain(params: dict) -> str:
    domain = _needed(params, "Domain")
    if "@" in domain or domain.startswith("arn:"):
        raise invalid(f"Invalid domain name<{domain}>.")
    return domain


def _verify_domain_dkim(params: dict) -> dict:
    identity = identities.make(_domain(params))
    identity.ask_for_dkim()
    return {"DkimTokens": identity.dkim_tokens}


def _verify_email_identity(params: dict) -> dict:
    address = _needed(params, "EmailAddress")
    if "@" not in address:
        raise invalid(f"Invalid email address<{address}>.")
    identities.make(address)
    return {}


def _verification_attributes(params: dict) -> dict:
    def describe(identity: Identity) -> dict:
        token = {"VerificationToken": identity.text_token} if identity.is_domain else {}
        # A domain is pending from its first moment on, whatever was asked for.
        status = "PENDING" if identity.status == "NOT_STARTED" else identity.status
        return {"VerificationStatus": _STATES[status], **token}
    return {"VerificationAttributes": _each(params, describe)}


def _dkim_attributes(params: dict) -> dict:
    def describe(identity: Identity) -> dict:
        tokens = {"DkimTokens": identity.dkim_tokens} if identity.is_domain and identity.dkim else {}
        return {"DkimEnabled": bool(identity.dkim and identity.dkim_enabled),
                "DkimVerificationStatus": _STATES[identity.dkim_status], **tokens}
    return {"DkimAttributes": _each(params, describe)}


def _set_dkim_enabled(params: dict) -> dict:
    _identity(params).dkim_enabled = _flag(params, "DkimEnabled")
    return {}


# --- MAIL FROM ---

def _mail_from_attributes(params: dict) -> dict:
    def describe(identity: Identity) -> dict:
        shown = {"BehaviorOnMXFailure": _BEHAVIOUR_NAMES[identity.behaviour]}
        if identity.mail_from_check:
            shown.update(MailFromDomain=identity.mail_from,
                         MailFromDomainStatus=_STATES[identity.mail_from_check.status])
        return shown
    return {"MailFromDomainAttributes": _each(params, describe)}


def _set_mail_from(params: dict) -> dict:
    behaviour = None
    if ses._p(params, "BehaviorOnMXFailure"):
        behaviour = _BEHAVIOURS[_one_of(params, "BehaviorOnMXFailure", _BEHAVIOURS)]
    name = _needed(params, "Identity")
    identity = identities.find(name)
    if identity is None:
        raise invalid(f"Identity <{name}> does not exist.")
    identity.set_mail_from(ses._p(params, "MailFromDomain"), behaviour)
    return {}


# --- notifications ---

def _notification_attributes(params: dict) -> dict:
    def describe(identity: Identity) -> dict:
        chosen = {f"{kind}Topic": topic for kind, topic in identity.topics.items() if topic}
        headers = {
            f"HeadersIn{kind}NotificationsEnabled": identity.headers.get(kind, False)
            for kind in identities.NOTIFICATION_TYPES
        }
        return {**chosen, "ForwardingEnabled": identity.forwarding, **headers}
    return {"NotificationAttributes": _each(params, describe)}


def _set_topic(params: dict) -> dict:
    kind = _one_of(params, "NotificationType", identities.NOTIFICATION_TYPES)
    identity, topic = _identity(params), ses._p(params, "SnsTopic")
    if topic:
        topics.check(identity, topic)
    identity.set_topic(kind, topic)
    if topic:
        sending.announce(identity, kind, topic)
    return {}


def _set_headers(params: dict) -> dict:
    kind = _one_of(params, "NotificationType", identities.NOTIFICATION_TYPES)
    enabled = _flag(params, "Enabled")
    _identity(params).headers[kind] = enabled
    return {}


def _set_forwarding(params: dict) -> dict:
    enabled = _flag(params, "ForwardingEnabled")
    _identity(params).set_forwarding(enabled)
    return {}


# --- the list, policies, the account ---

def _list_identities(params: dict) -> dict:
    kind, size, token = (ses._p(params, name) for name in ("IdentityType", "MaxItems", "NextToken"))
    if kind:
        _one_of(params, "IdentityType", ("EmailAddress", "Domain"))
    if size and not (size.isdigit() and 1 <= int(size) <= _PAGE):
        raise invalid(f"Invalid MaxItems: {size}")
    names = [
        identity.name for identity in identities.everything() if not kind or identity.is_domain == (kind == "Domain")
    ]
    if token:
        known = {_token(name): name for name in names}
        if token not in known:
            raise invalid(f"Invalid token: {token}")
        names = names[names.index(known[token]):]
    end = int(size or _PAGE)
    more = {"NextToken": _token(names[end])} if len(names) > end else {}
    return {"Identities": names[:end], **more}


def _token(name: str) -> str:
    return name.encode().hex()


def _list_verified_addresses(_params: dict) -> dict:
    return {"VerifiedEmailAddresses": [
        one.name for one in identities.everything() if one.verified and not one.is_domain
    ]}


def _delete_identity(params: dict) -> dict:
    identities.delete(_needed(params, "Identity"))
    return {}


def _put_policy(params: dict) -> dict:
    _identity(params).put_policy(_needed(params, "PolicyName"), _needed(params, "Policy"))
    return {}


def _get_policies(params: dict) -> dict:
    policies = _identity(params).policies
    asked = ses._collect_list(params, "PolicyNames.member")
    return {"Policies": _Map({name: policies[name] for name in asked if name in policies})}


def _list_policies(params: dict) -> dict:
    return {"PolicyNames": sorted(_identity(params).policies)}


def _delete_policy(params: dict) -> dict:
    _identity(params).policies.pop(_needed(params, "PolicyName"), None)
    return {}


def _send_quota(_params: dict) -> dict:
    day, second = sending.quota()
    sent = sum(1 for one in ses._sent_emails_list() if one["Timestamp"] >= time.time() - 86400)
    return {"Max24HourSend": day, "MaxSendRate": second, "SentLast24Hours": float(sent)}


_OPERATIONS = {
    "DeleteIdentity": _delete_identity,
    "DeleteIdentityPolicy": _delete_policy,
    "GetIdentityDkimAttributes": _dkim_attributes,
    "GetIdentityMailFromDomainAttributes": _mail_from_attributes,
    "GetIdentityNotificationAttributes": _notification_attributes,
    "GetIdentityPolicies": _get_policies,
    "GetIdentityVerificationAttributes": _verification_attributes,
    "GetSendQuota": _send_quota,
    "ListIdentities": _list_identities,
    "ListIdentityPolicies": _list_policies,
    "ListVerifiedEmailAddresses": _list_verified_addresses,
    "PutIdentityPolicy": _put_policy,
    "SetIdentityDkimEnabled": _set_dkim_enabled,
    "SetIdentityFeedbackForwardingEnabled": _set_forwarding,
    "SetIdentityHeadersInNotificationsEnabled": _set_headers,
    "SetIdentityMailFromDomain": _set_mail_from,
    "SetIdentityNotificationTopic": _set_topic,
    "VerifyDomainDkim": _verify_domain_dkim,
    "VerifyDomainIdentity": _verify_domain_identity,
    "VerifyEmailAddress": _verify_email_identity,
    "VerifyEmailIdentity": _verify_email_identity,
}


def install() -> None:
    handle = ses.handle_request

    async def handle_request(method, path, headers, body, query_params):
        if path.startswith("/v2/") or "sesv2" in headers.get("x-amz-target", "").lower():
            return await handle(method, path, headers, body, query_params)
        form = parse_qs(body.decode("utf-8", errors="replace"), keep_blank_values=True) if method == "POST" else {}
        params = {**query_params, **form}
        action = ses._p(params, "Action")
        operation = _OPERATIONS.get(action)
        if operation is None:
            return await handle(method, path, headers, body, query_params)
        try:
            result = operation(params)
        except Refused as refused:
            return ses._error(_CODES[refused.kind], str(refused), 400)
        return ses._xml(200, f"{action}Response", _element(f"{action}Result", result))

    ses.handle_request = handle_request
