"""The protocol of custom resources, as far as a handler that succeeds needs it."""

import json
import os

import urllib3

http = urllib3.PoolManager(ca_certs=os.environ["AWS_CA_BUNDLE"])


def put(event, status, physical_id, data=None, reason=""):
    """Answers CloudFormation."""
    body = {
        "Status": status,
        "Reason": reason,
        "PhysicalResourceId": physical_id,
        "StackId": event["StackId"],
        "RequestId": event["RequestId"],
        "LogicalResourceId": event["LogicalResourceId"],
    }
    if data:
        body["Data"] = data
    answer = http.request("PUT", event["ResponseURL"], body=json.dumps(body), headers={"content-type": ""})
    if answer.status != 200:
        raise RuntimeError(f"the answer was refused with HTTP status {answer.status}")
