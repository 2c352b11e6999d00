#!/usr/bin/env python3
"""A custom runtime in a few lines: what BODY is replaced with handles `event`."""
import json
import os
import sys  # noqa: F401 (for BODY)
import time  # noqa: F401 (for BODY)
import urllib.request

RUNTIME = f"http://{os.environ['AWS_LAMBDA_RUNTIME_API']}/2018-06-01/runtime/invocation/"


def answer(event, status="SUCCESS", physical_id=None, **more):
    """PUT a custom resource's response."""
    body = {
        "Status": status,
        "PhysicalResourceId": physical_id or event.get("PhysicalResourceId") or "made",
        "StackId": event["StackId"],
        "RequestId": event["RequestId"],
        "LogicalResourceId": event["LogicalResourceId"],
        **more,
    }
    send(event, json.dumps(body).encode())


def send(event, body):
    request = urllib.request.Request(event["ResponseURL"], data=body, method="PUT")
    request.add_header("Content-Type", "")
    urllib.request.urlopen(request).close()


class Failure(Exception):
    """Reported to Lambda as a function error."""


def handle(event, context):
    print("EVENT " + json.dumps(event), flush=True)
    # BODY


while True:
    with urllib.request.urlopen(RUNTIME + "next") as response:
        context, event = response.headers, json.load(response)
    request_id = context["Lambda-Runtime-Aws-Request-Id"]
    try:
        kind, result = "response", handle(event, context)
    except Failure as error:
        kind, result = "error", {"errorType": "Failure", "errorMessage": str(error)}
    reply = urllib.request.Request(RUNTIME + f"{request_id}/{kind}", data=json.dumps(result).encode(), method="POST")
    urllib.request.urlopen(reply).close()
