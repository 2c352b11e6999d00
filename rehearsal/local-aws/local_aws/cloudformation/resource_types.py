"""Resource types MiniStack lacks."""

from __future__ import annotations

import random
import string

from ministack.services.cloudformation import provisioners

from .. import route53

NEEDS = {
    "ministack.services.cloudformation.provisioners:_RESOURCE_HANDLERS": dict,
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


def install() -> None:
    provisioners._RESOURCE_HANDLERS["AWS::Route53::RecordSetGroup"] = {
        "create": _RecordSetGroup.create, "update": _RecordSetGroup.update, "delete": _RecordSetGroup.delete,
        "update_with_logical_id": True,
    }
    provisioners._RESOURCE_HANDLERS["AWS::Route53::RecordSet"] = {
        "create": _RecordSet.create, "update": _RecordSet.update, "delete": _RecordSet.delete,
    }
