"""IAM: access keys, at most two for a user, with secrets as AWS makes them."""

from __future__ import annotations

import secrets
import string

from ministack.core import iam_evaluator
from ministack.core.responses import AccountScopedDict
from ministack.services import iam

from .patching import replace

NEEDS = {
    "ministack.core.iam_evaluator:caller_arn": "",
    "ministack.services.iam:_access_keys": AccountScopedDict,
    "ministack.services.iam:_users": AccountScopedDict,
    "ministack.services.iam:_user_inline_policies": AccountScopedDict,
    "ministack.services.iam:_create_access_key": "p",
    "ministack.services.iam:_delete_access_key": "p",
    "ministack.services.iam:_delete_user": "p",
    "ministack.services.iam:_list_access_keys": "p",
    "ministack.services.iam:_update_access_key": "p",
    "ministack.services.iam:_error": "status, code, message, ns",
    "ministack.services.iam:_gen_access_key_id": "",
    "ministack.services.iam:_now": "",
    "ministack.services.iam:_p": "params, key, default",
    "ministack.services.iam:_xml": "status, root_tag, inner, ns",
    "ministack.services.iam:_IAM_HANDLERS": dict,
}

_MOST = 2
_SECRET_CHARACTERS = string.ascii_letters + string.digits + "+/"


class Refused(Exception):
    def __init__(self, status: int, code: str, message: str):
        super().__init__(message)
        self.status, self.code = status, code


def _keys_of(user: str) -> list[dict]:
    return [key for key in iam._access_keys.values() if key["UserName"] == user]


def _user(params: dict) -> str:
    """The user that is named, or who asks."""
    name = iam._p(params, "UserName")
    if not name:
        _, found, path = iam_evaluator.caller_arn().partition(":user/")
        if not found:
            raise Refused(400, "ValidationError", "Must specify userName when calling with non-User credentials")
        name = path.rsplit("/", 1)[-1]
    if name not in iam._users:
        raise Refused(404, "NoSuchEntity", f"The user with name {name} cannot be found.")
    return name


def create(user: str) -> dict:
    if len(_keys_of(user)) >= _MOST:
        raise Refused(409, "LimitExceeded", f"Cannot exceed quota for AccessKeysPerUser: {_MOST}")
    key = {
        "UserName": user,
        "AccessKeyId": iam._gen_access_key_id(),
        "SecretAccessKey": "".join(secrets.choice(_SECRET_CHARACTERS) for _ in range(40)),
        "Status": "Active",
        "CreateDate": iam._now(),
    }
    iam._access_keys[key["AccessKeyId"]] = key
    return key


def _element(key: dict, *names: str) -> str:
    return "".join(f"<{name}>{key[name]}</{name}>" for name in names)


def _create(params: dict) -> str:
    key = create(_user(params))
    shown = _element(key, "UserName", "AccessKeyId", "Status", "SecretAccessKey", "CreateDate")
    return f"<CreateAccessKeyResult><AccessKey>{shown}</AccessKey></CreateAccessKeyResult>"


def _list(params: dict) -> str:
    user = _user(params)
    keys = sorted(_keys_of(user), key=lambda key: key["AccessKeyId"])
    members = "".join(
        f"<member>{_element(key, 'UserName', 'AccessKeyId', 'Status', 'CreateDate')}</member>" for key in keys
    )
    return (f"<ListAccessKeysResult><AccessKeyMetadata>{members}</AccessKeyMetadata><IsTruncated>false</IsTruncated>"
            "</ListAccessKeysResult>")


def _key(params: dict) -> dict:
    user, key_id = _user(params), iam._p(params, "AccessKeyId")
    key = iam._access_keys.get(key_id)
    if key is None or key["UserName"] != user:
        raise Refused(404, "NoSuchEntity", f"The Access Key with id {key_id} cannot be found.")
    return key


def _delete(params: dict) -> str:
    del iam._access_keys[_key(params)["AccessKeyId"]]
    return ""


def _update(params: dict) -> str:
    status = iam._p(params, "Status")
    if status not in ("Active", "Inactive"):
        raise Refused(400, "ValidationError", "1 validation error detected: Value at 'status' failed to satisfy "
                                              "constraint: Member must satisfy enum value set: [Active, Inactive]")
    _key(params)["Status"] = status
    return ""


def _handler(action: str, operation):
    def handle(params):
        try:
            return iam._xml(200, f"{action}Response", operation(params), ns="iam")
        except Refused as refused:
            return iam._error(refused.status, refused.code, str(refused), ns="iam")

    return handle


def install() -> None:
    delete_user = iam._delete_user

    def delete_user_without_policies(p):
        if iam._user_inline_policies.get(iam._p(p, "UserName")):
            return iam._error(409, "DeleteConflict", "Cannot delete entity, must delete policies first.", ns="iam")
        return delete_user(p)

    replacements = {
        "CreateAccessKey": ("_create_access_key", _handler("CreateAccessKey", _create)),
        "DeleteAccessKey": ("_delete_access_key", _handler("DeleteAccessKey", _delete)),
        "ListAccessKeys": ("_list_access_keys", _handler("ListAccessKeys", _list)),
        "UpdateAccessKey": ("_update_access_key", _handler("UpdateAccessKey", _update)),
        "DeleteUser": ("_delete_user", delete_user_without_policies),
    }
    for action, (name, new) in replacements.items():
        replace(iam, name, new)
        iam._IAM_HANDLERS[action] = new
