"""Auto Scaling without moving the clock: launches, hooks, capacity, standby, warm pools, CloudFormation."""

from __future__ import annotations

import base64
import unittest

from groups import LAUNCH, RETAIN, SUBNETS, TERMINATE, GroupTest
from support import REGION

VALIDATION = "ValidationError"


class Launching(GroupTest):
    def test_a_group_launches_its_capacity_from_the_launch_template(self):
        template = self.template(
            TagSpecifications=[{"ResourceType": "instance", "Tags": [{"Key": "Name", "Value": "server"}]}])
        heard = self.heard({"source": ["aws.autoscaling"], "detail-type": ["EC2 Instance Launch Successful"]})
        name = self.group(desired=2, template=template, VPCZoneIdentifier=",".join(SUBNETS),
                          Tags=[{"Key": "team", "Value": "a", "PropagateAtLaunch": True}, {"Key": "own", "Value": "b"}])
        first, second = self.in_state(name, "InService", "InService")
        members = self.described(name)["Instances"]
        self.assertEqual({one["AvailabilityZone"] for one in members}, {REGION + "a", REGION + "b"})
        self.assertEqual({one["LaunchTemplate"]["Version"] for one in members}, {"1"})
        instance = self.instance(first)
        self.assertEqual((instance["InstanceType"], instance["State"]["Name"]), ("t3.small", "running"))
        tags = {tag["Key"]: tag["Value"] for tag in instance["Tags"]}
        self.assertEqual(tags, {
            "Name": "server", "team": "a", "aws:autoscaling:groupName": name,
            "aws:ec2launchtemplate:id": template, "aws:ec2launchtemplate:version": "1"})
        announced = {event["detail"]["EC2InstanceId"]: event for event in heard.events()}
        self.assertLessEqual({first, second}, set(announced))
        event = announced[first]
        self.assertEqual(event["resources"][0], self.described(name)["AutoScalingGroupARN"])
        self.assertEqual(event["detail"]["AutoScalingGroupName"], name)
        self.assertEqual((event["detail"]["Origin"], event["detail"]["Destination"]), ("EC2", "AutoScalingGroup"))

    def test_a_new_version_is_for_new_instances(self):
        template = self.template()
        name = self.group(template=template)
        old, = self.in_state(name, "InService")
        self.ec2.create_launch_template_version(
            LaunchTemplateId=template, SourceVersion="1", LaunchTemplateData={"InstanceType": "t3.large"})
        self.groups.set_desired_capacity(AutoScalingGroupName=name, DesiredCapacity=2)
        self.in_state(name, "InService", "InService")
        versions = {one["InstanceId"]: one["LaunchTemplate"]["Version"] for one in self.described(name)["Instances"]}
        self.assertEqual(versions.pop(old), "1")
        self.assertEqual(list(versions.values()), ["2"])
        self.assertEqual(self.instance(next(iter(versions)))["InstanceType"], "t3.large")
        pinned = self.group(template=template, version="1")
        self.in_state(pinned, "InService")
        self.assertEqual(self.described(pinned)["Instances"][0]["LaunchTemplate"]["Version"], "1")

    def test_an_instance_waits_for_the_launch_hook(self):
        heard = self.heard({"source": ["aws.autoscaling"], "detail-type": ["EC2 Instance-launch Lifecycle Action"]})
        name = self.group([{**LAUNCH, "NotificationMetadata": "about me"}])
        instance_id, = self.in_state(name, "Pending:Wait")
        event, = (one for one in heard.events() if one["detail"]["AutoScalingGroupName"] == name)
        detail = event["detail"]
        token = detail.pop("LifecycleActionToken")
        self.assertRegex(token, r"^[0-9a-f-]{36}$")
        self.assertEqual(detail, {
            "AutoScalingGroupName": name, "LifecycleHookName": "launch", "EC2InstanceId": instance_id,
            "LifecycleTransition": "autoscaling:EC2_INSTANCE_LAUNCHING", "NotificationMetadata": "about me",
            "Origin": "EC2", "Destination": "AutoScalingGroup"})
        self.assertEqual(event["resources"], [self.described(name)["AutoScalingGroupARN"]])
        named = {"AutoScalingGroupName": name, "LifecycleHookName": "launch"}
        self.groups.record_lifecycle_action_heartbeat(**named, LifecycleActionToken=token)
        self.groups.complete_lifecycle_action(**named, LifecycleActionToken=token, LifecycleActionResult="CONTINUE")
        self.in_state(name, "InService")
        # A token is good once; so is an instance.
        message = self.refused(VALIDATION, self.groups.complete_lifecycle_action, **named, LifecycleActionToken=token,
                               LifecycleActionResult="CONTINUE")
        self.assertEqual(message, f"No active Lifecycle Action found with token {token}")
        message = self.refused(VALIDATION, self.groups.record_lifecycle_action_heartbeat, **named, InstanceId=instance_id)
        self.assertEqual(message, f"No active Lifecycle Action found with instance ID {instance_id}")

    def test_an_abandoned_launch_is_terminated_and_replaced(self):
        name = self.group([LAUNCH, TERMINATE])
        first, = self.in_state(name, "Pending:Wait")
        self.complete(name, "launch", first, "ABANDON")
        self.in_state(name, "Pending:Wait", "Terminating:Wait")
        self.assertEqual(self.states(name)[first], "Terminating:Wait")
        self.complete(name, "terminate", first)
        second, = self.in_state(name, "Pending:Wait")
        self.assertNotEqual(first, second)
        self.assertEqual(self.ec2_state(first), "terminated")

    def test_a_launch_that_fails_is_announced_and_shows_in_the_activities(self):
        heard = self.heard({"source": ["aws.autoscaling"], "detail-type": ["EC2 Instance Launch Unsuccessful"]})
        template = self.template(IamInstanceProfile={"Name": "nobody"})
        name = self.group(template=template)
        def failed():
            return [one for one in self.groups.describe_scaling_activities(AutoScalingGroupName=name)["Activities"]
                    if one["StatusCode"] == "Failed"]
        self.assertIn("Invalid IAM Instance Profile", self.eventually(failed)[0]["StatusMessage"])
        self.assertEqual(self.states(name), {})
        self.assertIn(name, {event["detail"]["AutoScalingGroupName"] for event in heard.events()})

    def test_what_does_not_exist_or_fit_is_refused(self):
        create = self.groups.create_auto_scaling_group
        good = {"AutoScalingGroupName": "refused", "MinSize": 0, "MaxSize": 1, "VPCZoneIdentifier": SUBNETS[0],
                "LaunchTemplate": {"LaunchTemplateId": self.template()}}
        self.refused(VALIDATION, create, **{**good, "LaunchTemplate": {"LaunchTemplateId": "lt-0123456789abcdef0"}})
        self.refused(VALIDATION, create, **{**good, "LaunchTemplate": {**good["LaunchTemplate"], "Version": "7"}})
        self.refused(VALIDATION, create, **{**good, "VPCZoneIdentifier": "subnet-0123456789abcdef0"})
        self.refused(VALIDATION, create, **{**good, "DesiredCapacity": 2})
        self.refused(VALIDATION, create, **{**good, "MinSize": 2})
        self.refused(VALIDATION, create, **{**good, "TerminationPolicies": ["Random"]})
        function = f"arn:aws:lambda:{REGION}:123456789012:function:f"
        self.refused(VALIDATION, create, **{**good, "TerminationPolicies": ["OldestInstance", function]})
        self.refused(VALIDATION, create, **{**good, "LifecycleHookSpecificationList": [{**LAUNCH, "HeartbeatTimeout": 29}]})
        self.refused("AlreadyExists", create, **{**good, "AutoScalingGroupName": self.group(desired=0)})
        self.refused(VALIDATION, self.groups.set_desired_capacity, AutoScalingGroupName="nobody", DesiredCapacity=1)

    def test_groups_and_instances_are_described_in_pages(self):
        name = self.group(desired=3)
        self.in_state(name, *["InService"] * 3)
        page = self.groups.describe_auto_scaling_groups(MaxRecords=1)
        self.assertEqual(len(page["AutoScalingGroups"]), 1)
        pages = self.groups.get_paginator("describe_auto_scaling_groups").paginate(PaginationConfig={"PageSize": 1})
        self.assertIn(name, [one["AutoScalingGroupName"] for page in pages for one in page["AutoScalingGroups"]])
        pages = self.groups.get_paginator("describe_auto_scaling_instances").paginate(PaginationConfig={"PageSize": 2})
        found = [one for page in pages for one in page["AutoScalingInstances"] if one["AutoScalingGroupName"] == name]
        self.assertEqual({one["InstanceId"] for one in found}, set(self.states(name)))
        self.refused(VALIDATION, self.groups.describe_auto_scaling_groups, MaxRecords=101)


class Terminating(GroupTest):
    def test_a_scale_in_waits_for_the_hook(self):
        heard = self.heard({"source": ["aws.autoscaling"]})
        name = self.group([TERMINATE], desired=1)
        instance_id, = self.in_state(name, "InService")
        self.groups.set_desired_capacity(AutoScalingGroupName=name, DesiredCapacity=0)
        self.in_state(name, "Terminating:Wait")
        self.assertEqual(self.ec2_state(instance_id), "running")
        self.complete(name, "terminate", instance_id)
        self.in_state(name)
        self.assertEqual(self.ec2_state(instance_id), "terminated")
        mine = [event for event in heard.events() if event["detail"]["AutoScalingGroupName"] == name]
        kinds = [event["detail-type"] for event in mine]
        self.assertEqual(kinds, ["EC2 Instance Launch Successful", "EC2 Instance-terminate Lifecycle Action",
                                 "EC2 Instance Terminate Successful"])
        self.assertEqual((mine[1]["detail"]["Origin"], mine[1]["detail"]["Destination"]), ("AutoScalingGroup", "EC2"))

    def test_abandon_terminates_unless_the_group_retains(self):
        plain = self.group([TERMINATE])
        instance_id, = self.in_state(plain, "InService")
        self.groups.terminate_instance_in_auto_scaling_group(
            InstanceId=instance_id, ShouldDecrementDesiredCapacity=True)
        self.in_state(plain, "Terminating:Wait")
        self.complete(plain, "terminate", instance_id, "ABANDON")
        self.in_state(plain)

        name = self.group([TERMINATE], InstanceLifecyclePolicy=RETAIN)
        self.assertEqual(self.described(name)["InstanceLifecyclePolicy"], RETAIN)
        instance_id, = self.in_state(name, "InService")
        self.groups.terminate_instance_in_auto_scaling_group(
            InstanceId=instance_id, ShouldDecrementDesiredCapacity=True)
        self.in_state(name, "Terminating:Wait")
        self.complete(name, "terminate", instance_id, "ABANDON")
        self.in_state(name, "Terminating:Retained")
        self.assertEqual(self.ec2_state(instance_id), "running")
        # It is not part of the capacity, and goes when somebody says so, without waiting again.
        self.groups.set_desired_capacity(AutoScalingGroupName=name, DesiredCapacity=1)
        self.in_state(name, "InService", "Terminating:Retained")
        self.groups.terminate_instance_in_auto_scaling_group(
            InstanceId=instance_id, ShouldDecrementDesiredCapacity=False)
        self.in_state(name, "InService")
        self.assertEqual(self.ec2_state(instance_id), "terminated")

    def test_termination_by_name_replaces_or_shrinks(self):
        name = self.group(desired=2, MinSize=1)
        first, second = self.in_state(name, "InService", "InService")
        terminate = self.groups.terminate_instance_in_auto_scaling_group
        terminate(InstanceId=first, ShouldDecrementDesiredCapacity=False)
        self.eventually(lambda: first not in self.states(name) and len(self.states(name)) == 2)
        self.in_state(name, "InService", "InService")
        terminate(InstanceId=second, ShouldDecrementDesiredCapacity=True)
        last, = self.in_state(name, "InService")
        self.assertEqual(self.described(name)["DesiredCapacity"], 1)
        message = self.refused(VALIDATION, terminate, InstanceId=last, ShouldDecrementDesiredCapacity=True)
        self.assertIn("Currently, desiredSize equals minSize (1)", message)
        message = self.refused(VALIDATION, terminate, InstanceId="i-0123456789abcdef0", ShouldDecrementDesiredCapacity=True)
        self.assertIn("No managed instance found for instance ID: i-0123456789abcdef0", message)

    def test_an_instance_that_ec2_ended_still_waits_for_its_hook(self):
        name = self.group([TERMINATE])
        instance_id, = self.in_state(name, "InService")
        self.ec2.terminate_instances(InstanceIds=[instance_id])
        self.in_state(name, "InService", "Terminating:Wait")
        self.assertEqual(self.states(name)[instance_id], "Terminating:Wait")
        self.eventually(lambda: self.ec2_state(instance_id) == "terminated")
        self.complete(name, "terminate", instance_id)
        self.in_state(name, "InService")

    def test_a_stopped_instance_is_replaced_unless_that_is_suspended(self):
        name = self.group()
        self.groups.suspend_processes(AutoScalingGroupName=name, ScalingProcesses=["ReplaceUnhealthy"])
        instance_id, = self.in_state(name, "InService")
        self.ec2.stop_instances(InstanceIds=[instance_id])
        self.eventually(lambda: self.described(name)["Instances"][0]["HealthStatus"] == "Unhealthy")
        self.in_state(name, "InService")
        other = self.group()
        instance_id, = self.in_state(other, "InService")
        self.ec2.stop_instances(InstanceIds=[instance_id])
        self.eventually(lambda: list(self.states(other).values()) == ["InService"] and instance_id not in self.states(other))

    def test_protection_keeps_an_instance_from_scale_in_but_not_from_termination(self):
        name = self.group(desired=2)
        first, second = self.in_state(name, "InService", "InService")
        self.groups.set_instance_protection(
            AutoScalingGroupName=name, InstanceIds=[first], ProtectedFromScaleIn=True)
        self.groups.set_desired_capacity(AutoScalingGroupName=name, DesiredCapacity=0)
        self.assertEqual(self.in_state(name, "InService"), [first])
        self.groups.terminate_instance_in_auto_scaling_group(InstanceId=first, ShouldDecrementDesiredCapacity=False)
        self.in_state(name)
        self.refused(VALIDATION, self.groups.set_instance_protection, AutoScalingGroupName=name, InstanceIds=[second],
                     ProtectedFromScaleIn=True)

    def test_scale_in_keeps_zones_equal_and_follows_the_policies(self):
        name = self.group(desired=3, VPCZoneIdentifier=",".join(SUBNETS), TerminationPolicies=["NewestInstance"])
        self.in_state(name, *["InService"] * 3)
        zones = [one["AvailabilityZone"] for one in self.described(name)["Instances"]]
        self.groups.set_desired_capacity(AutoScalingGroupName=name, DesiredCapacity=2)
        self.in_state(name, "InService", "InService")
        left = self.described(name)["Instances"]
        self.assertEqual(len({one["AvailabilityZone"] for one in left}), 2, zones)

    def test_a_group_with_instances_is_not_deleted_except_by_force(self):
        name = self.group([TERMINATE])
        instance_id, = self.in_state(name, "InService")
        self.refused("ResourceInUse", self.groups.delete_auto_scaling_group, AutoScalingGroupName=name)
        self.groups.delete_auto_scaling_group(AutoScalingGroupName=name, ForceDelete=True)
        self.eventually(lambda: self.ec2_state(instance_id) == "terminated")
        self.assertEqual(self.groups.describe_auto_scaling_groups(AutoScalingGroupNames=[name])["AutoScalingGroups"], [])


class Standby(GroupTest):
    def test_standby_takes_out_of_the_capacity_and_exit_always_raises_it(self):
        name = self.group([LAUNCH, TERMINATE], desired=1, MinSize=1, MaxSize=2)
        first, = self.in_state(name, "Pending:Wait")
        self.complete(name, "launch", first)
        self.in_state(name, "InService")
        enter = self.groups.enter_standby
        message = self.refused(VALIDATION, enter, AutoScalingGroupName=name, InstanceIds=[first],
                               ShouldDecrementDesiredCapacity=True)
        self.assertIn("min-size=1, max-size=2, and desired-size=1", message)
        enter(AutoScalingGroupName=name, InstanceIds=[first], ShouldDecrementDesiredCapacity=False)
        self.in_state(name, "Pending:Wait", "Standby")
        self.assertEqual(self.described(name)["DesiredCapacity"], 1)
        self.groups.exit_standby(AutoScalingGroupName=name, InstanceIds=[first])
        self.assertEqual(self.described(name)["DesiredCapacity"], 2)
        self.in_state(name, "Pending:Wait", "Pending:Wait")
        self.complete(name, "launch", first)
        self.eventually(lambda: self.states(name)[first] == "InService")
        self.groups.set_desired_capacity(AutoScalingGroupName=name, DesiredCapacity=2)
        enter(AutoScalingGroupName=name, InstanceIds=[first], ShouldDecrementDesiredCapacity=False)
        self.eventually(lambda: self.states(name)[first] == "Standby")
        self.refused(VALIDATION, self.groups.exit_standby, AutoScalingGroupName=name, InstanceIds=[first])
        self.refused(VALIDATION, enter, AutoScalingGroupName=name, InstanceIds=[first],
                     ShouldDecrementDesiredCapacity=False)

    def test_who_stands_by_is_not_looked_after_and_can_be_terminated(self):
        name = self.group([TERMINATE], desired=1)
        first, = self.in_state(name, "InService")
        self.groups.enter_standby(
            AutoScalingGroupName=name, InstanceIds=[first], ShouldDecrementDesiredCapacity=True)
        self.in_state(name, "Standby")
        self.ec2.stop_instances(InstanceIds=[first])
        self.eventually(lambda: self.ec2_state(first) == "stopped")
        self.in_state(name, "Standby")
        self.groups.terminate_instance_in_auto_scaling_group(InstanceId=first, ShouldDecrementDesiredCapacity=False)
        self.in_state(name, "Terminating:Wait")
        self.complete(name, "terminate", first)
        self.in_state(name)
        self.assertEqual(self.described(name)["DesiredCapacity"], 0)


class WarmPool(GroupTest):
    def warm(self, name: str) -> dict[str, str]:
        return {one["InstanceId"]: one["LifecycleState"]
                for one in self.groups.describe_warm_pool(AutoScalingGroupName=name)["Instances"]}

    def test_instances_are_prepared_stopped_and_started_again_with_another_address(self):
        heard = self.heard({"source": ["aws.autoscaling"], "detail-type": ["EC2 Instance-launch Lifecycle Action"]})
        name = self.group([LAUNCH, TERMINATE], desired=0, MaxSize=2)
        self.groups.put_warm_pool(AutoScalingGroupName=name, MaxGroupPreparedCapacity=1)
        self.eventually(lambda: list(self.warm(name).values()) == ["Warmed:Pending:Wait"])
        instance_id, = self.warm(name)
        self.assertEqual(self.states(name), {})
        before = self.instance(instance_id)["PublicIpAddress"]
        self.complete(name, "launch", instance_id)
        self.eventually(lambda: self.warm(name).get(instance_id) == "Warmed:Stopped")
        self.assertEqual(self.ec2_state(instance_id), "stopped")
        self.assertNotIn("PublicIpAddress", self.instance(instance_id))
        self.groups.set_desired_capacity(AutoScalingGroupName=name, DesiredCapacity=1)
        self.assertEqual(self.in_state(name, "Pending:Wait"), [instance_id])
        self.complete(name, "launch", instance_id)
        self.in_state(name, "InService")
        self.assertNotEqual(self.instance(instance_id)["PublicIpAddress"], before)
        ways = [(one["detail"]["Origin"], one["detail"]["Destination"]) for one in heard.events()
                if one["detail"]["AutoScalingGroupName"] == name and one["detail"]["EC2InstanceId"] == instance_id]
        self.assertEqual(ways, [("EC2", "WarmPool"), ("WarmPool", "AutoScalingGroup")])

    def test_instances_of_a_warm_pool_cannot_be_terminated_by_name(self):
        name = self.group(desired=0, MaxSize=1)
        self.groups.put_warm_pool(AutoScalingGroupName=name)
        self.eventually(lambda: list(self.warm(name).values()) == ["Warmed:Stopped"])
        instance_id, = self.warm(name)
        self.refused(VALIDATION, self.groups.terminate_instance_in_auto_scaling_group, InstanceId=instance_id,
                     ShouldDecrementDesiredCapacity=False)
        self.groups.delete_warm_pool(AutoScalingGroupName=name)
        self.eventually(lambda: not self.warm(name))
        self.assertEqual(self.ec2_state(instance_id), "terminated")


class Policies(GroupTest):
    ROLE = "arn:aws:iam::123456789012:role/aws-service-role/autoscaling.amazonaws.com/AWSServiceRoleForAutoScaling"

    def policy_function(self, body: str, principal: str = ROLE) -> str:
        arn = self.function(body)
        self.functions.add_permission(
            FunctionName=arn, StatementId="it", Action="lambda:InvokeFunction", Principal=principal)
        return arn

    def test_a_function_decides_who_goes(self):
        # Names the one instance that is tagged, of whichever were suggested.
        body = """
            return {"InstanceIDs": [one["InstanceId"] for one in event["Instances"]][-1:]}
        """
        arn = self.policy_function(body)
        name = self.group(desired=3, TerminationPolicies=[arn, "OldestInstance"])
        members = self.in_state(name, *["InService"] * 3)
        self.groups.set_desired_capacity(AutoScalingGroupName=name, DesiredCapacity=2)
        self.in_state(name, "InService", "InService")
        request, = self.eventually(lambda: self.requests(arn))
        self.assertEqual(set(request), {
            "AutoScalingGroupARN", "AutoScalingGroupName", "CapacityToTerminate", "Instances", "Cause"})
        self.assertEqual((request["Cause"], request["AutoScalingGroupName"]), ("SCALE_IN", name))
        self.assertEqual(request["CapacityToTerminate"], [
            {"AvailabilityZone": REGION + "a", "Capacity": 1, "InstanceMarketOption": "on-demand"}])
        self.assertEqual({one["InstanceId"] for one in request["Instances"]}, set(members))
        self.assertNotIn(request["Instances"][-1]["InstanceId"], self.states(name))

    def test_with_zones_in_balance_a_function_chooses_from_all_of_them(self):
        arn = self.policy_function('return {"InstanceIDs": [max(event["Instances"], key=str)["InstanceId"]]}')
        name = self.group(desired=2, VPCZoneIdentifier=",".join(SUBNETS), TerminationPolicies=[arn])
        members = self.in_state(name, "InService", "InService")
        self.groups.set_desired_capacity(AutoScalingGroupName=name, DesiredCapacity=1)
        self.in_state(name, "InService")
        request, = self.eventually(lambda: self.requests(arn))
        self.assertEqual({one["InstanceId"] for one in request["Instances"]}, set(members))
        self.assertEqual(sum(one["Capacity"] for one in request["CapacityToTerminate"]), 1)

    def test_without_an_answer_nothing_goes(self):
        broken = self.policy_function("raise Failure('I do not know')")
        forbidden = self.policy_function("return {'InstanceIDs': [event['Instances'][0]['InstanceId']]}", "1" * 12)
        empty = self.policy_function("return {'InstanceIDs': []}")
        for arn in (broken, forbidden, empty):
            with self.subTest(arn):
                name = self.group(desired=1, TerminationPolicies=[arn])
                self.in_state(name, "InService")
                self.groups.set_desired_capacity(AutoScalingGroupName=name, DesiredCapacity=0)
                if arn != forbidden:
                    self.eventually(lambda arn=arn: self.requests(arn))
                self.assertEqual(list(self.states(name).values()), ["InService"])

    def test_of_more_than_needed_the_next_policy_chooses(self):
        arn = self.policy_function("return {'InstanceIDs': [one['InstanceId'] for one in event['Instances']]}")
        name = self.group(desired=1, TerminationPolicies=[arn, "NewestInstance"])
        old, = self.in_state(name, "InService")
        self.groups.set_desired_capacity(AutoScalingGroupName=name, DesiredCapacity=2)
        self.in_state(name, "InService", "InService")
        self.groups.set_desired_capacity(AutoScalingGroupName=name, DesiredCapacity=1)
        self.assertEqual(self.in_state(name, "InService"), [old])


class Stacks(GroupTest):
    def described_template(self, instance_type: str, maximum: int = 3) -> dict:
        return {"Resources": {
            "Template": {"Type": "AWS::EC2::LaunchTemplate", "Properties": {"LaunchTemplateData": {
                "ImageId": "ami-0123456789abcdef0", "InstanceType": instance_type,
                "UserData": base64.b64encode(b"x").decode()}}},
            "Group": {"Type": "AWS::AutoScaling::AutoScalingGroup", "Properties": {
                "MinSize": "1", "MaxSize": maximum, "VPCZoneIdentifier": [SUBNETS[0]],
                "LaunchTemplate": {"LaunchTemplateId": {"Ref": "Template"},
                                   "Version": {"Fn::GetAtt": ["Template", "LatestVersionNumber"]}},
                "LifecycleHookSpecificationList": [LAUNCH, TERMINATE],
                "InstanceLifecyclePolicy": RETAIN,
                "TerminationPolicies": ["OldestInstance"],
            }},
        }}

    def test_a_group_is_made_updated_and_deleted_after_its_last_instance(self):
        stack = self.create(self.described_template("t3.small"))
        self.assertEqual(stack["StackStatus"], "CREATE_COMPLETE")
        resources = self.stacks.describe_stack_resources(StackName=stack["StackId"])["StackResources"]
        name = next(one["PhysicalResourceId"] for one in resources if one["LogicalResourceId"] == "Group")
        instance_id, = self.in_state(name, "Pending:Wait")
        self.complete(name, "launch", instance_id)
        self.in_state(name, "InService")
        self.groups.set_desired_capacity(AutoScalingGroupName=name, DesiredCapacity=2)
        self.in_state(name, "InService", "Pending:Wait")

        updated = self.update(stack, self.described_template("t3.large", maximum=4))
        self.assertEqual(updated["StackStatus"], "UPDATE_COMPLETE")
        found = self.described(name)
        # An update leaves the desired capacity and the instances alone.
        self.assertEqual((found["MaxSize"], found["DesiredCapacity"], found["LaunchTemplate"]["Version"]), (4, 2, "2"))
        self.assertEqual({one["LaunchTemplate"]["Version"] for one in found["Instances"]}, {"1"})

        self.stacks.delete_stack(StackName=stack["StackId"])
        self.in_state(name, "Terminating:Wait", "Terminating:Wait")
        self.assertEqual(self.stacks.describe_stacks(StackName=stack["StackId"])["Stacks"][0]["StackStatus"],
                         "DELETE_IN_PROGRESS")
        for one in self.states(name):
            self.complete(name, "terminate", one)
        self.assertEqual(self.settle(stack["StackId"])["StackStatus"], "DELETE_COMPLETE")

    def test_sizes_are_set_back_by_an_update_unless_they_are_left_to_scaling(self):
        for left, kept in (True, 2), (False, 0):
            template = self.described_template("t3.small")
            group = template["Resources"]["Group"]
            group["Properties"].update(MinSize="0", DesiredCapacity="0", LifecycleHookSpecificationList=[])
            group["UpdatePolicy"] = {"AutoScalingScheduledAction": {"IgnoreUnmodifiedGroupSizeProperties": left}}
            stack = self.create(template)
            resources = self.stacks.describe_stack_resources(StackName=stack["StackId"])["StackResources"]
            name = next(one["PhysicalResourceId"] for one in resources if one["LogicalResourceId"] == "Group")
            self.groups.set_desired_capacity(AutoScalingGroupName=name, DesiredCapacity=2)
            group["Properties"]["MaxSize"] = "5"
            self.assertEqual(self.update(stack, template)["StackStatus"], "UPDATE_COMPLETE")
            found = self.described(name)
            self.assertEqual((found["MaxSize"], found["DesiredCapacity"]), (5, kept))
            self.delete(stack)

    def test_hooks_apart_from_the_group_miss_its_first_instances(self):
        template = self.described_template("t3.small")
        del template["Resources"]["Group"]["Properties"]["LifecycleHookSpecificationList"]
        template["Resources"]["Hook"] = {"Type": "AWS::AutoScaling::LifecycleHook", "Properties": {
            "AutoScalingGroupName": {"Ref": "Group"}, **TERMINATE}}
        stack = self.create(template)
        self.assertEqual(stack["StackStatus"], "CREATE_COMPLETE")
        resources = self.stacks.describe_stack_resources(StackName=stack["StackId"])["StackResources"]
        name = next(one["PhysicalResourceId"] for one in resources if one["LogicalResourceId"] == "Group")
        self.in_state(name, "InService")
        # In the opposite order the hook goes first, and nothing waits.
        self.assertEqual(self.delete(stack)["StackStatus"], "DELETE_COMPLETE")

    def test_what_belongs_to_no_group_fails(self):
        stack = self.create({"Resources": {"Policy": {"Type": "AWS::AutoScaling::ScalingPolicy", "Properties": {
            "AutoScalingGroupName": "nobody", "PolicyType": "TargetTrackingScaling",
            "TargetTrackingConfiguration": {"TargetValue": 50, "PredefinedMetricSpecification": {
                "PredefinedMetricType": "ASGAverageCPUUtilization"}}}}}})
        self.assertEqual(stack["StackStatus"], "ROLLBACK_COMPLETE")
        self.assertIn("nobody", self.reason(stack["StackId"], "Policy", "CREATE_FAILED"))


if __name__ == "__main__":
    unittest.main()
