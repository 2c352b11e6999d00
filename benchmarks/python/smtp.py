"""Custom::SMTPPW: the SMTP password of a secret access key."""

import base64
import hashlib
import hmac

import answer


def password(secret, region):
    key = f"AWS4{secret}".encode()
    for message in ("11111111", region, "ses", "aws4_request", "SendRawEmail"):
        key = hmac.new(key, message.encode(), hashlib.sha256).digest()
    return base64.b64encode(b"\x04" + key).decode()


def handler(event, context):
    properties = event["ResourceProperties"]
    data = {"SmtpPassword": password(properties["SecretKey"], properties["Region"])}
    answer.put(event, "SUCCESS", f"{event['LogicalResourceId']}@{properties['Region']}", data)
