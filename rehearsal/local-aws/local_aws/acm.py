"""ACM: certificates that are issued when, and only when, their validation records stand in public DNS."""

from __future__ import annotations

import hashlib
import json
import re
import time

from ministack.core.responses import (
    AccountRegionScopedDict,
    error_response_json,
    get_account_id,
    get_region,
    json_response,
)
from ministack.services import acm, alb
from ministack.services.cloudformation import provisioners

from . import route53
from .patching import replace

NEEDS = {
    "ministack.services.acm:_certificates": AccountRegionScopedDict,
    "ministack.services.alb:_listeners": AccountRegionScopedDict,
    "ministack.services.acm:_add_tags": "data",
    "ministack.services.acm:_cert_arn": "",
    "ministack.services.acm:_cert_shape": "cert",
    "ministack.services.acm:_delete_certificate": "data",
    "ministack.services.acm:_describe_certificate": "data",
    "ministack.services.acm:_epoch": "iso_or_epoch",
    "ministack.services.acm:_get_certificate": "data",
    "ministack.services.acm:_get_local_certificate": "arn",
    "ministack.services.acm:_list_certificates": "data",
    "ministack.services.acm:_list_tags": "data",
    "ministack.services.acm:_remove_tags": "data",
    "ministack.services.acm:_request_certificate": "data",
    "ministack.services.acm:_signing_profiles_using": "arn",
    "ministack.services.acm:_synthetic_pem": "domain",
    "ministack.services.acm:_update_options": "data",
    "ministack.services.acm:_validation_options": "domain, method",
    "ministack.services.cloudformation.provisioners:_acm_certificate_create": "logical_id, props, stack_name",
    "ministack.services.cloudformation.provisioners:_acm_certificate_delete": "physical_id, props",
}

RECORD_DELAY_SECONDS = 0.3
# How long a record has to be seen standing before the authority believes it; on AWS it is minutes.
ISSUE_DELAY_SECONDS = 0.4
_TOKEN_SECONDS = 3600
_YEAR_SECONDS = 395 * 24 * 3600
_MAX_NAMES = 10

_DOMAIN = re.compile(r"^(\*\.)?(((?!-)[A-Za-z0-9-]{0,62}[A-Za-z0-9])\.)+((?!-)[A-Za-z0-9-]{1,62}[A-Za-z0-9])$")
_TOKEN = re.compile(r"^\w{1,32}$", re.ASCII)
_ARN = re.compile(r"^arn:[\w+=/,.@-]+:acm:[\w+=/,.@-]*:[0-9]+:[\w+=,.@-]+(/[\w+=,.@-]+)*$")
_TAG_KEY = re.compile(r"^[\w\s_.:/=+\-@]{1,128}$")
_METHODS = ("EMAIL", "DNS", "HTTP")
_REQUESTABLE_KEYS = ("RSA_2048", "EC_prime256v1", "EC_secp384r1")
_DEFAULT_KEY_TYPES = ("RSA_1024", "RSA_2048")

# (account, region, token, parameters) to (when, ARN)
_tokens: dict[tuple, tuple[float, str]] = {}


class _Refused(Exception):
    def __init__(self, code: str, message: str):
        super().__init__(message)
        self.code = code


def _invalid(value, name: str, constraint: str) -> _Refused:
    return _Refused(
        "ValidationException",
        f"1 validation error detected: Value '{value}' at '{name}' failed to satisfy constraint: {constraint}",
    )


def _handler(function):
    """A handler whose `_Refused` becomes the error response."""

    def handle(data):
        try:
            return json_response(function(data))
        except _Refused as refused:
            return error_response_json(refused.code, str(refused), 400)

    return handle


# --- validation records ---

def _base(domain: str) -> str:
    return domain[2:] if domain.startswith("*.") else domain


def validation_record(domain: str) -> dict:
    """The CNAME of a name: one for the apex and its wildcard, the same for every certificate of the account."""
    base = _base(domain)
    name = hashlib.md5(f"name/{get_account_id()}/{base}".encode(), usedforsecurity=False).hexdigest()
    value = hashlib.sha256(f"value/{get_account_id()}/{base}".encode()).hexdigest()
    zone = "".join(chr(ord("a") + int(digit, 16)) for digit in value[40:50])
    return {
        "Name": f"_{name}.{base}.", "Type": "CNAME", "Value": f"_{value[:32]}.{zone}.acm-validations.aws.",
    }


def _option(domain: str, method: str) -> dict:
    option = {
        "DomainName": domain, "ValidationDomain": domain, "ValidationMethod": method,
        "ValidationStatus": "PENDING_VALIDATION",
    }
    if method == "EMAIL":
        users = ("admin", "administrator", "hostmaster", "postmaster", "webmaster")
        option["ValidationEmails"] = [f"{user}@{_base(domain)}" for user in users]
    return option


def _stands(option: dict) -> bool:
    if option["ValidationMethod"] != "DNS":
        return False
    record = validation_record(option["DomainName"])
    return record["Value"].rstrip(".") in route53.public_values(record["Name"], "CNAME")


def _refresh(certificate: dict) -> None:
    """Issue a pending certificate whose records have all been standing for a while."""
    if certificate["Status"] != "PENDING_VALIDATION":
        return
    now = time.time()
    standing = certificate.setdefault("_standing_since", {})
    for option in certificate["DomainValidationOptions"]:
        domain = option["DomainName"]
        if not _stands(option):
            standing.pop(domain, None)
            option["ValidationStatus"] = "PENDING_VALIDATION"
        elif now - standing.setdefault(domain, now) >= ISSUE_DELAY_SECONDS:
            option["ValidationStatus"] = "SUCCESS"
    if all(option["ValidationStatus"] == "SUCCESS" for option in certificate["DomainValidationOptions"]):
        _issue(certificate)


def _issue(certificate: dict) -> None:
    now = time.time()
    for option in certificate["DomainValidationOptions"]:
        option["ValidationStatus"] = "SUCCESS"
    certificate.update(Status="ISSUED", IssuedAt=now, NotBefore=now, NotAfter=now + _YEAR_SECONDS)


# --- operations ---

def _names(data: dict) -> list[str]:
    domain = data.get("DomainName")
    if domain is None:
        raise _invalid("null", "domainName", "Member must not be null")
    names: list[str] = []
    for one in [domain, *(data.get("SubjectAlternativeNames") or [])]:
        where = "domainName" if one is domain else "subjectAlternativeNames"
        if not 1 <= len(one) <= 253:
            raise _invalid(one, where, "Member must have length less than or equal to 253")
        if not _DOMAIN.match(one):
            raise _invalid(one, where, f"Member must satisfy regular expression pattern: {_DOMAIN.pattern}")
        if one.lower() not in names:
            names.append(one.lower())
    if len(domain) > 64:
        raise _Refused("InvalidParameterException", "The first domain name can be no longer than 64 octets.")
    if len(names) > _MAX_NAMES:
        raise _Refused("LimitExceededException", f"Certificate cannot have more than {_MAX_NAMES} domain names.")
    return names


def _checked_tags(tags: list[dict]) -> list[dict]:
    for tag in tags:
        if not _TAG_KEY.match(tag.get("Key", "")) or len(tag.get("Value", "")) > 256:
            raise _Refused("InvalidTagException", f"Invalid tag: {tag.get('Key', '')}")
        if tag["Key"].lower().startswith("aws:"):
            raise _Refused("InvalidTagException", "Tag keys that begin with aws: are reserved.")
    if len(tags) > 50:
        raise _Refused("TooManyTagsException", "A certificate can have at most 50 tags.")
    return [{"Key": tag["Key"], "Value": tag.get("Value", "")} for tag in tags]


def _request(data: dict) -> dict:
    names = _names(data)
    method = data.get("ValidationMethod", "EMAIL")
    if method not in _METHODS:
        raise _invalid(method, "validationMethod", f"Member must satisfy enum value set: [{', '.join(_METHODS)}]")
    key = data.get("KeyAlgorithm", "RSA_2048")
    if key not in _REQUESTABLE_KEYS:
        raise _Refused("InvalidParameterException", f"The key algorithm {key} is not supported for this certificate.")
    token = data.get("IdempotencyToken")
    if token is not None and not _TOKEN.match(token):
        raise _invalid(token, "idempotencyToken", r"Member must satisfy regular expression pattern: \w+")
    for option in data.get("DomainValidationOptions") or []:
        if option.get("DomainName", "").lower() not in names:
            raise _Refused("InvalidDomainValidationOptionsException", "A domain is not a name of the certificate.")
    tags = _checked_tags(data.get("Tags") or [])
    options = _checked_options(data.get("Options") or {})

    scope = (get_account_id(), get_region(), token, names[0], tuple(sorted(names[1:])), method, key)
    when, arn = _tokens.get(scope, (0.0, ""))
    if token and time.monotonic() - when < _TOKEN_SECONDS and acm._certificates.get(arn) is not None:
        return {"CertificateArn": arn}

    arn = acm._cert_arn()
    acm._certificates[arn] = {
        "CertificateArn": arn,
        "DomainName": names[0],
        "SubjectAlternativeNames": names,
        "Status": "PENDING_VALIDATION",
        "Type": "AMAZON_ISSUED",
        "CreatedAt": time.time(),
        "KeyAlgorithm": key,
        "DomainValidationOptions": [_option(name, method) for name in names],
        "ValidationMethod": method,
        "Options": options,
        "Tags": tags,
        "_pem_body": acm._synthetic_pem(names[0]),
        "_pem_chain": acm._synthetic_pem("chain"),
        "_private_key": "",
    }
    if token:
        _tokens[scope] = (time.monotonic(), arn)
    return {"CertificateArn": arn}


def _checked_options(options: dict) -> dict:
    result = {"CertificateTransparencyLoggingPreference": "ENABLED", "Export": "DISABLED", **options}
    for name in ("CertificateTransparencyLoggingPreference", "Export"):
        if result[name] not in ("ENABLED", "DISABLED"):
            where = f"options.{name[0].lower()}{name[1:]}"
            raise _invalid(result[name], where, "Member must satisfy enum value set: [ENABLED, DISABLED]")
    return result


def _certificate(data: dict) -> dict:
    arn = data.get("CertificateArn")
    if arn is None:
        raise _invalid("null", "certificateArn", "Member must not be null")
    if not 20 <= len(arn) <= 2048 or not _ARN.match(arn):
        raise _invalid(arn, "certificateArn", f"Member must satisfy regular expression pattern: {_ARN.pattern}")
    certificate = acm._get_local_certificate(arn)
    if certificate is None:
        raise _Refused("ResourceNotFoundException", f"Could not find certificate {arn}.")
    _refresh(certificate)
    return certificate


def _in_use_by(arn: str) -> list[str]:
    """The load balancers with a listener that presents the certificate."""
    users = [
        listener["LoadBalancerArn"] for listener in alb._listeners.values() if arn in listener.get("Certificates", [])
    ]
    return sorted(set(users)) + acm._signing_profiles_using(arn)


def _shown_option(certificate: dict, option: dict) -> dict:
    shown = dict(option)
    age = time.time() - acm._epoch(certificate["CreatedAt"])
    if option["ValidationMethod"] == "DNS" and age >= RECORD_DELAY_SECONDS:
        shown["ResourceRecord"] = validation_record(option["DomainName"])
    return shown


def _shape(certificate: dict) -> dict:
    issued = certificate["Status"] == "ISSUED"
    imported = certificate.get("Type") == "IMPORTED"
    key = certificate.get("KeyAlgorithm", "RSA_2048")
    arn = certificate["CertificateArn"]
    shape = {
        "CertificateArn": arn,
        "DomainName": certificate["DomainName"],
        "SubjectAlternativeNames": certificate["SubjectAlternativeNames"],
        "Status": certificate["Status"],
        "Type": certificate.get("Type", "AMAZON_ISSUED"),
        "Subject": f"CN={certificate['DomainName']}",
        "KeyAlgorithm": key.replace("RSA_", "RSA-"),
        "SignatureAlgorithm": "SHA256WITHRSA",
        "InUseBy": _in_use_by(arn),
        "CreatedAt": acm._epoch(certificate["CreatedAt"]),
        "RenewalEligibility": "ELIGIBLE" if issued and not imported and _in_use_by(arn) else "INELIGIBLE",
        "Options": certificate.get("Options", {}),
        "KeyUsages": [], "ExtendedKeyUsages": [],
    }
    if not imported:
        shape["DomainValidationOptions"] = [
            _shown_option(certificate, option) for option in certificate["DomainValidationOptions"]
        ]
    if issued:
        serial = hashlib.sha256(arn.encode()).hexdigest()[:32]
        shape.update(
            Issuer="Amazon", Serial=":".join(serial[at:at + 2] for at in range(0, 32, 2)),
            KeyUsages=[{"Name": "DIGITAL_SIGNATURE"}, {"Name": "KEY_ENCIPHERMENT"}],
            ExtendedKeyUsages=[{"Name": "TLS_WEB_SERVER_AUTHENTICATION", "OID": "1.3.6.1.5.5.7.3.1"}],
            **{name: acm._epoch(certificate[name]) for name in ("IssuedAt", "NotBefore", "NotAfter")},
        )
        shape["ImportedAt" if imported else "IssuedAt"] = shape.pop("IssuedAt")
    return shape


def _describe(data: dict) -> dict:
    return {"Certificate": _shape(_certificate(data))}


def _delete(data: dict) -> dict:
    certificate = _certificate(data)
    arn = certificate["CertificateArn"]
    if _in_use_by(arn):
        raise _Refused("ResourceInUseException", f"Certificate {arn} in account {get_account_id()} is in use.")
    del acm._certificates[arn]
    return {}


def _get(data: dict) -> dict:
    certificate = _certificate(data)
    if certificate["Status"] == "PENDING_VALIDATION":
        raise _Refused(
            "RequestInProgressException", f"Certificate {certificate['CertificateArn']} is pending validation."
        )
    return {"Certificate": certificate["_pem_body"], "CertificateChain": certificate["_pem_chain"]}


def _add_tags(data: dict) -> dict:
    certificate = _certificate(data)
    merged = {tag["Key"]: tag for tag in certificate.get("Tags", [])}
    merged.update({tag["Key"]: tag for tag in _checked_tags(data.get("Tags") or [])})
    certificate["Tags"] = _checked_tags(list(merged.values()))
    return {}


def _remove_tags(data: dict) -> dict:
    certificate = _certificate(data)
    removed = data.get("Tags") or []
    certificate["Tags"] = [
        tag for tag in certificate.get("Tags", [])
        if not any(one["Key"] == tag["Key"] and one.get("Value", tag["Value"]) == tag["Value"] for one in removed)
    ]
    return {}


def _list_tags(data: dict) -> dict:
    return {"Tags": _certificate(data).get("Tags", [])}


def _update_options(data: dict) -> dict:
    certificate = _certificate(data)
    if certificate.get("Type") == "IMPORTED":
        raise _Refused("InvalidStateException", "The options of an imported certificate cannot be changed.")
    certificate["Options"] = _checked_options({**certificate.get("Options", {}), **(data.get("Options") or {})})
    return {}


def _summary(certificate: dict) -> dict:
    shape = _shape(certificate)
    summary = {
        name: shape[name]
        for name in ("CertificateArn", "DomainName", "Status", "Type", "KeyAlgorithm", "RenewalEligibility",
                     "CreatedAt", "IssuedAt", "ImportedAt", "NotBefore", "NotAfter")
        if name in shape
    }
    summary.update(
        SubjectAlternativeNameSummaries=shape["SubjectAlternativeNames"][:100],
        HasAdditionalSubjectAlternativeNames=False,
        KeyUsages=[usage["Name"] for usage in shape["KeyUsages"]],
        ExtendedKeyUsages=[usage["Name"] for usage in shape["ExtendedKeyUsages"]],
        InUse=bool(shape["InUseBy"]),
        ExportOption=certificate.get("Options", {}).get("Export", "DISABLED"),
    )
    return summary


def _list(data: dict) -> dict:
    size = data.get("MaxItems", 1000)
    if not 1 <= size <= 1000:
        raise _invalid(size, "maxItems", "Member must have value between 1 and 1000")
    includes = {key[0].lower() + key[1:]: value for key, value in (data.get("Includes") or {}).items()}
    key_types = includes.get("keyTypes") or _DEFAULT_KEY_TYPES
    statuses = data.get("CertificateStatuses") or []
    found = []
    for arn, certificate in list(acm._certificates.items()):
        if acm._get_local_certificate(arn) is None:
            continue
        _refresh(certificate)
        if certificate.get("KeyAlgorithm", "RSA_2048") not in key_types:
            continue
        if statuses and certificate["Status"] not in statuses:
            continue
        found.append(certificate)
    found.sort(key=lambda one: (acm._epoch(one["CreatedAt"]), one["CertificateArn"]),
               reverse=data.get("SortOrder") == "DESCENDING")
    start = 0
    if token := data.get("NextToken"):
        positions = [at for at, one in enumerate(found) if _page_token(one) == token]
        if not positions:
            raise _Refused("InvalidArgsException", "The NextToken is not valid.")
        start = positions[0]
    result: dict = {"CertificateSummaryList": [_summary(one) for one in found[start:start + size]]}
    if len(found) > start + size:
        result["NextToken"] = _page_token(found[start + size])
    return result


def _page_token(certificate: dict) -> str:
    return hashlib.sha256(certificate["CertificateArn"].encode()).hexdigest()


# --- AWS::CertificateManager::Certificate ---

def _create_for_stack(logical_id, properties, _stack_name):
    """Request, write the records into the zones given, and be issued, as CloudFormation waits for it."""
    request = {
        name: properties[name]
        for name in ("DomainName", "SubjectAlternativeNames", "ValidationMethod", "KeyAlgorithm")
        if properties.get(name)
    }
    if properties.get("CertificateTransparencyLoggingPreference"):
        request["Options"] = {
            "CertificateTransparencyLoggingPreference": properties["CertificateTransparencyLoggingPreference"]
        }
    try:
        arn = _request(request)["CertificateArn"]
    except _Refused as refused:
        raise ValueError(f"{refused} (Service: Acm, Error Code: {refused.code})") from None
    certificate = acm._certificates[arn]
    # Not by the request: CloudFormation's own tags begin with aws:, which a caller's may not.
    certificate["Tags"] = properties.get("Tags") or []
    zones = {one["DomainName"]: one.get("HostedZoneId") for one in properties.get("DomainValidationOptions") or []}
    for option in certificate["DomainValidationOptions"]:
        record = validation_record(option["DomainName"])
        zone_id = zones.get(option["DomainName"])
        if zone_id:
            route53.apply_changes(zone_id.removeprefix("/hostedzone/"), [("UPSERT", {
                "Name": record["Name"], "Type": "CNAME", "TTL": "300", "ResourceRecords": [record["Value"]],
            })])
    if not all(_stands(option) for option in certificate["DomainValidationOptions"]):
        del acm._certificates[arn]
        raise ValueError(
            f"The certificate of {logical_id} would stay PENDING_VALIDATION: its validation records are not in DNS"
        )
    _issue(certificate)
    return arn, {"CertificateArn": arn, "Arn": arn}


def _delete_for_stack(physical_id, _properties):
    if acm._certificates.get(physical_id) is None:
        return
    status, _headers, body = acm._delete_certificate({"CertificateArn": physical_id})
    if status != 200:
        raise ValueError(json.loads(body)["message"])


def install() -> None:
    for name, function in (
        ("_add_tags", _add_tags),
        ("_delete_certificate", _delete),
        ("_describe_certificate", _describe),
        ("_get_certificate", _get),
        ("_list_certificates", _list),
        ("_list_tags", _list_tags),
        ("_remove_tags", _remove_tags),
        ("_request_certificate", _request),
        ("_update_options", _update_options),
    ):
        replace(acm, name, _handler(function))
    acm._validation_options = _option
    acm._cert_shape = _shape
    create, delete = provisioners._acm_certificate_create, provisioners._acm_certificate_delete
    handlers = provisioners._RESOURCE_HANDLERS["AWS::CertificateManager::Certificate"]
    assert handlers["create"] is create and handlers["delete"] is delete
    provisioners._acm_certificate_create = handlers["create"] = _create_for_stack
    provisioners._acm_certificate_delete = handlers["delete"] = _delete_for_stack
