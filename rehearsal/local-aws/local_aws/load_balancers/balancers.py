"""Load balancers: two zones, a way in, security groups of the VPC, a bucket that logs may be written to."""

from __future__ import annotations

from typing import Any

from ministack.core.responses import AccountRegionScopedDict, AccountScopedDict, get_account_id
from ministack.services import alb, ec2, s3
from ministack.services.cloudformation import provisioners

from ..patching import replace
from ..refusals import Refused
from ..service_principals import allowed

NEEDS = {
    "ministack.services.alb:_ACTION_MAP": dict,
    "ministack.services.alb:_delete_lb": "params",
    "ministack.services.alb:_error": "code, message, status",
    "ministack.services.alb:_lb_attrs": AccountScopedDict,
    "ministack.services.alb:_lbs": AccountRegionScopedDict,
    "ministack.services.alb:_p": "params, key, default",
    "ministack.services.cloudformation.provisioners:_RESOURCE_HANDLERS": dict,
    "ministack.services.cloudformation.provisioners:_elbv2_load_balancer_create": "logical_id, props, stack_name",
    "ministack.services.cloudformation.provisioners:_elbv2_load_balancer_delete": "physical_id, props",
    "ministack.services.cloudformation.provisioners:_elbv2_load_balancer_update":
        "physical_id, old_props, new_props, stack_name, logical_id",
    "ministack.services.ec2:_internet_gateways": AccountRegionScopedDict,
    "ministack.services.ec2:_security_groups": AccountRegionScopedDict,
    "ministack.services.ec2:_subnets": AccountRegionScopedDict,
    "ministack.services.s3:bucket_policy_for_arn": "resource_arn",
}

_LOG_DELIVERY = "logdelivery.elasticloadbalancing.amazonaws.com"

# Those of application load balancers.
_ATTRIBUTES = {
    "access_logs.s3.enabled", "access_logs.s3.bucket", "access_logs.s3.prefix", "client_keep_alive.seconds",
    "connection_logs.s3.enabled", "connection_logs.s3.bucket", "connection_logs.s3.prefix", "deletion_protection.enabled",
    "idle_timeout.timeout_seconds", "ipv6.deny_all_igw_traffic", "load_balancing.cross_zone.enabled",
    "routing.http.desync_mitigation_mode", "routing.http.drop_invalid_header_fields.enabled",
    "routing.http.preserve_host_header.enabled", "routing.http.x_amzn_tls_version_and_cipher_suite.enabled",
    "routing.http.xff_client_port.enabled", "routing.http.xff_header_processing.mode", "routing.http2.enabled",
    "waf.fail_open.enabled", "zonal_shift.config.enabled",
}


def refused(code: str, message: str) -> Refused:
    return Refused("ElasticLoadBalancingV2", code, message)


def listed(value: Any) -> list:
    """A list that a parameter may hand over as text."""
    return value.split(",") if isinstance(value, str) else list(value or [])


def _home(properties: dict) -> str:
    """The VPC of a load balancer, by subnets that may be its."""
    subnets = []
    for name in listed(properties.get("Subnets")):
        if name not in ec2._subnets:
            raise refused("SubnetNotFound", f"The subnet ID '{name}' does not exist")
        subnets.append(ec2._subnets[name])
    zones = [one["AvailabilityZone"] for one in subnets]
    if len(set(zones)) < 2:
        raise refused("ValidationError", "At least two subnets in two different Availability Zones must be specified")
    if len(set(zones)) < len(zones):
        raise refused("InvalidConfigurationRequest",
                      "A load balancer cannot be attached to multiple subnets in the same Availability Zone")
    homes = {one["VpcId"] for one in subnets}
    if len(homes) > 1:
        raise refused("InvalidConfigurationRequest", "All subnets must belong to the same VPC")
    return homes.pop()


def _check_access_logs(attributes: dict[str, str]) -> None:
    if attributes.get("access_logs.s3.enabled") != "true":
        return
    bucket, prefix = attributes.get("access_logs.s3.bucket", ""), attributes.get("access_logs.s3.prefix", "")
    path = "/".join(part for part in (prefix, "AWSLogs", get_account_id(), "ELBAccessLogTestFile") if part)
    target = f"arn:aws:s3:::{bucket}/{path}"
    policy, _owner = s3.bucket_policy_for_arn(target) or ("", None)
    if not policy or not allowed(policy, _LOG_DELIVERY, "s3:PutObject", target, {}):
        raise refused("InvalidConfigurationRequest", f"Access Denied for bucket: {bucket}. Please check S3bucket permission")


def _check(properties: dict) -> None:
    home = _home(properties)
    internet = any(each["VpcId"] == home for one in ec2._internet_gateways.values() for each in one["Attachments"])
    if properties.get("Scheme", "internet-facing") == "internet-facing" and not internet:
        raise refused("InvalidSubnet", f"VPC {home} has no internet gateway")
    for name in listed(properties.get("SecurityGroups")):
        if (ec2._security_groups.get(name) or {}).get("VpcId") != home:
            raise refused("InvalidConfigurationRequest", "One or more security groups are invalid")
    attributes = {one["Key"]: str(one["Value"]) for one in properties.get("LoadBalancerAttributes") or []}
    for name in attributes.keys() - _ATTRIBUTES:
        raise refused("ValidationError", f"Load balancer attribute key '{name}' is not recognized")
    _check_access_logs(attributes)


def _complete(arn: str, properties: dict) -> None:
    """MiniStack's own type leaves out where it is."""
    subnets = listed(properties.get("Subnets"))
    alb._lbs[arn]["VpcId"] = ec2._subnets[subnets[0]]["VpcId"]
    alb._lbs[arn]["AvailabilityZones"] = [
        {"SubnetId": one, "ZoneName": ec2._subnets[one]["AvailabilityZone"]} for one in subnets]


def _check_deleted(arn: str) -> None:
    attributes = {one["Key"]: one["Value"] for one in alb._lb_attrs.get(arn) or []}
    if attributes.get("deletion_protection.enabled") == "true":
        raise refused("OperationNotPermitted",
                      f"Load balancer '{arn}' cannot be deleted because deletion protection is enabled")


class _LoadBalancer:
    @staticmethod
    def create(logical_id, properties, stack_name):
        _check(properties)
        arn, attributes = provisioners._elbv2_load_balancer_create(logical_id, properties, stack_name)
        _complete(arn, properties)
        return arn, attributes

    @staticmethod
    def update(physical_id, old_properties, new_properties, stack_name, logical_id=None):
        _check(new_properties)
        arn, attributes = provisioners._elbv2_load_balancer_update(
            physical_id, old_properties, new_properties, stack_name, logical_id)
        _complete(arn, new_properties)
        return arn, attributes

    @staticmethod
    def delete(physical_id, properties):
        _check_deleted(physical_id)
        provisioners._elbv2_load_balancer_delete(physical_id, properties)


def _delete(operation):
    def delete(params):
        try:
            _check_deleted(alb._p(params, "LoadBalancerArn"))
        except Refused as error:
            return alb._error(error.code, error.message, error.status)
        return operation(params)
    return delete


def install() -> None:
    new = _delete(alb._delete_lb)
    replace(alb, "_delete_lb", new)
    alb._ACTION_MAP["DeleteLoadBalancer"] = new
    provisioners._RESOURCE_HANDLERS["AWS::ElasticLoadBalancingV2::LoadBalancer"].update(
        create=_LoadBalancer.create, update=_LoadBalancer.update, delete=_LoadBalancer.delete)
