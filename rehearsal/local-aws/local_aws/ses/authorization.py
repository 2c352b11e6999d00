"""What IAM evaluates for SES: actions, resources and condition keys of both APIs, which share a prefix."""

from __future__ import annotations

import json
from email.utils import getaddresses, parseaddr
from urllib.parse import unquote

from ministack import app
from ministack.core import iam_actions
from ministack.core.responses import get_account_id
from ministack.services import ses

from ..patching import replace
from . import identities

NEEDS = {
    "ministack.app:AUTH": bool,
    "ministack.app:extract_region": "headers, query_params",
    "ministack.app:_authenticate_only": "service, headers, query_params, request_id",
    "ministack.app:_enforce_data_plane":
        "service, iam_action, headers, query_params, request_id, resource_arn, service_context, auth_error_response, "
        "named_resource",
    "ministack.app:_enforce_ses_v2": "method, path, headers, body, query_params, request_id",
    "ministack.core.iam_actions:_param": "body, query_params, *fields",
    "ministack.core.iam_actions:_ses_v2_resource_arn": "method, path, body, region, account_id",
    "ministack.services.ses:_collect_list": "params, prefix",
    "ministack.services.ses:_parse_raw_mime": "raw_b64",
}

_SENDING = ("SendEmail", "SendRawEmail", "SendTemplatedEmail", "SendBulkTemplatedEmail", "SendBounce", "SendBulkEmail")
_TAGS_PATH = "/v2/email/tags"


def _json(body: bytes) -> dict:
    try:
        data = json.loads(body or b"{}")
    except ValueError:
        return {}
    return data if isinstance(data, dict) else {}


def _message(body: bytes, params: dict) -> dict:
    """Sender and recipients of a request that sends, in either API."""
    data = _json(body) if body[:1] == b"{" else {}
    if data:
        content, to = data.get("Content") or {}, data.get("Destination") or {}
        raw = (content.get("Raw") or {}).get("Data")
        sender, feedback = data.get("FromEmailAddress"), data.get("FeedbackForwardingEmailAddress")
        recipients = [one for kind in ("To", "Cc", "Bcc") for one in to.get(f"{kind}Addresses") or []]
    else:
        raw, sender, feedback = (ses._p(params, name) for name in ("RawMessage.Data", "Source", "ReturnPath"))
        recipients = [
            one for prefix in ("Destinations.member", *(f"Destination.{kind}Addresses.member" for kind in
                                                        ("To", "Cc", "Bcc")))
            for one in ses._collect_list(params, prefix)
        ]
    if raw:
        headers = ses._parse_raw_mime(raw)
        # The header is what counts; the parameter is only the envelope's sender.
        sender = headers.get("From") or sender
        recipients = recipients or [headers.get("To") or ""]
    return {"from": sender or "", "feedback": feedback or "", "recipients": recipients, "raw": bool(raw)}


def _sender_arn(address: str, region: str) -> str:
    address = parseaddr(address)[1]
    identity = identities.responsible(address)
    name = identity.name if identity else address
    return f"arn:aws:ses:{region}:{get_account_id()}:identity/{name}" if name else "*"


def resource(action: str, method: str, path: str, body: bytes, params: dict, region: str) -> str:
    """The ARN a request is evaluated on; most operations of the Query API know none."""
    if action in _SENDING:
        return _sender_arn(_message(body, params)["from"], region)
    if not path.startswith("/v2/"):
        return "*"
    if path.rstrip("/") == _TAGS_PATH:
        return iam_actions._param(body, params, "ResourceArn") or "*"
    return iam_actions._ses_v2_resource_arn(method, unquote(path), body, region, get_account_id())


def context(action: str, path: str, body: bytes, params: dict, arn: str) -> dict:
    """SES's condition keys."""
    keys: dict = {"ses:ApiVersion": "2" if path.startswith("/v2/") else "1"}
    if action in _SENDING:
        message = _message(body, params)
        name, address = parseaddr(message["from"])
        keys["ses:FromAddress"] = address
        keys["ses:Recipients"] = [one for _name, one in getaddresses(message["recipients"]) if one]
        if name:
            keys["ses:FromDisplayName"] = name
        if message["feedback"]:
            keys["ses:FeedbackAddress"] = parseaddr(message["feedback"])[1]
    identity = ses._identities.get(arn.partition(":identity/")[2])
    for tag in identities.tags(identity) if identity else []:
        keys[f"aws:ResourceTag/{tag['Key']}"] = tag["Value"]
    return keys


def _enforce_v2(method, path, headers, body, query_params, request_id):
    """As MiniStack does, and with condition keys."""
    if not app.AUTH:
        return None
    action = iam_actions.extract_iam_action("ses", method, path, headers, body, query_params)
    if action is None:
        return app._authenticate_only("sesv2", headers, query_params, request_id)
    name = action.split(":")[1]
    if name == "SendEmail" and _message(body, query_params)["raw"]:
        action = "ses:SendRawEmail"
    region = app.extract_region(headers, query_params)
    arn = resource(name, method, path, body, query_params, region)
    keys = {
        **iam_actions.request_tag_context("ses", action, body, query_params),
        **context(name, path, body, query_params, arn),
    }
    return app._enforce_data_plane("sesv2", action, headers, query_params, request_id, resource_arn=arn,
                                   service_context=keys, named_resource=arn)


def install() -> None:
    """The Query API's part is in `iam`, where all requests of its kind come by."""
    replace(app, "_enforce_ses_v2", _enforce_v2)
