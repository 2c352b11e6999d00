"""Route 53: strict and atomic changes, propagation, name servers per zone, AWS's order of names."""

from __future__ import annotations

import hashlib
import ipaddress
import re
import threading
import time
from xml.etree.ElementTree import SubElement

from ministack.core.responses import AccountScopedDict
from ministack.services import route53

from .patching import replace

NEEDS = {
    "ministack.services.route53:_changes": AccountScopedDict,
    "ministack.services.route53:_records": AccountScopedDict,
    "ministack.services.route53:_zones": AccountScopedDict,
    "ministack.services.route53:_lock": object,
    "ministack.services.route53:_build_change_info_el": "parent, change",
    "ministack.services.route53:_build_hosted_zone_el": "parent, zone",
    "ministack.services.route53:_build_vpc_el": "parent, vpc",
    "ministack.services.route53:_build_zone_location_el": "parent, zone",
    "ministack.services.route53:_change_resource_record_sets": "zone_id, body",
    "ministack.services.route53:_default_records": "zone_name",
    "ministack.services.route53:_error_response": "code, message, status",
    "ministack.services.route53:_find": "el, tag",
    "ministack.services.route53:_findall": "el, tag",
    "ministack.services.route53:_get_change": "change_id",
    "ministack.services.route53:_get_hosted_zone": "zone_id",
    "ministack.services.route53:_list_hosted_zones": "query_params",
    "ministack.services.route53:_list_hosted_zones_by_name": "query_params",
    "ministack.services.route53:_list_resource_record_sets": "zone_id, query_params",
    "ministack.services.route53:_name_sort_key": "name",
    "ministack.services.route53:_new_change": "comment",
    "ministack.services.route53:_normalise_name": "name",
    "ministack.services.route53:_parse_body": "body",
    "ministack.services.route53:_parse_record_set": "el",
    "ministack.services.route53:_rs_key": "rs",
    "ministack.services.route53:_rs_values": "rs",
    "ministack.services.route53:_text": "el, tag, default",
    "ministack.services.route53:_xml_response": "root_tag, builder_fn, status",
    "ministack.services.route53:_zone_id": "",
}

PROPAGATION_SECONDS = 0.2

# Characters Route 53 keeps as they are; every other one is answered as a backslash and three octal digits.
_PLAIN = re.compile(r"[a-z0-9_.-]")
_ESCAPE = re.compile(r"\\(\d{3})")
_TEXT_VALUE = re.compile(r'^\s*"(?:[^"\\]|\\.)*"(?:\s+"(?:[^"\\]|\\.)*")*\s*$')
_ACTIONS = ("CREATE", "DELETE", "UPSERT")

_new_zone = threading.local()


def normalise(name: str) -> str:
    """A name as Route 53 keeps it: lower case, special characters in octal, a dot at the end."""
    if not name:
        return name
    plain = _ESCAPE.sub(lambda found: chr(int(found.group(1), 8)), name.lower())
    kept = "".join(one if _PLAIN.match(one) else f"\\{ord(one):03o}" for one in plain)
    return kept if kept.endswith(".") else kept + "."


def order_key(name: str) -> tuple[str, ...]:
    """Names sort by their labels from the right."""
    return tuple(reversed(normalise(name).rstrip(".").split(".")))


def record_key(record: dict) -> tuple[str, str, str]:
    """What makes a record set one and the same."""
    return route53._rs_key({**record, "Name": normalise(record["Name"])})


def holds(zone_id: str, record: dict) -> bool:
    """Whether a zone has a record set of this name, type and identifier."""
    return any(record_key(one) == record_key(record) for one in route53._records.get(zone_id, []))


def public_values(name: str, record_type: str) -> set[str]:
    """What the public zones that hold a name answer for it."""
    wanted = normalise(name)
    values: set[str] = set()
    for zone_id, zone in route53._zones.items():
        if zone.get("private") or not _is_inside(wanted, zone["name"]):
            continue
        for record in route53._records.get(zone_id, []):
            if normalise(record["Name"]) == wanted and record["Type"] == record_type:
                values.update(value.lower().rstrip(".") for value in record.get("ResourceRecords", []))
    return values


def public_records(name: str) -> list[dict]:
    """The records of a name in the public zones that hold it most closely."""
    wanted = normalise(name)
    zones = {
        zone_id: len(zone["name"]) for zone_id, zone in route53._zones.items()
        if not zone.get("private") and _is_inside(wanted, zone["name"])
    }
    closest = max(zones.values(), default=0)
    return [
        record for zone_id, length in zones.items() if length == closest
        for record in route53._records.get(zone_id, []) if normalise(record["Name"]) == wanted
    ]


def apply_changes(zone_id: str, changes: list[tuple[str, dict]]) -> tuple[str, str] | None:
    """Make all changes or none; the error's code and message when it is none."""
    with route53._lock:
        zone = route53._zones.get(zone_id)
        if zone is None:
            return "NoSuchHostedZone", f"No hosted zone found with ID: {zone_id}"
        for action, record in changes:
            record["Name"] = normalise(record["Name"])
            if refusal := _malformed(action, record):
                return refusal
        problems, records = _after(zone, list(route53._records[zone_id]), changes)
        problems += _conflicts(zone, records, {record["Name"] for _action, record in changes})
        if problems:
            return "InvalidChangeBatch", f"[{', '.join(problems)}]"
        route53._records[zone_id] = records
    return None


def _malformed(action: str, record: dict) -> tuple[str, str] | None:
    """What is wrong with a change whatever the zone holds."""
    if action not in _ACTIONS:
        return "InvalidInput", (
            f"1 validation error detected: Value '{action}' at 'changeBatch.changes.1.member.action' failed to satisfy "
            "constraint: Member must satisfy enum value set: [CREATE, DELETE, UPSERT]"
        )
    plain = "TTL" in record and bool(record.get("ResourceRecords"))
    partly = "TTL" in record or bool(record.get("ResourceRecords"))
    if ("AliasTarget" in record) == plain or ("AliasTarget" in record and partly):
        found = "more than one" if "AliasTarget" in record else "none"
        return "InvalidInput", (
            "Invalid request: Expected exactly one of [AliasTarget, all of [TTL, and ResourceRecords], or "
            f"TrafficPolicyInstanceId], but found {found} in Change with [Action={action}, Name={record['Name']}, "
            f"Type={record['Type']}, SetIdentifier={record.get('SetIdentifier') or 'null'}]"
        )
    return None


def _after(zone: dict, records: list[dict], changes: list[tuple[str, dict]]) -> tuple[list[str], list[dict]]:
    """The zone's records after the changes, with what stands against them."""
    problems: list[str] = []
    seen: set[tuple] = set()
    for action, record in changes:
        key = record_key(record)
        described = _described(record)
        existing = next((one for one in records if record_key(one) == key), None)
        once = (action == "DELETE", key)
        if once in seen:
            problems.append(
                "The request contains an invalid set of changes for a resource record set "
                f"'{record['Type']} {record['Name']}'"
            )
            continue
        seen.add(once)
        if not _is_inside(record["Name"], zone["name"]):
            problems.append(f"RRSet with DNS name {record['Name']} is not permitted in zone {zone['name']}")
            continue
        if action == "DELETE":
            if existing is None:
                problems.append(f"Tried to delete resource record set {described} but it was not found")
            elif route53._rs_values(existing) != route53._rs_values(record):
                problems.append(
                    f"Tried to delete resource record set {described} but the values provided do not match the "
                    "current values"
                )
            else:
                records = [one for one in records if one is not existing]
            continue
        problems += _bad_values(record)
        if existing is not None and action == "CREATE":
            problems.append(f"Tried to create resource record set {described} but it already exists")
            continue
        records = [one for one in records if one is not existing] + [record]
    return problems, records


def _conflicts(zone: dict, records: list[dict], names: set[str]) -> list[str]:
    """What may not stand side by side under one of the names."""
    problems: list[str] = []
    for name in sorted(names):
        here = [one for one in records if normalise(one["Name"]) == name]
        types = {one["Type"] for one in here}
        if "CNAME" in types and name == zone["name"]:
            problems.append(f"RRSet of type CNAME with DNS name {name} is not permitted at apex in zone {zone['name']}")
        elif "CNAME" in types and len(types) > 1:
            problems.append(
                f"RRSet of type CNAME with DNS name {name} is not permitted as it conflicts with other records with "
                f"the same DNS name in zone {zone['name']}"
            )
        for one_type in sorted(types):
            simple = [one for one in here if one["Type"] == one_type and not one.get("SetIdentifier")]
            if simple and len([one for one in here if one["Type"] == one_type]) > 1:
                problems.append(
                    f"RRSet with DNS name {name}, type {one_type}, SetIdentifier null cannot be created as other "
                    "RRSets exist with the same name and type."
                )
    if zone["name"] in names:
        for required in ("NS", "SOA"):
            if not any(one["Type"] == required and one["Name"] == zone["name"] for one in records):
                problems.append(f"A HostedZone must contain at least one {required} record for the zone itself.")
    return problems


def _bad_values(record: dict) -> list[str]:
    values = record.get("ResourceRecords", [])
    problems = []
    if len(set(values)) != len(values):
        problems.append(f"Duplicate Resource Record: '{next(one for one in values if values.count(one) > 1)}'")
    if record["Type"] == "CNAME" and len(values) > 1:
        problems.append(f"Invalid Resource Record: RRSet of type CNAME must have exactly one value: {record['Name']}")
    for value in values:
        if fault := _bad_value(record["Type"], value):
            problems.append(f"Invalid Resource Record: 'FATAL problem: {fault} encountered with '{value}''")
    return problems


def _bad_value(record_type: str, value: str) -> str | None:
    if record_type in ("A", "AAAA"):
        version = 4 if record_type == "A" else 6
        try:
            fits = ipaddress.ip_address(value).version == version
        except ValueError:
            fits = False
        problem = f"{record_type}RRDATAIllegalIPv{version}Address (Value is not a valid IPv{version} address)"
        return None if fits else problem
    if record_type in ("TXT", "SPF"):
        if not _TEXT_VALUE.match(value):
            return "InvalidCharacterString (Value should be enclosed in quotation marks)"
        if any(len(part) > 255 for part in re.findall(r'"((?:[^"\\]|\\.)*)"', value)):
            return "CharacterStringTooLong (Value is too long)"
    if record_type == "MX" and not re.match(r"^\d{1,5} \S+$", value):
        return "MXRRDATANotTwoFields (MX value must have two fields)"
    if record_type in ("CNAME", "NS", "PTR") and re.search(r"\s", value):
        return "DomainLabelIllegal (Domain label contains whitespace)"
    return None


def _described(record: dict) -> str:
    identifier = f", set-identifier='{record['SetIdentifier']}'" if record.get("SetIdentifier") else ""
    return f"[name='{record['Name']}', type='{record['Type']}'{identifier}]"


def _is_inside(name: str, zone_name: str) -> bool:
    return name == zone_name or name.endswith("." + zone_name)


def _name_servers(zone_id: str) -> list[str]:
    """Four servers that are this zone's alone."""
    digest = hashlib.sha256(zone_id.encode()).digest()
    return [
        f"ns-{512 * number + digest[2 * number] * 2}.awsdns-{digest[2 * number + 1] % 64:02d}.{domain}."
        for number, domain in enumerate(("com", "net", "org", "co.uk"))
    ]


def _query(query_params: dict, name: str) -> str:
    value = query_params.get(name, "")
    return (value[0] if isinstance(value, list) else value) or ""


def _page_size(query_params: dict, most: int) -> int | None:
    value = _query(query_params, "maxitems") or str(most)
    return min(int(value), most) if value.isdigit() and int(value) > 0 else None


def _change_resource_record_sets(zone_id: str, body: bytes):
    root = route53._parse_body(body)
    batch = route53._find(root, "ChangeBatch") if root is not None else None
    listed = route53._find(batch, "Changes") if batch is not None else None
    elements = route53._findall(listed, "Change") if listed is not None else []
    if not elements:
        return route53._error_response("InvalidInput", "1 validation error detected: the change batch has no changes")
    if len(elements) > 1000:
        return route53._error_response("InvalidChangeBatch", "[Number of records limit of 1000 exceeded.]")
    changes = []
    for element in elements:
        record_element = route53._find(element, "ResourceRecordSet")
        record = route53._parse_record_set(record_element) if record_element is not None else {}
        if not record.get("Name") or not record.get("Type"):
            return route53._error_response("InvalidInput", "Name and Type are required in ResourceRecordSet.")
        changes.append((route53._text(element, "Action"), record))
    if refusal := apply_changes(zone_id, changes):
        return route53._error_response(*refusal, 404 if refusal[0] == "NoSuchHostedZone" else 400)
    with route53._lock:
        change = route53._new_change(route53._text(batch, "Comment"))
    return route53._xml_response(
        "ChangeResourceRecordSetsResponse", lambda root: route53._build_change_info_el(root, change)
    )


def _get_change(change_id: str):
    with route53._lock:
        change = route53._changes.get(change_id)
        if change is None:
            return route53._error_response("NoSuchChange", f"Could not find resource with ID: {change_id}", 404)
        if time.monotonic() >= change["in_sync_at"]:
            change["status"] = "INSYNC"
        observed = dict(change)
    return route53._xml_response("GetChangeResponse", lambda root: route53._build_change_info_el(root, observed))


def _delegation_set(parent, zone: dict) -> None:
    servers = SubElement(SubElement(parent, "DelegationSet"), "NameServers")
    for server in _name_servers(zone["id"]):
        SubElement(servers, "NameServer").text = server.rstrip(".")


def _build_zone_location(parent, zone: dict) -> None:
    if zone.get("private") and zone.get("vpcs"):
        route53._build_vpc_el(parent, zone["vpcs"][0])
    else:
        _delegation_set(parent, zone)


def _get_hosted_zone(zone_id: str):
    with route53._lock:
        zone = route53._zones.get(zone_id)
    if zone is None:
        return route53._error_response("NoSuchHostedZone", f"No hosted zone found with ID: {zone_id}", 404)

    def build(root):
        route53._build_hosted_zone_el(root, zone)
        if zone.get("private"):
            listed = SubElement(root, "VPCs")
            for vpc in zone.get("vpcs", []):
                route53._build_vpc_el(listed, vpc)
        else:
            _delegation_set(root, zone)

    return route53._xml_response("GetHostedZoneResponse", build)


def _list_hosted_zones(query_params: dict):
    marker = _query(query_params, "marker")
    size = _page_size(query_params, 100)
    if size is None:
        return route53._error_response("InvalidInput", "maxitems must be a positive number")
    with route53._lock:
        zones = sorted(route53._zones.values(), key=lambda zone: zone["id"])
    if marker and all(zone["id"] != marker for zone in zones):
        return route53._error_response("InvalidInput", f"The marker {marker} is not valid")
    rest = [zone for zone in zones if zone["id"] >= marker]

    def build(root):
        listed = SubElement(root, "HostedZones")
        for zone in rest[:size]:
            route53._build_hosted_zone_el(listed, zone)
        if marker:
            SubElement(root, "Marker").text = marker
        SubElement(root, "IsTruncated").text = str(len(rest) > size).lower()
        if len(rest) > size:
            SubElement(root, "NextMarker").text = rest[size]["id"]
        SubElement(root, "MaxItems").text = str(size)

    return route53._xml_response("ListHostedZonesResponse", build)


def _list_hosted_zones_by_name(query_params: dict):
    name = normalise(_query(query_params, "dnsname"))
    zone_id = _query(query_params, "hostedzoneid").removeprefix("/hostedzone/")
    size = _page_size(query_params, 100)
    if size is None or (zone_id and not name):
        return route53._error_response("InvalidInput", "The request is not valid")
    with route53._lock:
        zones = sorted(route53._zones.values(), key=lambda zone: (order_key(zone["name"]), zone["id"]))
    if name:
        zones = [zone for zone in zones if (order_key(zone["name"]), zone["id"]) >= (order_key(name), zone_id)]

    def build(root):
        listed = SubElement(root, "HostedZones")
        for zone in zones[:size]:
            route53._build_hosted_zone_el(listed, zone)
        if name:
            SubElement(root, "DNSName").text = name
        if zone_id:
            SubElement(root, "HostedZoneId").text = zone_id
        SubElement(root, "IsTruncated").text = str(len(zones) > size).lower()
        if len(zones) > size:
            SubElement(root, "NextDNSName").text = zones[size]["name"]
            SubElement(root, "NextHostedZoneId").text = zones[size]["id"]
        SubElement(root, "MaxItems").text = str(size)

    return route53._xml_response("ListHostedZonesByNameResponse", build)


def install() -> None:
    zone_id = route53._zone_id
    default_records = route53._default_records
    new_change = route53._new_change
    list_records = route53._list_resource_record_sets

    def new_zone_id():
        _new_zone.id = zone_id()
        return _new_zone.id

    def records_of_new_zone(zone_name):
        """MiniStack makes a zone's id and then its records, with no way to tell the one to the other."""
        servers = _name_servers(_new_zone.id)
        records = default_records(zone_name)
        for record in records:
            if record["Type"] == "NS":
                record["ResourceRecords"] = servers
            else:
                rest = record["ResourceRecords"][0].split(" ", 1)[1]
                record["ResourceRecords"] = [f"{servers[0]} {rest}"]
        return records

    def new_timed_change(comment=""):
        change = new_change(comment)
        change["in_sync_at"] = time.monotonic() + PROPAGATION_SECONDS
        return change

    def list_resource_record_sets(zone_id, query_params):
        if _query(query_params, "type") and not _query(query_params, "name"):
            return route53._error_response("InvalidInput", "The resource record set name is required with the type.")
        return list_records(zone_id, query_params)

    for name, new in (
        ("_build_zone_location_el", _build_zone_location),
        ("_change_resource_record_sets", _change_resource_record_sets),
        ("_default_records", records_of_new_zone),
        ("_get_change", _get_change),
        ("_get_hosted_zone", _get_hosted_zone),
        ("_list_hosted_zones", _list_hosted_zones),
        ("_list_hosted_zones_by_name", _list_hosted_zones_by_name),
        ("_list_resource_record_sets", list_resource_record_sets),
        ("_name_sort_key", order_key),
        ("_new_change", new_timed_change),
        ("_normalise_name", normalise),
        ("_zone_id", new_zone_id),
    ):
        replace(route53, name, new)
