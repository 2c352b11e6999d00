"""CloudWatch: alarms on expressions and their topics, dashboards, keys of log groups."""

from __future__ import annotations

import datetime
import json
import unittest

import botocore.auth
import botocore.awsrequest
import botocore.credentials
import botocore.httpsession
import cbor2
from support import ACCOUNT, REGION, LocalAwsTest
from test_containers import ref, resource


def statement(service: str, actions: list[str], **condition) -> dict:
    made = {"Effect": "Allow", "Principal": {"Service": service}, "Action": actions, "Resource": "*"}
    return {**made, "Condition": condition} if condition else made


OWNER = {"Effect": "Allow", "Principal": {"AWS": "arn:aws:iam::123456789012:root"}, "Action": "kms:*", "Resource": "*"}


class Monitoring(LocalAwsTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.cloudwatch = cls.server.client("cloudwatch")
        cls.kms = cls.server.client("kms")

    def outcome(self, template: dict, logical_id: str) -> str:
        """Nothing when the stack was made, or why the resource could not be."""
        stack = self.create(template)
        if stack["StackStatus"] == "CREATE_COMPLETE":
            self.assertEqual(self.delete(stack)["StackStatus"], "DELETE_COMPLETE")
            return ""
        return self.reason(stack["StackId"], logical_id, "CREATE_FAILED")

    def alarm(self, metrics: list[dict], **more) -> dict:
        return {"Resources": {"Alarm": resource(
            "AWS::CloudWatch::Alarm", Metrics=metrics, EvaluationPeriods=1, Threshold=1,
            ComparisonOperator="GreaterThanThreshold", **more)}}

    def test_alarms_on_expressions(self):
        count = {"Id": "count", "ReturnData": False, "MetricStat": {
            "Metric": {"Namespace": "N", "MetricName": "M"}, "Stat": "Sum", "Period": 60}}
        share = {"Id": "share", "Expression": "IF(count > 50, FILL(count, 0) / count, 0)"}
        self.assertEqual(self.outcome(self.alarm([share, count]), "Alarm"), "")
        cases = {
            "unresolved symbols other": [{**share, "Expression": "other / count"}, count],
            "Exactly one element": [share, {**count, "ReturnData": True}],
            "must begin with a lower-case letter": [{**share, "Id": "Share"}, count],
            "either an Expression or a MetricStat": [{"Id": "share"}, count],
            "ids of their own": [share, {**count, "Id": "share"}],
        }
        for words, metrics in cases.items():
            with self.subTest(words):
                self.assertIn(words, self.outcome(self.alarm(metrics), "Alarm"))

    def test_an_alarm_reaches_its_topic(self):
        def template(publish, use):
            key = resource("AWS::KMS::Key", KeyPolicy={"Version": "2012-10-17", "Statement": [OWNER, *use]})
            policy = resource("AWS::SNS::TopicPolicy", Topics=[ref("Topic")], PolicyDocument={
                "Version": "2012-10-17", "Statement": publish})
            alarm = resource("AWS::CloudWatch::Alarm", Namespace="N", MetricName="M", EvaluationPeriods=1, Threshold=1,
                             ComparisonOperator="GreaterThanThreshold", AlarmActions=[ref("Topic")])
            return {"Resources": {"Key": key, "Topic": resource("AWS::SNS::Topic", KmsMasterKeyId=ref("Key")),
                                  "Policy": policy, "Alarm": {**alarm, "DependsOn": "Policy"}}}
        publish = [statement("cloudwatch.amazonaws.com", ["sns:Publish"],
                             StringEquals={"aws:SourceAccount": "123456789012"})]
        use = [statement("cloudwatch.amazonaws.com", ["kms:Decrypt", "kms:GenerateDataKey*"])]
        self.assertEqual(self.outcome(template(publish, use), "Alarm"), "")
        other = [statement("events.amazonaws.com", ["sns:Publish"])]
        self.assertIn("does not let cloudwatch.amazonaws.com publish", self.outcome(template(other, use), "Alarm"))
        self.assertIn("does not let cloudwatch.amazonaws.com use it", self.outcome(template(publish, []), "Alarm"))

    def call_in_cbor(self, operation: str, credentials: dict, **arguments) -> tuple[int, dict]:
        """A call as AWS's newer SDKs make it (Smithy RPC v2 CBOR), and the status and content of its answer."""
        request = botocore.awsrequest.AWSRequest(
            "POST", f"{self.server.url}/service/GraniteServiceVersion20100801/operation/{operation}",
            data=cbor2.dumps(arguments),
            headers={"Content-Type": "application/cbor", "Accept": "application/cbor", "smithy-protocol": "rpc-v2-cbor"})
        keys = botocore.credentials.Credentials(credentials["AccessKeyId"], credentials["SecretAccessKey"])
        botocore.auth.SigV4Auth(keys, "monitoring", REGION).add_auth(request)
        answer = botocore.httpsession.URLLib3Session().send(request.prepare())
        self.assertEqual(answer.headers.get("Content-Type"), "application/cbor", (answer.status_code, answer.content))
        return answer.status_code, cbor2.loads(answer.content)

    def test_the_newer_sdks_are_answered_in_their_protocol(self):
        root = {"AccessKeyId": ACCOUNT, "SecretAccessKey": "test"}
        self.cloudwatch.put_metric_alarm(
            AlarmName="in-cbor", Namespace="N", MetricName="M", Period=60, EvaluationPeriods=1, Threshold=1,
            Statistic="Sum", ComparisonOperator="GreaterThanThreshold", AlarmActions=["arn:aws:sns:eu-central-1:1:t"])
        self.cloudwatch.set_alarm_state(AlarmName="in-cbor", StateValue="ALARM", StateReason="it is on")
        status, said = self.call_in_cbor("DescribeAlarms", root, AlarmNamePrefix="in-cbor", StateValue="ALARM",
                                         AlarmTypes=["MetricAlarm", "CompositeAlarm"])
        self.assertEqual(status, 200)
        (alarm,) = said["MetricAlarms"]
        self.assertEqual((alarm["AlarmName"], alarm["StateReason"]), ("in-cbor", "it is on"))
        self.assertEqual(alarm["AlarmActions"], ["arn:aws:sns:eu-central-1:1:t"])
        self.assertIsInstance(alarm["StateUpdatedTimestamp"], datetime.datetime)
        status, said = self.call_in_cbor("DescribeAlarms", root, AlarmNamePrefix="in-cbor", StateValue="OK")
        self.assertEqual((status, said["MetricAlarms"]), (200, []))

        self.iam.create_user(UserName="no-alarms")
        nobody = self.iam.create_access_key(UserName="no-alarms")["AccessKey"]
        status, said = self.call_in_cbor("DescribeAlarms", nobody)
        self.assertEqual(status, 403)
        self.assertIn("AccessDenied", said["__type"])
        self.assertIn("cloudwatch:DescribeAlarms", said["message"])

    def test_an_alarm_is_not_judged_by_the_data_of_another_dimension(self):
        data = {"MetricName": "Calls", "Dimensions": [{"Name": "Of", "Value": "another"}], "Value": 9}
        self.cloudwatch.put_metric_data(Namespace="Dimensions", MetricData=[data])
        self.cloudwatch.put_metric_alarm(
            AlarmName="of-one", Namespace="Dimensions", MetricName="Calls", Dimensions=[{"Name": "Of", "Value": "one"}],
            Period=60, EvaluationPeriods=1, Threshold=1, Statistic="Sum", TreatMissingData="notBreaching",
            ComparisonOperator="GreaterThanOrEqualToThreshold")
        (alarm,) = self.cloudwatch.describe_alarms(AlarmNames=["of-one"])["MetricAlarms"]
        self.assertEqual(alarm["StateValue"], "INSUFFICIENT_DATA")

    def test_dashboards_that_can_be_drawn(self):
        def widget(metrics, **more):
            properties = {"region": "eu-central-1", "metrics": metrics}
            return {"type": "metric", "x": 0, "y": 0, "width": 12, "height": 6, "properties": properties, **more}

        def outcome(*widgets, body=None):
            body = json.dumps({"widgets": widgets}) if body is None else body
            return self.outcome({"Resources": {"It": resource("AWS::CloudWatch::Dashboard", DashboardBody=body)}}, "It")

        first = ["AWS/ECS", "CPUUtilization", "ClusterName", "c", "ServiceName", "s", {"label": "one"}]
        self.assertEqual(outcome(widget([first, ["...", "t", {"label": "two"}], [".", ".", ".", ".", ".", "u"]])), "")
        cases = {
            "no JSON object": {"body": "{"},
            "a dot repeats nothing": widget([[".", "M"]]),
            "a dimension has no value": widget([["N", "M", "D"]]),
            "a part is empty": widget([["N", "M", "D", ""]]),
            "'region'": {**widget([first]), "properties": {"metrics": [first]}},
            "wider than the dashboard": widget([first], x=20),
            "a widget has a type": {"type": "picture"},
        }
        for words, one in cases.items():
            with self.subTest(words):
                self.assertIn(words, outcome(**one) if "body" in one else outcome(one))

    def test_the_key_of_a_log_group_admits_the_service(self):
        def template(*use):
            key = resource("AWS::KMS::Key", KeyPolicy={"Version": "2012-10-17", "Statement": [OWNER, *use]})
            return {"Resources": {"Key": key, "Log": resource(
                "AWS::Logs::LogGroup", KmsKeyId={"Fn::GetAtt": ["Key", "Arn"]})}}

        def use(region="eu-central-1", arn="arn:aws:logs:eu-central-1:123456789012:log-group:*", actions=None):
            actions = actions or ["kms:Encrypt", "kms:Decrypt", "kms:ReEncrypt*", "kms:GenerateDataKey*", "kms:DescribeKey"]
            return statement(f"logs.{region}.amazonaws.com", actions, ArnLike={"kms:EncryptionContext:aws:logs:arn": arn})

        self.assertEqual(self.outcome(template(use()), "Log"), "")
        for one in (use(region="us-east-1"), use(arn="arn:aws:logs:eu-central-1:123456789012:log-group:other"),
                    use(actions=["kms:Decrypt"])):
            self.assertIn("is not allowed to be used with Arn", self.outcome(template(one), "Log"))
        self.assertIn("is not allowed", self.outcome(template(), "Log"))
        key = self.kms.create_key()["KeyMetadata"]["Arn"]
        self.refused("InvalidParameterException", self.logs.create_log_group, logGroupName="with-a-key", kmsKeyId=key)
        self.assertEqual(self.logs.describe_log_groups(logGroupNamePrefix="with-a-key")["logGroups"], [])


if __name__ == "__main__":
    unittest.main()
