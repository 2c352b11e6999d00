"""The identities of an account and region, their states and settings, whichever API made them."""

from __future__ import annotations

import base64
import hashlib
import json
import re
import time
from dataclasses import dataclass, field

from ministack.core.responses import AccountRegionScopedDict, get_account_id, get_region
from ministack.services import ses, ses_v2

from . import dns

NEEDS = {
    "ministack.services.ses:_domain_and_parents": "domain",
    "ministack.services.ses:_identities": AccountRegionScopedDict,
    "ministack.services.ses_v2:_identities": AccountRegionScopedDict,
    "ministack.services.ses_v2:_config_sets": AccountRegionScopedDict,
    "ministack.services.ses_v2:_ses_tags": AccountRegionScopedDict,
    "ministack.services.ses_v2:_tenant_resources": AccountRegionScopedDict,
}

NOTIFICATION_TYPES = ("Bounce", "Complaint", "Delivery")
KEY_LENGTHS = ("RSA_1024_BIT", "RSA_2048_BIT")
BEHAVIOURS = ("USE_DEFAULT_VALUE", "REJECT_MESSAGE")
_MAX_POLICIES = 20

_DOMAIN = re.compile(r"^(?=.{1,253}$)((?!-)[A-Za-z0-9_-]{1,63}(?<!-)\.)+(?!-)[A-Za-z0-9-]{2,63}(?<!-)$")
_ADDRESS = re.compile(r"^[^\s@<>\"]{1,64}@[^\s@]+$")
_POLICY_NAME = re.compile(r"^[A-Za-z0-9_-]{1,64}$")


class Refused(Exception):
    """A request SES refuses; each API has an error code of its own for the kind."""

    def __init__(self, kind: str, message: str):
        super().__init__(message)
        self.kind = kind


def invalid(message: str) -> Refused:
    return Refused("invalid", message)


@dataclass
class Identity:
    name: str
    text: dns.Check | None = None  # asked for by VerifyDomainIdentity
    dkim: dns.Check | None = None
    dkim_enabled: bool = True
    selector: str = ""  # of a key the owner brought
    key_length: str = "RSA_2048_BIT"
    key_made: float = field(default_factory=time.time)
    mail_from: str = ""
    mail_from_check: dns.Check | None = None
    behaviour: str = "USE_DEFAULT_VALUE"
    topics: dict[str, str] = field(default_factory=dict)
    headers: dict[str, bool] = field(default_factory=dict)
    forwarding: bool = True
    policies: dict[str, str] = field(default_factory=dict)
    configuration_set: str = ""

    @property
    def is_domain(self) -> bool:
        return "@" not in self.name

    @property
    def domain(self) -> str:
        return self.name.rpartition("@")[2].lower()

    @property
    def arn(self) -> str:
        return f"arn:aws:ses:{get_region()}:{get_account_id()}:identity/{self.name}"

    @property
    def text_token(self) -> str:
        digest = hashlib.sha256(f"text/{_scope()}/{self.name}".encode()).digest()
        return base64.b64encode(digest).decode()

    @property
    def dkim_tokens(self) -> list[str]:
        if self.selector:
            return [self.selector]
        if not self.is_domain or self.dkim is None:
            return []
        return [_token(f"{self.name}/{self.key_length}/{number}") for number in range(3)]

    @property
    def status(self) -> str:
        """Whether it may be sent from: either proof suffices."""
        found = {check.status for check in (self.text, self.dkim) if check}
        if not self.is_domain:
            found = {"PENDING"}  # nobody follows the link in the message SES sends
        order = ("SUCCESS", "TEMPORARY_FAILURE", "PENDING", "FAILED")
        return next((status for status in order if status in found), "NOT_STARTED")

    @property
    def verified(self) -> bool:
        return self.status == "SUCCESS"

    @property
    def dkim_status(self) -> str:
        return self.dkim.status if self.dkim else "NOT_STARTED"

    def refresh(self) -> Identity:
        """Look at DNS."""
        if self.text:
            self.text.look([dns.text_problem(f"_amazonses.{self.name}", lambda text: text == self.text_token)])
        if self.dkim and self.selector:
            key = f"{self.selector}._domainkey.{self.name}"
            self.dkim.look([dns.text_problem(key, lambda text: re.search(r"(^|;)\s*p=[A-Za-z0-9+/]", text))])
        elif self.dkim:
            self.dkim.look([
                dns.cname_problem(f"{token}._domainkey.{self.name}", f"{token}.dkim.amazonses.com")
                for token in self.dkim_tokens
            ])
        if self.mail_from_check:
            self.mail_from_check.look([
                dns.exchange_problem(self.mail_from, f"10 feedback-smtp.{get_region()}.amazonses.com"),
                dns.text_problem(self.mail_from, lambda text: text.startswith("v=spf1 ")
                                 and "include:amazonses.com" in text.split()),
            ])
        return self

    # --- settings ---

    def ask_for_text(self) -> None:
        if self.text is None or self.text.status == "FAILED":
            self.text = dns.Check()

    def ask_for_dkim(self) -> None:
        if self.dkim is None or self.dkim.status == "FAILED":
            self.dkim = dns.Check()

    def set_signing(self, attributes: dict) -> None:
        """Easy DKIM, or the key the owner brings."""
        selector, key = attributes.get("DomainSigningSelector"), attributes.get("DomainSigningPrivateKey")
        length = attributes.get("NextSigningKeyLength", "RSA_2048_BIT")
        if str(attributes.get("DomainSigningAttributesOrigin", "")).startswith("AWS_SES_"):
            raise invalid("Deterministic Easy DKIM is not supported here.")
        if bool(selector) != bool(key) or (selector and "NextSigningKeyLength" in attributes):
            raise invalid("Either both the selector and the private key, or the length of the next key, is needed.")
        if length not in KEY_LENGTHS:
            raise invalid(f"Invalid NextSigningKeyLength: {length}")
        if (selector or "") != self.selector or length != self.key_length:
            self.dkim, self.key_made = None, time.time()
        self.selector, self.key_length = selector or "", length
        self.ask_for_dkim()

    def set_mail_from(self, domain: str, behaviour: str | None) -> None:
        """No domain clears it."""
        if behaviour not in (None, *BEHAVIOURS):
            raise invalid(f"Invalid behavior on MX failure: {behaviour}")
        domain = domain.lower()
        if domain and not domain.endswith("." + self.domain):
            raise invalid(f"Provided MAIL-FROM domain <{domain}> is not subdomain of the domain of the identity "
                          f"<{self.domain}>.")
        if domain and not _DOMAIN.match(domain):
            raise invalid(f"Invalid MAIL-FROM domain <{domain}>.")
        if not domain:
            self.mail_from_check = None
        elif domain != self.mail_from or (self.mail_from_check and self.mail_from_check.status == "FAILED"):
            self.mail_from_check = dns.Check()
        self.mail_from = domain
        self.behaviour = behaviour or "USE_DEFAULT_VALUE"

    def set_topic(self, kind: str, topic: str) -> None:
        """No topic clears it."""
        if not topic and not self.forwarding and kind in ("Bounce", "Complaint"):
            raise invalid(f"The {kind} topic of identity {self.name} cannot be cleared while feedback forwarding is "
                          "disabled.")
        self.topics[kind] = topic

    def set_forwarding(self, enabled: bool) -> None:
        if not enabled and not (self.topics.get("Bounce") and self.topics.get("Complaint")):
            raise invalid(f"Feedback forwarding of identity {self.name} cannot be disabled: an SNS topic for bounces "
                          "and one for complaints are needed.")
        self.forwarding = enabled

    def put_policy(self, name: str, text: str) -> None:
        if not _POLICY_NAME.match(name):
            raise invalid(f"Invalid policy name: {name}")
        _check_policy(text, self.arn)
        if not self.refresh().verified:
            raise invalid("Invalid identity. Must be a verified email address or domain.")
        if name not in self.policies and len(self.policies) >= _MAX_POLICIES:
            raise Refused("limit", f"An identity can have at most {_MAX_POLICIES} policies.")
        self.policies[name] = text


def _scope() -> str:
    return f"{get_account_id()}/{get_region()}"


def _token(what: str) -> str:
    """32 characters as DKIM tokens have them."""
    digest = hashlib.sha256(f"dkim/{_scope()}/{what}".encode()).digest()
    return base64.b32encode(digest).decode().lower()[:32]


def _check_policy(text: str, arn: str) -> None:
    def bad(why: str) -> Refused:
        return Refused("policy", why)

    if len(text.encode()) > 4096:
        raise bad("The policy is longer than 4 KB.")
    try:
        document = json.loads(text)
        statements = document["Statement"]
        statements = [statements] if isinstance(statements, dict) else statements
        if not statements or document.get("Version") not in (None, "2008-10-17", "2012-10-17"):
            raise bad("Invalid policy document.")
        for one in statements:
            if one.get("Effect") not in ("Allow", "Deny"):
                raise bad("Invalid effect.")
            if not (one.get("Principal") or one.get("NotPrincipal")):
                raise bad("Policy contains an invalid principal.")
            actions, resources = one.get("Action"), one.get("Resource")
            actions = [actions] if isinstance(actions, str) else actions
            if not actions or not all(action == "*" or action.lower().startswith("ses:") for action in actions):
                raise bad("Invalid action.")
            if ([resources] if isinstance(resources, str) else resources) != [arn]:
                raise bad("Invalid ARN.")
    except (ValueError, KeyError, TypeError, AttributeError):
        raise bad("Invalid policy document.") from None


# --- the store ---

def canonical(name: str) -> str:
    """An identity's name from a name or an ARN; domains have no case."""
    if name.startswith("arn:"):
        name = name.removeprefix(f"arn:aws:ses:{get_region()}:{get_account_id()}:identity/")
    return name if "@" in name else name.lower()


def find(name: str) -> Identity | None:
    found = ses._identities.get(canonical(name))
    return found.refresh() if found else None


def get(name: str) -> Identity:
    found = find(name)
    if found is None:
        raise Refused("missing", canonical(name))
    return found


def everything() -> list[Identity]:
    return [identity.refresh() for _name, identity in sorted(ses._identities.items())]


def make(name: str) -> Identity:
    """A new identity, or the one that is there."""
    name = canonical(name)
    if not (_ADDRESS if "@" in name else _DOMAIN).match(name):
        kind = "email address" if "@" in name else "domain name"
        raise invalid(f"Invalid {kind}<{name}>.")
    if name not in ses._identities:
        ses._identities[name] = Identity(name)
    return ses._identities[name]


def tags(identity: Identity) -> list[dict]:
    return ses_v2._ses_tags.get(identity.arn, [])


def delete(name: str) -> None:
    """Nothing happens when it is not there."""
    identity = ses._identities.get(canonical(name))
    if identity is None:
        return
    if any(identity.arn in resources for resources in ses_v2._tenant_resources.values()):
        raise invalid(f"Cannot delete <{identity.arn}> because it has tenant associations. "
                      "Remove all tenant associations and try again.")
    del ses._identities[identity.name]
    ses_v2._ses_tags.pop(identity.arn, None)


def responsible(address: str) -> Identity | None:
    """The identity an address is sent from: its own, or the closest domain's."""
    names = [address, *ses._domain_and_parents(address.rpartition("@")[2].lower())]
    return next((identity for name in names if (identity := find(name))), None)


def install() -> None:
    """MiniStack's stores become one. The new API looks into it for the names of tagged identities."""
    ses_v2._identities = ses._identities
