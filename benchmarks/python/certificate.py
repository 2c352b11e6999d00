"""Custom::Certificate without a hosted zone: requests a certificate."""

import hashlib

import answer
import boto3

acm = boto3.client("acm")

KEY_TYPES = "RSA_1024 RSA_2048 RSA_3072 RSA_4096 EC_prime256v1 EC_secp384r1 EC_secp521r1".split()


def handler(event, context):
    properties = event["ResourceProperties"]
    listed = acm.get_paginator("list_certificates").paginate(
        CertificateStatuses=["PENDING_VALIDATION", "ISSUED"], Includes={"keyTypes": KEY_TYPES}
    )
    for page in listed:
        for certificate in page["CertificateSummaryList"]:
            if certificate["DomainName"] == properties["DomainName"]:
                raise RuntimeError("is it this resource's? Its tags would tell, which are not read here")
    token = hashlib.sha256(f"{event['StackId']}|{event['RequestId']}".encode()).hexdigest()[:32]
    requested = acm.request_certificate(
        DomainName=properties["DomainName"],
        ValidationMethod="DNS",
        IdempotencyToken=token,
        Tags=[
            {"Key": "custom-resource:stack-id", "Value": event["StackId"]},
            {"Key": "custom-resource:logical-id", "Value": event["LogicalResourceId"]},
        ],
    )
    arn = requested["CertificateArn"]
    answer.put(event, "SUCCESS", arn, {"CertificateArn": arn})
