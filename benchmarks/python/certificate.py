"""Custom::Certificate without a hosted zone: requests a certificate."""

import hashlib

import answer
import boto3

acm = boto3.client("acm")


def handler(event, context):
    properties = event["ResourceProperties"]
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
