"""One local AWS for all tests, and clients for it."""

from __future__ import annotations

import atexit
import contextlib
import functools
import io
import json
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import textwrap
import threading
import time
import unittest
import urllib.error
import urllib.request
import uuid
import zipfile

import botocore.config
import botocore.session

HERE = pathlib.Path(__file__).resolve().parent
ACCOUNT = "123456789012"
REGION = "eu-central-1"

# It keeps the models of the services, which take longer to read than most tests.
_SESSION = botocore.session.Session()
_SESSION_LOCK = threading.Lock()

FUNCTION_POLICY = {
    "Version": "2012-10-17",
    "Statement": {"Effect": "Allow", "Action": "logs:*", "Resource": "*"},
}


def trust(principal: dict, condition: dict | None = None) -> str:
    statement = {"Effect": "Allow", "Principal": principal, "Action": "sts:AssumeRole"}
    if condition:
        statement["Condition"] = condition
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


class Server:
    """`python -m local_aws` on a free port, started as a user of it would."""

    def __init__(self, **variables: str):
        self.directory = tempfile.mkdtemp(prefix="local-aws-test-")
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self.log_path = os.path.join(self.directory, "log")
        environment = {
            "BIND_HOST": "127.0.0.1",
            "MINISTACK_HOST": "127.0.0.1",
            "GATEWAY_PORT": str(self.port),
            "AWS_ENDPOINT_URL": self.url,
            "MINISTACK_REGION": REGION,
            "AUTH": "true",
            "TMPDIR": self.directory,
            "PATH": f"{os.path.dirname(sys.executable)}:/usr/bin:/bin",
            "PYTHONPATH": str(HERE.parent),
            "PYTHONDONTWRITEBYTECODE": "1",
            **variables,
        }
        with open(self.log_path, "wb") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "local_aws"],
                env=environment,
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=subprocess.STDOUT,
            )
        self._wait()

    def _wait(self) -> None:
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            if self.process.poll() is not None:
                raise RuntimeError(self.log())
            with contextlib.suppress(OSError):
                urllib.request.urlopen(self.url + "/_ministack/health", timeout=2).close()
                return
            time.sleep(0.05)
        raise RuntimeError("the local AWS did not start:\n" + self.log())

    def log(self) -> str:
        return pathlib.Path(self.log_path).read_text(errors="replace")

    def end(self) -> tuple[int, float]:
        """The exit code and how long it took."""
        started = time.monotonic()
        self.process.send_signal(signal.SIGTERM)
        try:
            code = self.process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            code = self.process.wait()
        shutil.rmtree(self.directory, ignore_errors=True)
        return code, time.monotonic() - started

    def clock(self, advance: float | None = None) -> dict:
        """What the clock says, after moving it forward if that is asked for."""
        body = None if advance is None else json.dumps({"advance": advance}).encode()
        with urllib.request.urlopen(self.url + "/_local_aws/clock", data=body, timeout=300) as response:
            return json.load(response)

    def client(self, service: str, credentials: dict | None = None, region: str = REGION):
        given = credentials or {"AccessKeyId": ACCOUNT, "SecretAccessKey": "test"}
        with _SESSION_LOCK:
            return _SESSION.create_client(
                service,
                region_name=region,
                endpoint_url=self.url,
                aws_access_key_id=given["AccessKeyId"],
                aws_secret_access_key=given["SecretAccessKey"],
                aws_session_token=given.get("SessionToken"),
                config=botocore.config.Config(retries={"max_attempts": 0}, s3={"addressing_style": "path"}),
            )


@functools.cache
def shared_server() -> Server:
    """The server that all tests use which do not end it."""
    server = Server()
    atexit.register(server.end)
    return server


def bootstrap(body: str) -> bytes:
    """A zip with an executable `bootstrap` that runs `body` for each event on the Runtime API."""
    source = (HERE / "bootstrap.py").read_text()
    source = source.replace("    # BODY", textwrap.indent(textwrap.dedent(body), "    "))
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        entry = zipfile.ZipInfo("bootstrap")
        entry.external_attr = 0o755 << 16
        archive.writestr(entry, source)
    return buffer.getvalue()


class LocalAwsTest(unittest.TestCase):
    """Tests of the shared server. What they make has names, domains or regions of its own."""

    server: Server

    @classmethod
    def setUpClass(cls):
        cls.server = cls.started()
        cls.iam = cls.server.client("iam")
        cls.functions = cls.server.client("lambda")
        cls.stacks = cls.server.client("cloudformation")
        cls.logs = cls.server.client("logs")
        cls.s3 = cls.server.client("s3")

    @classmethod
    def started(cls) -> Server:
        return shared_server()

    def refused(self, code: str, call, **arguments) -> str:
        """Assert that a call is refused with an error code; its message."""
        with self.assertRaises(botocore.exceptions.ClientError) as raised:
            call(**arguments)
        error = raised.exception.response["Error"]
        self.assertEqual(error["Code"], code, error)
        return error["Message"]

    def eventually(self, check, seconds: float = 10):
        """What `check` returns once it is true."""
        deadline = time.monotonic() + seconds
        while True:
            found = check()
            if found or time.monotonic() > deadline:
                self.assertTrue(found, "did not come about in time")
                return found
            time.sleep(0.05)

    @classmethod
    def role(cls, policy: dict | None = None, assume: str | None = None) -> str:
        name = "role-" + uuid.uuid4().hex[:12]
        arn = cls.iam.create_role(
            RoleName=name, AssumeRolePolicyDocument=assume or trust({"Service": "lambda.amazonaws.com"})
        )["Role"]["Arn"]
        cls.iam.put_role_policy(
            RoleName=name, PolicyName="it", PolicyDocument=json.dumps(policy or FUNCTION_POLICY)
        )
        return arn

    @classmethod
    def function(cls, body: str, policy: dict | None = None, **settings) -> str:
        """The ARN of a new function that runs `body` for each event; it may write its log."""
        name, role = "function-" + uuid.uuid4().hex[:12], cls.role(policy)
        cls.iam.put_role_policy(
            RoleName=role.split("/")[-1], PolicyName="log", PolicyDocument=json.dumps(FUNCTION_POLICY))
        arn = cls.functions.create_function(
            FunctionName=name, Runtime="provided.al2023", Handler="bootstrap", Role=role,
            Code={"ZipFile": bootstrap(body)}, **settings,
        )["FunctionArn"]
        while cls.functions.get_function_configuration(FunctionName=name)["State"] == "Pending":
            time.sleep(0.05)
        return arn

    def output(self, function_arn: str) -> list[str]:
        """Everything in a function's log group, in order."""
        group = "/aws/lambda/" + function_arn.split(":")[6]
        try:
            pages = self.logs.get_paginator("filter_log_events").paginate(logGroupName=group)
            return [event["message"] for page in pages for event in page["events"]]
        except self.logs.exceptions.ResourceNotFoundException:
            return []

    def requests(self, function_arn: str) -> list[dict]:
        """The events a function printed as `EVENT <time> <json>`, in their order; the log is written only afterwards."""
        lines = [line.split(" ", 2) for line in self.output(function_arn) if line.startswith("EVENT ")]
        return [json.loads(event) for _name, _time, event in sorted(lines, key=lambda line: float(line[1]))]

    def settle(self, stack: str, seconds: float = 30) -> dict:
        """The stack once no operation runs on it."""
        def settled():
            found = self.stacks.describe_stacks(StackName=stack)["Stacks"][0]
            return None if found["StackStatus"].endswith("_IN_PROGRESS") else found
        return self.eventually(settled, seconds)

    def create(self, template: dict, **arguments) -> dict:
        name = "stack-" + uuid.uuid4().hex[:8]
        body = template if isinstance(template, str) else json.dumps(template)
        stack_id = self.stacks.create_stack(
            StackName=name, TemplateBody=body, Capabilities=["CAPABILITY_IAM"], **arguments
        )["StackId"]
        return self.settle(stack_id)

    def update(self, stack: dict, template: dict, **arguments) -> dict:
        self.stacks.update_stack(
            StackName=stack["StackId"], TemplateBody=json.dumps(template), Capabilities=["CAPABILITY_IAM"], **arguments
        )
        return self.settle(stack["StackId"])

    def delete(self, stack: dict) -> dict:
        self.stacks.delete_stack(StackName=stack["StackId"])
        def gone():
            found = self.stacks.describe_stacks(StackName=stack["StackId"])["Stacks"][0]
            return found if found["StackStatus"] in ("DELETE_COMPLETE", "DELETE_FAILED") else None
        return self.eventually(gone)

    def events(self, stack_id: str) -> list[dict]:
        """A stack's events, oldest first."""
        pages = self.stacks.get_paginator("describe_stack_events").paginate(StackName=stack_id)
        return [event for page in pages for event in page["StackEvents"]][::-1]

    def statuses(self, stack_id: str, logical_id: str) -> list[str]:
        return [one["ResourceStatus"] for one in self.events(stack_id) if one["LogicalResourceId"] == logical_id]

    def reason(self, stack_id: str, logical_id: str, status: str) -> str:
        return next(
            one.get("ResourceStatusReason", "") for one in self.events(stack_id)
            if one["LogicalResourceId"] == logical_id and one["ResourceStatus"] == status
        )

    def template_url(self, template: dict) -> str:
        """A template in a bucket."""
        with contextlib.suppress(botocore.exceptions.ClientError):
            self.s3.create_bucket(
                Bucket="templates", CreateBucketConfiguration={"LocationConstraint": REGION}
            )
        key = uuid.uuid4().hex + ".json"
        self.s3.put_object(Bucket="templates", Key=key, Body=json.dumps(template).encode())
        return f"https://s3.amazonaws.com/templates/{key}"


class OwnServerTest(LocalAwsTest):
    """Tests that move the clock, which would be felt by all others on the same server."""

    variables: dict[str, str]

    @classmethod
    def started(cls) -> Server:
        server = Server(**getattr(cls, "variables", {}))
        cls.addClassCleanup(server.end)
        return server

    def advance(self, seconds: float) -> None:
        self.server.clock(seconds)


def put(url: str, body: bytes, content_type: str | None = None, method: str = "PUT") -> int:
    """The status of a PUT, sent with the content type given and no other."""
    request = urllib.request.Request(url, data=body, method=method)
    request.add_header("Content-Type", content_type or "")
    try:
        with urllib.request.urlopen(request) as response:
            return response.status
    except urllib.error.HTTPError as error:
        return error.code
