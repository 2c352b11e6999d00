"""A tick over a pool with nothing to do: asks what the Rust function asks, and finds every server as it should be."""

import hashlib
import json
import os
import xml.etree.ElementTree as xml
from concurrent.futures import ThreadPoolExecutor

import boto3
import urllib3

GROUP = os.environ["GROUP_NAME"]
DOMAIN = os.environ["DOMAIN_NAME"]
AT_ONCE = 64

auto_scaling = boto3.client("autoscaling")
ec2 = boto3.client("ec2")
route53 = boto3.client("route53")
secrets_manager = boto3.client("secretsmanager")
http = urllib3.ProxyManager(os.environ["HTTPS_PROXY"], ca_certs=os.environ["AWS_CA_BUNDLE"], num_pools=AT_ONCE)
pool = ThreadPoolExecutor(AT_ONCE)
secrets = {}


def secret(reference):
    parts = reference.split(":")
    arn = ":".join(parts[:7])
    if reference not in secrets:
        text = secrets_manager.get_secret_value(SecretId=arn)["SecretString"]
        secrets[reference] = json.loads(text)[parts[7]] if len(parts) > 7 and parts[7] else text
    return secrets[reference]


def signed(call, key):
    return f"{call}?checksum={hashlib.sha256((call + key).encode()).hexdigest()}"


def group():
    found = auto_scaling.describe_auto_scaling_groups(AutoScalingGroupNames=[GROUP], IncludeInstances=True)
    return {instance["InstanceId"]: instance for instance in found["AutoScalingGroups"][0]["Instances"]}


def instances():
    filters = [{"Name": "tag:aws:autoscaling:groupName", "Values": [GROUP]}]
    pages = ec2.get_paginator("describe_instances").paginate(Filters=filters, PaginationConfig={"PageSize": 1000})
    reservations = (reservation for page in pages for reservation in page["Reservations"])
    return {instance["InstanceId"]: instance for reservation in reservations for instance in reservation["Instances"]}


def records():
    found, start = {}, {"StartRecordName": f"vc-.{DOMAIN}."}
    while True:
        page = route53.list_resource_record_sets(HostedZoneId=os.environ["HOSTED_ZONE_ID"], MaxItems="300", **start)
        for record in page["ResourceRecordSets"]:
            if not record["Name"].startswith("vc-"):
                return found
            values = [value["Value"] for value in record["ResourceRecords"]]
            found.setdefault(record["Name"].rstrip("."), {})[record["Type"]] = values
        if not page["IsTruncated"]:
            return found
        start = {"StartRecordName": page["NextRecordName"], "StartRecordType": page["NextRecordType"]}


def registrations():
    key = secret(os.environ["SCALELITE_SECRET_ARN"])
    url = os.environ["SCALELITE_URL"] + signed("getServers", key)
    header = {"X-Scalelite-Management": secret(os.environ["SCALELITE_HEADER_SECRET_ARN"])}
    return {server["id"]: server for server in json.loads(http.request("GET", url, headers=header).data)}


def ask(name, key):
    meetings = http.request("GET", f"https://{name}/bigbluebutton/api/{signed('getMeetings', key)}")
    digest = hashlib.sha256(("poolStatus" + key).encode()).hexdigest()
    status = json.loads(http.request("GET", f"https://{name}/pool-status/{digest}.json").data)
    answer = xml.fromstring(meetings.data)
    people = sum(int(count.text) for count in answer.iter("participantCount"))
    return answer.findtext("returncode") == "SUCCESS" and status["ready"], people


def state(id, member, instance, record, registration, answer):
    key = secret(os.environ["BBB_SECRET_ARN"])
    owner = f'"server-pool={os.environ["OWNER"]}"'
    is_right = (
        member["LifecycleState"] == "InService"
        and instance["State"]["Name"] == "running"
        and record == {"A": [instance["PublicIpAddress"]], "TXT": [owner]}
        and (registration["state"], registration["online"], registration["secret"]) == ("enabled", "online", key)
        and answer[0]
    )
    return {"instance": id, "state": "serving" if is_right else "wrong", "participants": answer[1]}


def handler(event, context):
    looks = [pool.submit(look) for look in (group, instances, records, registrations)]
    members, described, names, registered = (look.result() for look in looks)
    key = secret(os.environ["BBB_SECRET_ARN"])
    hosts = {id: f"vc-{id[2:]}.{DOMAIN}" for id in members}
    answers = dict(zip(hosts, pool.map(lambda name: ask(name, key), hosts.values()), strict=True))
    servers = [
        state(id, members[id], described[id], names.get(name), registered[name], answers[id])
        for id, name in hosts.items()
    ]
    print(json.dumps({"SeatsUsed": sum(server["participants"] for server in servers)}))
    return {"servers": servers, "actions": [], "unread": [], "remarks": []}
