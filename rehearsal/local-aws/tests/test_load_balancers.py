"""Elastic Load Balancing: what it refuses, and what its rules let pass."""

from __future__ import annotations

import http.client
import json
import unittest

from support import LocalAwsTest
from test_containers import attribute, ref, resource


def world(bucket: str) -> dict:
    """A stack with a load balancer in public that writes access logs, and two listeners."""
    resources = {
        "Vpc": resource("AWS::EC2::VPC", CidrBlock="10.66.0.0/16"),
        "Gateway": resource("AWS::EC2::InternetGateway"),
        "Attachment": resource("AWS::EC2::VPCGatewayAttachment", VpcId=ref("Vpc"), InternetGatewayId=ref("Gateway")),
        "Group": resource("AWS::EC2::SecurityGroup", GroupDescription="balancer", VpcId=ref("Vpc")),
        "Balancer": {"DependsOn": "Attachment", **resource(
            "AWS::ElasticLoadBalancingV2::LoadBalancer", Subnets=[ref("Subnet0"), ref("Subnet1")],
            SecurityGroups=[ref("Group")], LoadBalancerAttributes=[
                {"Key": "access_logs.s3.enabled", "Value": "true"}, {"Key": "access_logs.s3.bucket", "Value": bucket},
                {"Key": "access_logs.s3.prefix", "Value": "it"}, {"Key": "deletion_protection.enabled", "Value": "false"}])},
        "Targets": resource("AWS::ElasticLoadBalancingV2::TargetGroup", VpcId=ref("Vpc"), TargetType="ip", Port=80,
                            Protocol="HTTP", HealthCheckIntervalSeconds=15, HealthCheckTimeoutSeconds=10),
        "Listener": resource("AWS::ElasticLoadBalancingV2::Listener", LoadBalancerArn=ref("Balancer"), Port=80,
                             Protocol="HTTP", DefaultActions=[{"Type": "forward", "TargetGroupArn": ref("Targets")}]),
        "Rule": resource(
            "AWS::ElasticLoadBalancingV2::ListenerRule", ListenerArn=ref("Listener"), Priority=10,
            Conditions=[{"Field": "path-pattern", "PathPatternConfig": {"Values": ["/closed/*"]}},
                        {"Field": "http-header", "HttpHeaderConfig": {"HttpHeaderName": "x-key", "Values": ["open"]}}],
            Actions=[{"Type": "forward", "TargetGroupArn": ref("Targets")}]),
        "Closed": resource(
            "AWS::ElasticLoadBalancingV2::ListenerRule", ListenerArn=ref("Listener"), Priority=20,
            Conditions=[{"Field": "path-pattern", "PathPatternConfig": {"Values": ["*closed*"]}}],
            Actions=[{"Type": "fixed-response", "FixedResponseConfig": {"StatusCode": "403"}}]),
    }
    for number in (0, 1):
        resources[f"Subnet{number}"] = resource(
            "AWS::EC2::Subnet", VpcId=ref("Vpc"), CidrBlock=f"10.66.{number}.0/24",
            AvailabilityZone={"Fn::Select": [number, {"Fn::GetAZs": ""}]})
    return {"Resources": resources, "Outputs": {
        "Balancer": {"Value": ref("Balancer")}, "Name": {"Value": attribute("Balancer", "DNSName")},
        "Targets": {"Value": ref("Targets")}}}


class LoadBalancers(LocalAwsTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.balancers = cls.server.client("elbv2")
        cls.bucket = "access-logs-of-the-load-balancer-tests"
        cls.s3.create_bucket(Bucket=cls.bucket, CreateBucketConfiguration={"LocationConstraint": "eu-central-1"})
        cls.s3.put_bucket_policy(Bucket=cls.bucket, Policy=json.dumps({"Version": "2012-10-17", "Statement": [
            {"Effect": "Deny", "Principal": "*", "Action": "s3:*", "Resource": f"arn:aws:s3:::{cls.bucket}/*",
             "Condition": {"Bool": {"aws:SecureTransport": "false"}}},
            {"Effect": "Allow", "Principal": {"Service": "logdelivery.elasticloadbalancing.amazonaws.com"},
             "Action": "s3:PutObject", "Resource": f"arn:aws:s3:::{cls.bucket}/*/AWSLogs/123456789012/*"}]}))

    def get(self, host: str, path: str, **headers: str) -> int:
        """The status of a request to a load balancer, its path sent as it is. MiniStack finds the account by the credential."""
        sent = {"Host": host, "Authorization": "AWS4-HMAC-SHA256 Credential=123456789012/20261122/eu-central-1/it/aws4_request"}
        connection = http.client.HTTPConnection("127.0.0.1", self.server.port, timeout=10)
        connection.request("GET", path, headers={**sent, **{key.replace("_", "-"): one for key, one in headers.items()}})
        answer = connection.getresponse()
        answer.read()
        connection.close()
        return answer.status

    def test_rules_close_paths_and_open_them_by_a_header(self):
        stack = self.create(world(self.bucket))
        self.assertEqual(stack["StackStatus"], "CREATE_COMPLETE", self.failures(stack))
        found = {one["OutputKey"]: one["OutputValue"] for one in stack["Outputs"]}
        no_targets = 503
        self.assertEqual(self.get(found["Name"], "/open"), no_targets)
        for path in ("/closed/it", "//closed/it", "/x/closed"):
            self.assertEqual(self.get(found["Name"], path), 403, path)
        self.assertEqual(self.get(found["Name"], "/closed/it", x_key="open"), no_targets)
        self.assertEqual(self.get(found["Name"], "/closed/it", x_key="wrong"), 403)
        self.refused("ResourceInUse", self.balancers.delete_target_group, TargetGroupArn=found["Targets"])
        self.assertEqual(self.delete(stack)["StackStatus"], "DELETE_COMPLETE")

    def failures(self, stack: dict) -> list:
        return [one["ResourceStatusReason"] for one in self.events(stack["StackId"])
                if one["ResourceStatus"].endswith("FAILED")]

    def test_what_it_refuses(self):
        def attributes(one, **changes):
            kept = {each["Key"]: each["Value"] for each in one["Balancer"]["LoadBalancerAttributes"]}
            one["Balancer"]["LoadBalancerAttributes"] = [
                {"Key": key, "Value": value} for key, value in {**kept, **changes}.items()]

        def tls(one, **changes):
            one["Listener"].update({"Protocol": "HTTPS", "Port": 443, **changes})

        def second(one):
            one["Rule"]["Priority"] = 20

        unknown = "arn:aws:acm:eu-central-1:123456789012:certificate/none"
        cases = [
            ("Balancer", "two different Availability Zones", lambda one: one["Balancer"].update(Subnets=[ref("Subnet0")])),
            ("Balancer", "security groups are invalid", lambda one: one["Balancer"].update(SecurityGroups=["sg-1"])),
            ("Balancer", "has no internet gateway", lambda one: one["Attachment"].update(
                VpcId=ref("Other"), InternetGatewayId=ref("Gateway"))),
            ("Balancer", "Please check S3bucket permission", lambda one: attributes(one, **{"access_logs.s3.prefix": ""})),
            ("Balancer", "is not recognized", lambda one: attributes(one, nonsense="1")),
            ("Targets", "must be greater than the timeout", lambda one: one["Targets"].update(HealthCheckIntervalSeconds=10)),
            ("Listener", "A certificate must be specified", tls),
            ("Listener", "not found", lambda one: tls(one, Certificates=[{"CertificateArn": unknown}])),
            ("Listener", "cannot be specified", lambda one: one["Listener"].update(SslPolicy="ELBSecurityPolicy-2016-08")),
            ("Listener", "is not recognized", lambda one: one["Listener"].update(
                ListenerAttributes=[{"Key": "x", "Value": "y"}])),
            ("Rule", "1 to 128 characters", lambda one: one["Rule"]["Conditions"][1]["HttpHeaderConfig"].update(
                Values=["x" * 129])),
            ("Rule", "can only have '5' condition values", lambda one: one["Rule"]["Conditions"][0]["PathPatternConfig"].update(
                Values=list("abcde"))),
        ]
        for logical_id, words, change in cases:
            with self.subTest(words):
                template = world(self.bucket)
                template["Resources"]["Other"] = resource("AWS::EC2::VPC", CidrBlock="10.67.0.0/16")
                change({name: one["Properties"] for name, one in template["Resources"].items()})
                stack = self.create(template)
                self.assertEqual(stack["StackStatus"], "ROLLBACK_COMPLETE")
                self.assertIn(words, self.reason(stack["StackId"], logical_id, "CREATE_FAILED"))
        template = world(self.bucket)
        second({name: one["Properties"] for name, one in template["Resources"].items()})
        stack = self.create(template)
        self.assertTrue(any("Priority '20' is currently in use" in one for one in self.failures(stack)))

    def test_deletion_protection(self):
        template = world(self.bucket)
        protection = template["Resources"]["Balancer"]["Properties"]["LoadBalancerAttributes"][3]
        protection["Value"] = "true"
        stack = self.create(template)
        arn = next(one["OutputValue"] for one in stack["Outputs"] if one["OutputKey"] == "Balancer")
        self.refused("OperationNotPermitted", self.balancers.delete_load_balancer, LoadBalancerArn=arn)
        self.assertEqual(self.delete(stack)["StackStatus"], "DELETE_FAILED")
        self.balancers.modify_load_balancer_attributes(
            LoadBalancerArn=arn, Attributes=[{"Key": "deletion_protection.enabled", "Value": "false"}])
        self.stacks.delete_stack(StackName=stack["StackId"])
        self.assertEqual(self.settle(stack["StackId"])["StackStatus"], "DELETE_COMPLETE")


if __name__ == "__main__":
    unittest.main()
