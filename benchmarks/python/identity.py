"""Custom::DomainIdentity: makes the identity of a domain, and gives the record that verifies it."""

import answer
import boto3

current = boto3.client("sesv2")
classic = boto3.client("ses")


def handler(event, context):
    properties = event["ResourceProperties"]
    domain, region = properties["Domain"], properties["Region"]
    try:
        current.get_email_identity(EmailIdentity=domain)
    except current.exceptions.NotFoundException:
        tags = [
            {"Key": "custom-resource:stack-id", "Value": event["StackId"]},
            {"Key": "custom-resource:logical-id", "Value": event["LogicalResourceId"]},
        ]
        current.create_email_identity(EmailIdentity=domain, Tags=tags)
    token = classic.verify_domain_identity(Domain=domain)["VerificationToken"]
    record = {
        **properties["RecordSetDefaults"],
        "Name": f"_amazonses.{domain}.",
        "Type": "TXT",
        "ResourceRecords": [f'"{token}"'],
    }
    data = {"Domain": domain, "Region": region, "VerificationToken": token, "RecordSets": [record]}
    answer.put(event, "SUCCESS", f"{domain}@{region}", data)
