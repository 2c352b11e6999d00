"""IAM's evaluation of what the pool of servers needs."""

from __future__ import annotations

import json
import unittest

from groups import TERMINATE, GroupTest
from support import ACCOUNT, REGION, trust

DENIED = "AccessDenied"
UNAUTHORIZED = "UnauthorizedOperation"


class ServerAuthorization(GroupTest):
    def session(self, *statements: dict) -> dict:
        policy = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Resource": "*", **one} for one in statements]}
        role = self.role(policy, trust({"AWS": f"arn:aws:iam::{ACCOUNT}:root"}))
        self.iam.create_user(UserName="user-" + role[-12:])
        self.iam.put_user_policy(UserName="user-" + role[-12:], PolicyName="it", PolicyDocument=json.dumps(
            {"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Action": "sts:AssumeRole", "Resource": "*"}}))
        key = self.iam.create_access_key(UserName="user-" + role[-12:])["AccessKey"]
        sts = self.server.client("sts", {**key})
        return sts.assume_role(RoleArn=role, RoleSessionName="it")["Credentials"]

    def test_groups_are_named_by_themselves_and_by_their_instances(self):
        mine, other = self.group([TERMINATE], desired=1), self.group([TERMINATE], desired=1)
        (own,), (foreign,) = self.in_state(mine, "InService"), self.in_state(other, "InService")
        resource = f"arn:aws:autoscaling:{REGION}:{ACCOUNT}:autoScalingGroup:*:autoScalingGroupName/{mine}"
        actions = ["TerminateInstanceInAutoScalingGroup", "CompleteLifecycleAction", "RecordLifecycleActionHeartbeat",
                   "EnterStandby", "ExitStandby"]
        groups = self.server.client("autoscaling", self.session(
            {"Action": [f"autoscaling:{one}" for one in actions], "Resource": resource}))
        terminate = groups.terminate_instance_in_auto_scaling_group
        self.refused(DENIED, terminate, InstanceId=foreign, ShouldDecrementDesiredCapacity=False)
        self.refused(DENIED, groups.enter_standby, AutoScalingGroupName=other, InstanceIds=[foreign],
                     ShouldDecrementDesiredCapacity=False)
        self.refused(DENIED, groups.set_desired_capacity, AutoScalingGroupName=mine, DesiredCapacity=0)
        self.refused(DENIED, groups.describe_auto_scaling_groups)
        terminate(InstanceId=own, ShouldDecrementDesiredCapacity=True)
        self.in_state(mine, "Terminating:Wait")
        named = {"LifecycleHookName": "terminate", "InstanceId": own}
        self.refused(DENIED, groups.record_lifecycle_action_heartbeat, AutoScalingGroupName=other, **named)
        groups.record_lifecycle_action_heartbeat(AutoScalingGroupName=mine, **named)
        groups.complete_lifecycle_action(AutoScalingGroupName=mine, LifecycleActionResult="CONTINUE", **named)

    def test_a_group_is_also_its_exact_arn_and_its_tags(self):
        name = self.group(desired=0, Tags=[{"Key": "pool", "Value": "a", "PropagateAtLaunch": False}])
        arn = self.described(name)["AutoScalingGroupARN"]
        exact = self.server.client("autoscaling", self.session(
            {"Action": "autoscaling:SetDesiredCapacity", "Resource": arn}))
        exact.set_desired_capacity(AutoScalingGroupName=name, DesiredCapacity=0)
        for value in ("a", "b"):
            tagged = self.server.client("autoscaling", self.session(
                {"Action": "autoscaling:SetDesiredCapacity",
                 "Condition": {"StringEquals": {"autoscaling:ResourceTag/pool": value}}}))
            call = tagged.set_desired_capacity
            if value == "a":
                call(AutoScalingGroupName=name, DesiredCapacity=0)
            else:
                self.refused(DENIED, call, AutoScalingGroupName=name, DesiredCapacity=0)

    def test_describing_knows_no_resource(self):
        name = self.group(desired=0)
        groups = self.server.client("autoscaling", self.session(
            {"Action": "autoscaling:Describe*", "Resource": self.described(name)["AutoScalingGroupARN"]}))
        self.refused(DENIED, groups.describe_auto_scaling_groups, AutoScalingGroupNames=[name])
        instances = self.server.client("ec2", self.session(
            {"Action": "ec2:DescribeInstances", "Resource": f"arn:aws:ec2:{REGION}:{ACCOUNT}:instance/*"}))
        self.refused(UNAUTHORIZED, instances.describe_instances)

    def test_tags_are_held_to_the_group_of_every_instance_and_to_keys(self):
        mine, other = self.group(desired=2), self.group(desired=1)
        own, foreign = self.in_state(mine, "InService", "InService"), self.in_state(other, "InService")
        ec2 = self.server.client("ec2", self.session({
            "Action": ["ec2:CreateTags", "ec2:DeleteTags"], "Resource": f"arn:aws:ec2:{REGION}:{ACCOUNT}:instance/*",
            "Condition": {"StringEquals": {"ec2:ResourceTag/aws:autoscaling:groupName": mine},
                          "ForAllValues:StringLike": {"aws:TagKeys": ["scalelite-lifecycle:*"]}}}))
        tags = [{"Key": "scalelite-lifecycle:since", "Value": "1"}]
        ec2.create_tags(Resources=own, Tags=tags)
        ec2.delete_tags(Resources=own, Tags=tags)
        self.refused(UNAUTHORIZED, ec2.create_tags, Resources=foreign, Tags=tags)
        self.refused(UNAUTHORIZED, ec2.create_tags, Resources=[own[0], foreign[0]], Tags=tags)
        self.refused(UNAUTHORIZED, ec2.create_tags, Resources=own, Tags=[{"Key": "Name", "Value": "x"}])
        self.refused(UNAUTHORIZED, ec2.create_tags, Resources=own, Tags=[*tags, {"Key": "Name", "Value": "x"}])

    def test_ending_instances_is_held_to_each_of_them(self):
        mine, other = self.group(desired=1), self.group(desired=1)
        (own,), (foreign,) = self.in_state(mine, "InService"), self.in_state(other, "InService")
        ec2 = self.server.client("ec2", self.session({
            "Action": "ec2:TerminateInstances", "Condition": {
                "StringEquals": {"aws:ResourceTag/aws:autoscaling:groupName": mine}}}))
        self.refused(UNAUTHORIZED, ec2.terminate_instances, InstanceIds=[own, foreign])
        ec2.terminate_instances(InstanceIds=[own])


if __name__ == "__main__":
    unittest.main()
