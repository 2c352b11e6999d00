"""Secrets Manager: versions made once per token, and generated secrets with every flag of GenerateSecretString."""

from __future__ import annotations

import json
import uuid

from ministack.core.responses import AccountRegionScopedDict, error_response_json, json_response
from ministack.services import secretsmanager
from ministack.services.cloudformation import provisioners

from .patching import replace

NEEDS = {
    "ministack.services.cloudformation.provisioners:_sm_secret_string": "props",
    "ministack.services.cloudformation.provisioners:_cfn_bool": "value",
    "ministack.services.secretsmanager:_create_secret": "data",
    "ministack.services.secretsmanager:_get_random_password": "data",
    "ministack.services.secretsmanager:_put_secret_value": "data",
    "ministack.services.secretsmanager:_resolve": "secret_id, *, use_arn_scope",
    "ministack.services.secretsmanager:_secrets": AccountRegionScopedDict,
    "ministack.services.secretsmanager:_update_secret": "data",
}

_FLAGS = ("ExcludeLowercase", "ExcludeNumbers", "ExcludePunctuation", "ExcludeUppercase", "IncludeSpace",
          "RequireEachIncludedType")


def _value(data: dict) -> tuple:
    return data.get("SecretString"), data.get("SecretBinary")


def _refusal(data: dict, secret: dict | None, needed: bool) -> tuple | None:
    """What is wrong with the token and the value of a request that makes a version."""
    token, values = data.get("ClientRequestToken"), [one for one in _value(data) if one is not None]
    if token is not None and not 32 <= len(token) <= 64:
        return error_response_json(
            "InvalidParameterException", "ClientRequestToken must be 32 to 64 characters long.", 400)
    if len(values) > 1:
        return error_response_json(
            "InvalidParameterException", "You can't specify both a binary secret value and a string secret value.", 400)
    if needed and not values:
        return error_response_json(
            "InvalidRequestException", "You must provide either SecretString or SecretBinary.", 400)
    version = secret["Versions"].get(token) if secret else None
    if version is not None and values and _value(data) != _value(version):
        return error_response_json(
            "ResourceExistsException",
            f"You can't use ClientRequestToken {token} because that value is already in use for a version of secret "
            f"{secret['ARN']}.", 400)
    return None


def _known(data: dict, secret: dict | None) -> dict | None:
    """The version that the same request has made before."""
    if secret is None or secret.get("DeletedDate"):
        return None
    return secret["Versions"].get(data.get("ClientRequestToken"))


def _renamed(secret: dict, old: str, new: str) -> None:
    secret["Versions"] = {new if name == old else name: version for name, version in secret["Versions"].items()}


def _generated(properties: dict) -> str:
    """The password of GenerateSecretString, and the template it is put into."""
    wanted = properties["GenerateSecretString"]
    template, key = wanted.get("SecretStringTemplate"), wanted.get("GenerateStringKey")
    if bool(template) != bool(key):
        raise ValueError("Invalid request provided: GenerateStringKey and SecretStringTemplate need each other.")
    request = {name: provisioners._cfn_bool(wanted[name]) for name in _FLAGS if name in wanted}
    request["PasswordLength"] = int(wanted.get("PasswordLength", 32))
    request["ExcludeCharacters"] = wanted.get("ExcludeCharacters", "")
    status, _headers, body = secretsmanager._get_random_password(request)
    answer = json.loads(body)
    if status >= 300:
        raise ValueError(f"{answer.get('message') or answer.get('Message')} (Service: SecretsManager)")
    if not template:
        return answer["RandomPassword"]
    try:
        document = json.loads(template)
        document[key] = answer["RandomPassword"]
    except (ValueError, TypeError):
        raise ValueError("Could not parse SecretStringTemplate JSON") from None
    return json.dumps(document, separators=(",", ":"))


def install() -> None:
    create, put, update = (
        secretsmanager._create_secret, secretsmanager._put_secret_value, secretsmanager._update_secret
    )

    def create_secret(data):
        secret = secretsmanager._secrets.get(data.get("Name"))
        if refusal := _refusal(data, secret, needed=False):
            return refusal
        if version := _known(data, secret):
            if _value(version) == _value(data):
                return json_response({
                    "ARN": secret["ARN"], "Name": secret["Name"], "VersionId": data["ClientRequestToken"]})
        status, headers, body = create(data)
        answer = json.loads(body)
        if status < 300 and (token := data.get("ClientRequestToken")):
            _renamed(secretsmanager._secrets[data["Name"]], answer["VersionId"], token)
            answer["VersionId"] = token
        if status < 300 and not any(one is not None for one in _value(data)):
            # A secret without a value has no version.
            secretsmanager._secrets[data["Name"]]["Versions"] = {}
            del answer["VersionId"]
        return (status, headers, body) if status >= 300 else json_response(answer)

    def put_secret_value(data):
        _key, secret = secretsmanager._resolve(data.get("SecretId"))
        if secret and (refusal := _refusal(data, secret, needed=True)):
            return refusal
        version = _known(data, secret)
        if version is None:
            return put({**data, "ClientRequestToken": data.get("ClientRequestToken") or str(uuid.uuid4())})
        return json_response({
            "ARN": secret["ARN"], "Name": secret["Name"], "VersionId": data["ClientRequestToken"],
            "VersionStages": list(version["Stages"]),
        })

    def update_secret(data):
        _key, secret = secretsmanager._resolve(data.get("SecretId"))
        if secret and (refusal := _refusal(data, secret, needed=False)):
            return refusal
        if _known(data, secret):
            return update({key: data[key] for key in ("SecretId", "Description", "KmsKeyId") if key in data})
        status, headers, body = update(data)
        answer = json.loads(body)
        if status >= 300 or "VersionId" not in answer or not data.get("ClientRequestToken"):
            return status, headers, body
        _renamed(secret, answer["VersionId"], data["ClientRequestToken"])
        return json_response({**answer, "VersionId": data["ClientRequestToken"]})

    def secret_string(props):
        if props.get("GenerateSecretString") is None:
            return props.get("SecretString", "")
        if props.get("SecretString"):
            raise ValueError("You can't specify both SecretString and GenerateSecretString.")
        return _generated(props)

    for name, new in (
        ("_create_secret", create_secret), ("_put_secret_value", put_secret_value), ("_update_secret", update_secret),
    ):
        replace(secretsmanager, name, new)
    replace(provisioners, "_sm_secret_string", secret_string)
