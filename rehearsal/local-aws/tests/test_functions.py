"""Lambda: what a function finds, how it ends, asynchronous invocation and its destinations."""

from __future__ import annotations

import io
import json
import time
import unittest
import uuid
import zipfile

from support import REGION, LocalAwsTest

INVOKE_ANY = {
    "Version": "2012-10-17", "Statement": {"Effect": "Allow", "Action": ["lambda:*", "sqs:*", "sns:*"], "Resource": "*"},
}
FAILS = 'raise Failure("as asked")'
QUIET = {"MaximumRetryAttempts": 0}


class Functions(LocalAwsTest):
    def invoke(self, arn: str, payload=None, **more) -> tuple[dict, object]:
        response = self.functions.invoke(FunctionName=arn, Payload=json.dumps(payload or {}), **more)
        body = response["Payload"].read()
        return response, json.loads(body) if body else None

    def send(self, arn: str, payload=None) -> None:
        response, _body = self.invoke(arn, payload, InvocationType="Event")
        self.assertEqual(response["StatusCode"], 202)

    def configure(self, arn: str, target: str = "", **settings) -> None:
        destination = {"DestinationConfig": {"OnFailure": {"Destination": target}}} if target else {}
        self.functions.put_function_event_invoke_config(FunctionName=arn, **destination, **settings)

    def test_the_environment_and_the_context_are_lambdas(self):
        arn = self.function("return [dict(os.environ), dict(context), time.time()]", Timeout=7, MemorySize=256)
        _response, (variables, context, now) = self.invoke(arn)
        name = arn.split(":")[6]
        expected = {
            "AWS_LAMBDA_FUNCTION_NAME": name, "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
            "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "256", "AWS_REGION": REGION, "AWS_DEFAULT_REGION": REGION,
            "AWS_LAMBDA_LOG_GROUP_NAME": "/aws/lambda/" + name, "TZ": ":UTC",
        }
        self.assertEqual({key: variables.get(key) for key in expected}, expected)
        self.assertTrue(variables["AWS_ACCESS_KEY_ID"].startswith("ASIA"))
        self.assertTrue(variables["AWS_SESSION_TOKEN"])
        self.assertRegex(variables["AWS_LAMBDA_LOG_STREAM_NAME"], r"^\d{4}/\d\d/\d\d/\[\$LATEST\][0-9a-f]{32}$")
        self.assertFalse({"BIND_HOST", "GATEWAY_PORT", "AUTH", "TMPDIR", "PYTHONPATH"} & set(variables))
        self.assertAlmostEqual(int(context["Lambda-Runtime-Deadline-Ms"]) / 1000, now + 7, delta=1)
        self.assertEqual(context["Lambda-Runtime-Invoked-Function-Arn"], arn)
        trace = r"^Root=1-[0-9a-f]{8}-[0-9a-f]{24};Parent=[0-9a-f]{16};Sampled=0"
        self.assertRegex(context["Lambda-Runtime-Trace-Id"], trace)

    def test_output_is_in_the_log_stream_the_function_is_told(self):
        arn = self.function('print("to stdout", flush=True); print("to stderr", file=sys.stderr, flush=True)\n'
                            'return os.environ["AWS_LAMBDA_LOG_STREAM_NAME"]')
        _response, stream = self.invoke(arn)
        found = self.logs.get_log_events(logGroupName="/aws/lambda/" + arn.split(":")[6], logStreamName=stream)
        lines = [one["message"] for one in found["events"]]
        self.assertIn("to stdout", lines)
        self.assertIn("to stderr", lines)
        self.assertTrue(lines[0].startswith("START RequestId: ") and lines[-1].startswith("REPORT RequestId: "))

    def test_a_function_that_exceeds_its_timeout_is_killed(self):
        arn = self.function('print("before", flush=True); time.sleep(30)', Timeout=1)
        response, body = self.invoke(arn)
        self.assertEqual(response["FunctionError"], "Unhandled")
        self.assertEqual(body["errorType"], "Sandbox.Timedout")
        self.assertRegex(body["errorMessage"], r"^RequestId: [0-9a-f-]{36} Error: Task timed out after 1\.00 seconds$")
        output = self.output(arn)
        self.assertIn("before", output)
        self.assertTrue(any(line.endswith(" Task timed out after 1.00 seconds") for line in output), output)

    def test_a_process_that_dies_is_reported(self):
        for body, reason in (
            ("os._exit(3)", "Runtime exited with error: exit status 3"),
            ("os.kill(os.getpid(), 9)", "Runtime exited with error: signal: killed"),
            ("os._exit(0)", "Runtime exited without providing a reason"),
        ):
            with self.subTest(reason):
                arn = self.function(f'print("last words", flush=True); {body}')
                response, answer = self.invoke(arn)
                self.assertEqual(response["FunctionError"], "Unhandled")
                self.assertEqual(answer["errorType"], "Runtime.ExitError")
                self.assertTrue(answer["errorMessage"].endswith(" Error: " + reason), answer)
                self.assertIn("last words", self.output(arn))

    def test_a_process_that_dies_before_it_is_ready_is_reported_with_its_output(self):
        arn = self.function("return")
        buffer = io.BytesIO()
        with zipfile.ZipFile(buffer, "w") as archive:
            entry = zipfile.ZipInfo("bootstrap")
            entry.external_attr = 0o755 << 16
            archive.writestr(entry, "#!/bin/sh\necho cannot start\nexit 4\n")
        self.functions.update_function_code(FunctionName=arn, ZipFile=buffer.getvalue())
        _response, answer = self.invoke(arn)
        self.assertEqual(answer["errorType"], "Runtime.ExitError")
        self.assertTrue(answer["errorMessage"].endswith("Runtime exited with error: exit status 4"), answer)
        self.assertIn("cannot start", self.output(arn))

    def test_an_event_is_tried_three_times_and_then_sent_to_a_function(self):
        destination = self.function("return")
        arn = self.function(FAILS, INVOKE_ANY)
        self.configure(arn, destination)
        self.send(arn, {"some": "event"})
        record = self.eventually(lambda: self.requests(destination), 15)[0]
        self.assertEqual(self.requests(arn), [{"some": "event"}] * 3)
        starts = {line for line in self.output(arn) if line.startswith("START")}
        self.assertEqual(len(starts), 1, "every try has the event's request id")
        self.assertRegex(record.pop("timestamp"), r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$")
        request_id = record["requestContext"].pop("requestId")
        self.assertIn(request_id, starts.pop())
        self.assertEqual(record, {
            "version": "1.0",
            "requestContext": {
                "functionArn": arn + ":$LATEST", "condition": "RetriesExhausted", "approximateInvokeCount": 3},
            "requestPayload": {"some": "event"},
            "responseContext": {"statusCode": 200, "executedVersion": "$LATEST", "functionError": "Unhandled"},
            "responsePayload": {"errorType": "Failure", "errorMessage": "as asked"},
        })

    def test_a_killed_or_slow_process_reaches_the_destination_too(self):
        for body, kind in (("os._exit(1)", "Runtime.ExitError"), ("time.sleep(9)", "Sandbox.Timedout")):
            with self.subTest(kind):
                destination = self.function("return")
                arn = self.function(body, INVOKE_ANY, Timeout=1)
                self.configure(arn, destination, **QUIET)
                self.send(arn, {"ResponseURL": "x"})
                record = self.eventually(lambda to=destination: self.requests(to))[0]
                self.assertEqual(record["responsePayload"]["errorType"], kind)
                self.assertEqual(record["requestContext"]["approximateInvokeCount"], 1)
                self.assertEqual(record["requestPayload"], {"ResponseURL": "x"})

    def test_queues_and_topics_are_destinations(self):
        sqs, sns = self.server.client("sqs"), self.server.client("sns")
        url = sqs.create_queue(QueueName="failed-" + uuid.uuid4().hex[:6])["QueueUrl"]
        queue = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
        topic = sns.create_topic(Name="failed")["TopicArn"]
        policy = {"Version": "2012-10-17", "Statement": {
            "Effect": "Allow", "Principal": {"Service": "sns.amazonaws.com"},
            "Action": "sqs:SendMessage", "Resource": queue}}
        sqs.set_queue_attributes(QueueUrl=url, Attributes={"Policy": json.dumps(policy)})
        sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=queue, Attributes={"RawMessageDelivery": "true"})
        arn = self.function(FAILS, INVOKE_ANY)
        for target in (queue, topic):
            self.configure(arn, target, **QUIET)
            self.send(arn, {"to": target})
            received = self.eventually(lambda: sqs.receive_message(QueueUrl=url, WaitTimeSeconds=1).get("Messages"))[0]
            record = json.loads(received["Body"])
            self.assertEqual(record["requestPayload"], {"to": target})
            self.assertEqual(record["requestContext"]["condition"], "RetriesExhausted")
            sqs.delete_message(QueueUrl=url, ReceiptHandle=received["ReceiptHandle"])

    def test_the_functions_role_has_to_be_allowed_to_reach_the_destination(self):
        destination, arn = self.function("return"), self.function(FAILS)
        message = self.refused("InvalidParameterValueException", self.configure, arn=arn, target=destination)
        self.assertIn("does not have permissions to call InvokeFunction", message)
        role = self.functions.get_function_configuration(FunctionName=arn)["Role"].split("/")[-1]
        self.iam.put_role_policy(RoleName=role, PolicyName="it", PolicyDocument=json.dumps(INVOKE_ANY))
        self.configure(arn, destination, **QUIET)
        self.iam.delete_role_policy(RoleName=role, PolicyName="it")
        self.send(arn)
        self.eventually(lambda: self.requests(arn))
        time.sleep(0.5)
        self.assertEqual(self.requests(destination), [])

    def test_no_retry_after_success(self):
        arn = self.function("return")
        self.send(arn)
        self.eventually(lambda: self.requests(arn))
        time.sleep(1)
        self.assertEqual(len(self.requests(arn)), 1)

    def test_a_function_that_invokes_itself_is_stopped_after_16_times(self):
        arn = self.function('return context["Lambda-Runtime-Trace-Id"]')
        headers = {}
        client = self.server.client("lambda")

        def add_trace(request, **_):
            request.headers.add_header("X-Amzn-Trace-Id", headers["trace"])

        client.meta.events.register("before-sign.lambda.Invoke", add_trace)
        headers["trace"] = "Root=1-0-0"
        depths = []
        for _ in range(16):
            response = client.invoke(FunctionName=arn, Payload=b"{}")
            headers["trace"] = json.load(response["Payload"])
            depths.append(int(headers["trace"].rsplit(":", 1)[1]))
        self.assertEqual(depths, list(range(1, 17)))
        self.refused("RecursiveInvocationException", client.invoke, FunctionName=arn, Payload=b"{}")

    def test_a_stack_makes_the_event_invoke_config(self):
        destination = self.function("return")
        arn = self.function(FAILS, INVOKE_ANY)
        def template(retries):
            return {"Resources": {"Config": {"Type": "AWS::Lambda::EventInvokeConfig", "Properties": {
                "FunctionName": arn.split(":")[6], "Qualifier": "$LATEST", "MaximumRetryAttempts": retries,
                "DestinationConfig": {"OnFailure": {"Destination": destination}}}}}}
        stack = self.create(template(1))
        self.assertEqual(stack["StackStatus"], "CREATE_COMPLETE")
        self.send(arn)
        record = self.eventually(lambda: self.requests(destination))[0]
        self.assertEqual(record["requestContext"]["approximateInvokeCount"], 2)
        stack = self.update(stack, template(0))
        found = self.functions.get_function_event_invoke_config(FunctionName=arn, Qualifier="$LATEST")
        self.assertEqual(found["MaximumRetryAttempts"], 0)
        self.delete(stack)
        self.refused("ResourceNotFoundException", self.functions.get_function_event_invoke_config,
                     FunctionName=arn, Qualifier="$LATEST")


if __name__ == "__main__":
    unittest.main()
