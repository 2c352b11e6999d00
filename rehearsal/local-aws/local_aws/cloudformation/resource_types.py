"""Resource types MiniStack lacks."""

from __future__ import annotations

import json
import random
import string

from ministack.core.responses import AccountRegionScopedDict, AccountScopedDict, new_uuid
from ministack.services import ec2, iam
from ministack.services.cloudformation import provisioners

from .. import access_keys, route53

NEEDS = {
    "ministack.services.cloudformation.provisioners:_RESOURCE_HANDLERS": dict,
    "ministack.services.cloudformation.provisioners:_ec2_sg_permissions": "rules",
    "ministack.services.ec2:_ensure_defaults_initialized": "",
    "ministack.services.ec2:_security_groups": AccountRegionScopedDict,
    "ministack.services.iam:_access_keys": AccountScopedDict,
    "ministack.services.iam:_delete_role_policy": "p",
    "ministack.services.iam:_delete_user_policy": "p",
    "ministack.services.iam:_put_role_policy": "p",
    "ministack.services.iam:_put_user_policy": "p",
    "ministack.services.iam:_users": AccountScopedDict,
    "ministack.services.cloudformation.provisioners:_r53_record_set_build_rs": "props",
    "ministack.services.cloudformation.provisioners:_r53_resolve_hosted_zone_id": "props",
}


def _change(action: str, properties: dict) -> tuple[str, dict]:
    return action, provisioners._r53_record_set_build_rs(properties)


def _submit(zone_id: str, changes: list[tuple[str, dict]]) -> None:
    """Send a batch as CloudFormation does, failing the resource with Route 53's own words."""
    if not changes:
        return
    refusal = route53.apply_changes(zone_id, changes)
    if refusal is not None:
        code, message = refusal
        raise ValueError(f"{message} (Service: Route53, Status Code: 400, Error Code: {code})")


def _keyed(properties: dict) -> dict[tuple, dict]:
    records = (provisioners._r53_record_set_build_rs(one) for one in properties.get("RecordSets") or [])
    return {route53.record_key(record): record for record in records}


class _RecordSetGroup:
    @staticmethod
    def create(logical_id, properties, stack_name):
        zone_id = provisioners._r53_resolve_hosted_zone_id(properties)
        _submit(zone_id, [_change("CREATE", one) for one in properties.get("RecordSets") or []])
        physical_id = "".join(random.choices(string.ascii_lowercase + string.digits, k=20))
        physical_id = f"{stack_name}-{logical_id}-{physical_id[:12].upper()}"
        return physical_id, {"Id": physical_id}

    @staticmethod
    def update(physical_id, old_properties, new_properties, stack_name, logical_id):
        zone_id = provisioners._r53_resolve_hosted_zone_id(new_properties)
        if zone_id != provisioners._r53_resolve_hosted_zone_id(old_properties):
            return _RecordSetGroup.create(logical_id, new_properties, stack_name)
        old, new = _keyed(old_properties), _keyed(new_properties)
        changes = [("DELETE", record) for key, record in old.items() if key not in new]
        changes += [("UPSERT" if key in old else "CREATE", record) for key, record in new.items()
                    if old.get(key) != record]
        _submit(zone_id, changes)
        return physical_id, {"Id": physical_id}

    @staticmethod
    def delete(_physical_id, properties):
        zone_id = provisioners._r53_resolve_hosted_zone_id(properties)
        _submit(zone_id, [
            ("DELETE", record) for record in _keyed(properties).values() if route53.holds(zone_id, record)
        ])


class _RecordSet:
    """MiniStack's own type writes past the checks of ChangeResourceRecordSets."""

    @staticmethod
    def create(_logical_id, properties, _stack_name):
        action, record = _change("CREATE", properties)
        _submit(provisioners._r53_resolve_hosted_zone_id(properties), [(action, record)])
        return record["Name"].rstrip("."), {}

    @staticmethod
    def update(physical_id, old_properties, new_properties, stack_name):
        zone_id = provisioners._r53_resolve_hosted_zone_id(new_properties)
        old = provisioners._r53_record_set_build_rs(old_properties)
        new = provisioners._r53_record_set_build_rs(new_properties)
        same_zone = zone_id == provisioners._r53_resolve_hosted_zone_id(old_properties)
        if not same_zone or old["Name"].lower() != new["Name"].lower():
            return _RecordSet.create(physical_id, new_properties, stack_name)
        changes = [("UPSERT", new)]
        if route53.record_key(old) != route53.record_key(new):
            changes.insert(0, ("DELETE", old))
        _submit(zone_id, changes)
        return physical_id, {}

    @staticmethod
    def delete(_physical_id, properties):
        zone_id = provisioners._r53_resolve_hosted_zone_id(properties)
        record = provisioners._r53_record_set_build_rs(properties)
        if route53.holds(zone_id, record):
            _submit(zone_id, [("DELETE", record)])


class _SecurityGroupRule:
    def __init__(self, direction: str):
        self._direction = direction

    def create(self, _logical_id, properties, _stack_name):
        ec2._ensure_defaults_initialized()
        group = ec2._security_groups.get(properties.get("GroupId"))
        if group is None:
            raise ValueError(f"The security group '{properties.get('GroupId')}' does not exist")
        rule = provisioners._ec2_sg_permissions([properties])[0]
        if rule in group.setdefault(self._direction, []):
            raise ValueError("the specified rule already exists (Error Code: InvalidPermission.Duplicate)")
        group[self._direction].append(rule)
        physical_id = "sgr-" + new_uuid().replace("-", "")[:17]
        return physical_id, {"Id": physical_id}

    def update(self, physical_id, old_properties, new_properties, stack_name):
        if {**old_properties, "Description": ""} != {**new_properties, "Description": ""}:
            return self.create(physical_id, new_properties, stack_name)
        self.delete(physical_id, old_properties)
        self.create(physical_id, new_properties, stack_name)
        return physical_id, {"Id": physical_id}

    def delete(self, _physical_id, properties):
        group = ec2._security_groups.get(properties.get("GroupId")) or {}
        rule = provisioners._ec2_sg_permissions([properties])[0]
        if rule in group.get(self._direction, []):
            group[self._direction].remove(rule)


class _AccessKey:
    @staticmethod
    def create(_logical_id, properties, _stack_name):
        user = properties["UserName"]
        if user not in iam._users:
            raise ValueError(f"The user with name {user} cannot be found. (Service: Iam, Status Code: 404)")
        try:
            key = access_keys.create(user)
        except access_keys.Refused as refused:
            raise ValueError(f"{refused} (Service: Iam, Status Code: {refused.status})") from None
        key["Status"] = properties.get("Status", "Active")
        return key["AccessKeyId"], {"SecretAccessKey": key["SecretAccessKey"]}

    @staticmethod
    def update(physical_id, old_properties, new_properties, stack_name):
        replaced = ("UserName", "Serial")
        if any(old_properties.get(name) != new_properties.get(name) for name in replaced):
            return _AccessKey.create("", new_properties, stack_name)
        iam._access_keys[physical_id]["Status"] = new_properties.get("Status", "Active")
        return physical_id, {}

    @staticmethod
    def delete(physical_id, _properties):
        iam._access_keys.pop(physical_id, None)


class _InlinePolicy:
    """AWS::IAM::RolePolicy and AWS::IAM::UserPolicy: their physical id is `policy|holder`."""

    def __init__(self, holder: str, put, delete):
        self._holder, self._put, self._delete = holder, put, delete

    def create(self, _logical_id, properties, _stack_name):
        holder, name = properties[self._holder], properties["PolicyName"]
        status, _headers, body = self._put({
            self._holder: [holder], "PolicyName": [name], "PolicyDocument": [json.dumps(properties["PolicyDocument"])],
        })
        if status >= 300:
            raise ValueError(body.decode())
        return f"{name}|{holder}", {}

    def update(self, _physical_id, _old_properties, new_properties, stack_name):
        return self.create("", new_properties, stack_name)

    def delete(self, physical_id, _properties):
        name, _, holder = physical_id.partition("|")
        self._delete({self._holder: [holder], "PolicyName": [name]})


def install() -> None:
    for kind, policy in {
        "RolePolicy": _InlinePolicy("RoleName", iam._put_role_policy, iam._delete_role_policy),
        "UserPolicy": _InlinePolicy("UserName", iam._put_user_policy, iam._delete_user_policy),
    }.items():
        provisioners._RESOURCE_HANDLERS[f"AWS::IAM::{kind}"] = {
            "create": policy.create, "update": policy.update, "delete": policy.delete,
        }
    for name, direction in (("Ingress", "IpPermissions"), ("Egress", "IpPermissionsEgress")):
        rule = _SecurityGroupRule(direction)
        provisioners._RESOURCE_HANDLERS["AWS::EC2::SecurityGroup" + name] = {
            "create": rule.create, "update": rule.update, "delete": rule.delete,
        }
    provisioners._RESOURCE_HANDLERS["AWS::IAM::AccessKey"] = {
        "create": _AccessKey.create, "update": _AccessKey.update, "delete": _AccessKey.delete,
    }
    provisioners._RESOURCE_HANDLERS["AWS::Route53::RecordSetGroup"] = {
        "create": _RecordSetGroup.create, "update": _RecordSetGroup.update, "delete": _RecordSetGroup.delete,
        "update_with_logical_id": True,
    }
    provisioners._RESOURCE_HANDLERS["AWS::Route53::RecordSet"] = {
        "create": _RecordSet.create, "update": _RecordSet.update, "delete": _RecordSet.delete,
    }
