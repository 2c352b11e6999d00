"""Listeners: one a port, with a certificate that is issued and a policy that exists."""

from __future__ import annotations

from ministack.core.responses import AccountRegionScopedDict, AccountScopedDict
from ministack.services import acm, alb
from ministack.services.cloudformation import provisioners

from .balancers import refused
from .target_groups import attach, check_forward

NEEDS = {
    "ministack.services.acm:_certificates": AccountRegionScopedDict,
    "ministack.services.alb:_lbs": AccountRegionScopedDict,
    "ministack.services.alb:_listener_attrs": AccountScopedDict,
    "ministack.services.alb:_listeners": AccountRegionScopedDict,
    "ministack.services.cloudformation.provisioners:_RESOURCE_HANDLERS": dict,
    "ministack.services.cloudformation.provisioners:_elbv2_listener_create": "logical_id, props, stack_name",
    "ministack.services.cloudformation.provisioners:_elbv2_listener_update":
        "physical_id, old_props, new_props, stack_name, logical_id",
}

# https://docs.aws.amazon.com/elasticloadbalancing/latest/application/describe-ssl-policies.html, without the FIPS ones.
_POLICIES = {
    f"ELBSecurityPolicy-{name}" for name in (
        "2016-08", "TLS-1-1-2017-01", "TLS-1-2-2017-01", "TLS-1-2-Ext-2018-06", "FS-2018-06", "FS-1-1-2019-08",
        "FS-1-2-2019-08", "FS-1-2-Res-2019-08", "FS-1-2-Res-2020-10", "TLS13-1-0-2021-06", "TLS13-1-1-2021-06",
        "TLS13-1-2-2021-06", "TLS13-1-2-Ext1-2021-06", "TLS13-1-2-Ext2-2021-06", "TLS13-1-2-Res-2021-06", "TLS13-1-3-2021-06",
        "TLS13-1-2-Res-PQ-2025-09", "TLS13-1-2-PQ-2025-09", "TLS13-1-3-PQ-2025-09",
    )
}

_ATTRIBUTES = {"routing.http.response.server.enabled"} | {
    f"routing.http.response.{name}.header_value" for name in (
        "access_control_allow_credentials", "access_control_allow_headers", "access_control_allow_methods",
        "access_control_allow_origin", "access_control_expose_headers", "access_control_max_age", "content_security_policy",
        "strict_transport_security", "x_content_type_options", "x_frame_options")
}


def balancer(arn: str) -> dict:
    found = alb._lbs.get(arn)
    if found is None:
        raise refused("LoadBalancerNotFound", f"Load balancer '{arn}' not found")
    return found


def _check_tls(properties: dict) -> None:
    certificates = [one["CertificateArn"] for one in properties.get("Certificates") or []]
    if properties.get("Protocol") != "HTTPS":
        if certificates or properties.get("SslPolicy"):
            raise refused("InvalidConfigurationRequest",
                          "A certificate or SSL policy cannot be specified for a listener that is not HTTPS")
        return
    if not certificates:
        raise refused("ValidationError", "A certificate must be specified for HTTPS listeners")
    for arn in certificates:
        certificate = acm._certificates.get(arn)
        if certificate is None:
            raise refused("CertificateNotFound", f"Certificate '{arn}' not found")
        if certificate.get("Status") != "ISSUED":
            raise refused("UnsupportedCertificate",
                          f"The certificate '{arn}' must have a fully-qualified domain name, a supported signature, and a "
                          "supported key size.")
    if properties.get("SslPolicy") and properties["SslPolicy"] not in _POLICIES:
        raise refused("SSLPolicyNotFound", f"SSL policy '{properties['SslPolicy']}' not found")


def _check(properties: dict, itself: str = "") -> None:
    home = balancer(properties.get("LoadBalancerArn", ""))
    port = int(properties.get("Port", 0))
    for arn, other in alb._listeners.items():
        if arn != itself and other["LoadBalancerArn"] == home["LoadBalancerArn"] and other["Port"] == port:
            raise refused("DuplicateListener", "A listener already exists on this port for this load balancer "
                                               f"'{home['LoadBalancerArn']}'")
    _check_tls(properties)
    for action in properties.get("DefaultActions") or []:
        check_forward(action, home["VpcId"])
    for attribute in properties.get("ListenerAttributes") or []:
        if attribute["Key"] not in _ATTRIBUTES:
            raise refused("ValidationError", f"Listener attribute key '{attribute['Key']}' is not recognized")


class _Listener:
    @staticmethod
    def create(logical_id, properties, stack_name):
        _check(properties)
        arn, attributes = provisioners._elbv2_listener_create(logical_id, properties, stack_name)
        alb._listener_attrs[arn] = [
            {"Key": one["Key"], "Value": str(one["Value"])} for one in properties.get("ListenerAttributes") or []]
        for action in properties.get("DefaultActions") or []:
            attach(action, properties["LoadBalancerArn"])
        return arn, attributes

    @staticmethod
    def update(physical_id, old_properties, new_properties, stack_name, logical_id=None):
        _check(new_properties, physical_id)
        return provisioners._elbv2_listener_update(physical_id, old_properties, new_properties, stack_name, logical_id)


def install() -> None:
    provisioners._RESOURCE_HANDLERS["AWS::ElasticLoadBalancingV2::Listener"].update(
        create=_Listener.create, update=_Listener.update)
