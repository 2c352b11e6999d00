#!/usr/bin/env -S python3 -S
"""A custom runtime in a few lines: what BODY is replaced with handles `event`.

It speaks HTTP by itself, because Python's modules for that take longer to load than most handlers run.
"""
import json
import os
import socket
import sys  # noqa: F401 (for BODY)
import time

RUNTIME = f"http://{os.environ['AWS_LAMBDA_RUNTIME_API']}/2018-06-01/runtime/invocation/"


def call(method, url, body=b""):
    """The headers and the body of a response; an error when it is none of success."""
    host, path = url.removeprefix("http://").split("/", 1)
    address, port = host.split(":")
    with socket.create_connection((address, int(port))) as connection:
        head = f"{method} /{path} HTTP/1.0\r\nHost: {host}\r\nContent-Length: {len(body)}\r\n\r\n"
        connection.sendall(head.encode() + body)
        received = b""
        while part := connection.recv(65536):
            received += part
    head, _, body = received.partition(b"\r\n\r\n")
    status, *lines = head.decode().split("\r\n")
    if not status.split()[1].startswith("2"):
        raise OSError(status)
    return {name.strip().title(): value.strip() for name, _, value in (line.partition(":") for line in lines)}, body


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
    call("PUT", event["ResponseURL"], body)


class Failure(Exception):
    """Reported to Lambda as a function error."""


def handle(event, context):
    print(f"EVENT {time.time()} {json.dumps(event)}", flush=True)
    # BODY


while True:
    context, event = call("GET", RUNTIME + "next")
    event = json.loads(event)
    request_id = context["Lambda-Runtime-Aws-Request-Id"]
    try:
        kind, result = "response", handle(event, context)
    except Failure as error:
        kind, result = "error", {"errorType": "Failure", "errorMessage": str(error)}
    call("POST", RUNTIME + f"{request_id}/{kind}", json.dumps(result).encode())
