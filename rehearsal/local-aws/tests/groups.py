"""Auto Scaling groups for tests: launch templates, hooks, and a queue that keeps what was announced."""

from __future__ import annotations

import base64
import json
import uuid

from support import ACCOUNT, REGION, LocalAwsTest

SUBNETS = ("subnet-00000001", "subnet-00000002")

LAUNCH = {"LifecycleHookName": "launch", "LifecycleTransition": "autoscaling:EC2_INSTANCE_LAUNCHING",
          "HeartbeatTimeout": 3600, "DefaultResult": "ABANDON"}
TERMINATE = {"LifecycleHookName": "terminate", "LifecycleTransition": "autoscaling:EC2_INSTANCE_TERMINATING",
             "HeartbeatTimeout": 1800, "DefaultResult": "ABANDON"}
RETAIN = {"RetentionTriggers": {"TerminateHookAbandon": "retain"}}


class GroupTest(LocalAwsTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.groups = cls.server.client("autoscaling")
        cls.ec2 = cls.server.client("ec2")
        cls.events_api = cls.server.client("events")
        cls.sqs = cls.server.client("sqs")

    def template(self, **data) -> str:
        """A launch template's id."""
        name = "template-" + uuid.uuid4().hex[:8]
        return self.ec2.create_launch_template(LaunchTemplateName=name, LaunchTemplateData={
            "ImageId": "ami-0123456789abcdef0", "InstanceType": "t3.small",
            "UserData": base64.b64encode(b"#!/bin/sh\n").decode(), **data,
        })["LaunchTemplate"]["LaunchTemplateId"]

    def group(self, hooks=(), desired: int = 1, template: str = "", version: str = "$Latest", **more) -> str:
        name = "group-" + uuid.uuid4().hex[:8]
        self.groups.create_auto_scaling_group(**{
            "AutoScalingGroupName": name, "MinSize": 0, "MaxSize": 10, "DesiredCapacity": desired,
            "LaunchTemplate": {"LaunchTemplateId": template or self.template(), "Version": version},
            "VPCZoneIdentifier": SUBNETS[0], "LifecycleHookSpecificationList": list(hooks), **more,
        })
        return name

    def described(self, name: str) -> dict:
        return self.groups.describe_auto_scaling_groups(AutoScalingGroupNames=[name])["AutoScalingGroups"][0]

    def states(self, name: str) -> dict[str, str]:
        return {one["InstanceId"]: one["LifecycleState"] for one in self.described(name)["Instances"]}

    def in_state(self, name: str, *states: str) -> list[str]:
        """The instances of a group once they are in these states, in the order of the states."""
        def settled():
            found = self.states(name)
            return sorted(found.values()) == sorted(states) and found
        found = self.eventually(settled) if states else self.eventually(lambda: not self.states(name)) and {}
        return sorted(found, key=lambda one: states.index(found[one]))

    def complete(self, name: str, hook: str, instance_id: str, result: str = "CONTINUE") -> None:
        self.groups.complete_lifecycle_action(
            AutoScalingGroupName=name, LifecycleHookName=hook, InstanceId=instance_id, LifecycleActionResult=result)

    def ec2_state(self, instance_id: str) -> str:
        return self.instance(instance_id)["State"]["Name"]

    def instance(self, instance_id: str) -> dict:
        return self.ec2.describe_instances(InstanceIds=[instance_id])["Reservations"][0]["Instances"][0]

    def heard(self, pattern: dict) -> Heard:
        """A queue for events that match a pattern, from now on."""
        return Heard(self, pattern)


class Heard:
    def __init__(self, test: GroupTest, pattern: dict):
        self._sqs, name = test.sqs, "heard-" + uuid.uuid4().hex[:8]
        self._url = self._sqs.create_queue(QueueName=name)["QueueUrl"]
        test.events_api.put_rule(Name=name, EventPattern=json.dumps(pattern))
        test.events_api.put_targets(Rule=name, Targets=[{"Id": "1", "Arn": f"arn:aws:sqs:{REGION}:{ACCOUNT}:{name}"}])

    def events(self) -> list[dict]:
        """What came since the last call, in its order."""
        found = []
        while messages := self._sqs.receive_message(
                QueueUrl=self._url, MaxNumberOfMessages=10).get("Messages"):
            for message in messages:
                found.append(json.loads(message["Body"]))
                self._sqs.delete_message(QueueUrl=self._url, ReceiptHandle=message["ReceiptHandle"])
        return found
