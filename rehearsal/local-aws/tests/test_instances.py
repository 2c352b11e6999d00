"""EC2 instances: states, addresses, tags, pages, and who is told of them."""

from __future__ import annotations

import http.server
import json
import threading
import unittest

from groups import GroupTest
from support import OwnServerTest, trust


class Instances(GroupTest):
    def run_one(self, **more) -> str:
        return self.ec2.run_instances(
            ImageId="ami-0123456789abcdef0", InstanceType="t3.small", MinCount=1, MaxCount=1, **more,
        )["Instances"][0]["InstanceId"]

    def reached(self, instance_id: str, state: str) -> dict:
        self.eventually(lambda: self.ec2_state(instance_id) == state)
        return self.instance(instance_id)

    def test_states_are_passed_one_after_another_and_announced(self):
        heard = self.heard({"source": ["aws.ec2"]})
        instance_id = self.run_one()
        self.reached(instance_id, "running")
        change, = self.ec2.stop_instances(InstanceIds=[instance_id])["StoppingInstances"]
        self.assertEqual((change["PreviousState"]["Name"], change["CurrentState"]["Name"]), ("running", "stopping"))
        self.reached(instance_id, "stopped")
        self.ec2.start_instances(InstanceIds=[instance_id])
        self.reached(instance_id, "running")
        self.ec2.terminate_instances(InstanceIds=[instance_id])
        self.reached(instance_id, "terminated")
        self.refused("IncorrectInstanceState", self.ec2.start_instances, InstanceIds=[instance_id])
        self.refused("IncorrectInstanceState", self.ec2.stop_instances, InstanceIds=[instance_id])
        self.ec2.terminate_instances(InstanceIds=[instance_id])
        mine = [event for event in heard.events() if event["detail"]["instance-id"] == instance_id]
        self.assertEqual([event["detail"]["state"] for event in mine], [
            "pending", "running", "stopping", "stopped", "pending", "running", "shutting-down", "terminated"])
        self.assertEqual({event["detail-type"] for event in mine}, {"EC2 Instance State-change Notification"})
        self.assertTrue(mine[0]["resources"][0].endswith(f":instance/{instance_id}"))

    def test_a_stop_takes_the_public_address_and_a_start_gives_another(self):
        instance_id = self.run_one()
        before = self.reached(instance_id, "running")
        self.assertTrue(before["PublicIpAddress"])
        self.ec2.stop_instances(InstanceIds=[instance_id])
        stopped = self.reached(instance_id, "stopped")
        self.assertNotIn("PublicIpAddress", stopped)
        self.ec2.start_instances(InstanceIds=[instance_id])
        after = self.reached(instance_id, "running")
        self.assertNotEqual(after["PublicIpAddress"], before["PublicIpAddress"])
        self.assertEqual(after["PrivateIpAddress"], before["PrivateIpAddress"])
        self.assertGreaterEqual(after["LaunchTime"], before["LaunchTime"])

    def test_a_launch_template_decides_on_addresses(self):
        interface = {"DeviceIndex": 0, "AssociatePublicIpAddress": False, "Ipv6AddressCount": 1}
        template = self.template(NetworkInterfaces=[interface])
        instance_id, = self.in_state(self.group(template=template), "InService")
        self.assertNotIn("PublicIpAddress", self.instance(instance_id))
        self.assertRegex(self.instance(instance_id)["Ipv6Address"], r"^2001:db8:")

    def test_instances_are_described_by_filters_and_in_pages(self):
        mark = [{"ResourceType": "instance", "Tags": [{"Key": "set", "Value": "pages"}]}]
        made = {self.run_one(TagSpecifications=mark) for _ in range(7)}
        mine = {"Name": "tag:set", "Values": ["pages"]}
        pages = self.ec2.get_paginator("describe_instances").paginate(Filters=[mine], PaginationConfig={"PageSize": 5})
        listed = [[one["InstanceId"] for reservation in page["Reservations"] for one in reservation["Instances"]]
                  for page in pages]
        self.assertEqual([len(page) for page in listed], [5, 2])
        self.assertEqual({one for page in listed for one in page}, made)
        one = sorted(made)[0]
        gone = "i-0123456789abcdef0"
        found = self.ec2.describe_instances(Filters=[{"Name": "instance-id", "Values": [one, gone]}])
        self.assertEqual([r["Instances"][0]["InstanceId"] for r in found["Reservations"]], [one])
        self.refused("InvalidInstanceID.NotFound", self.ec2.describe_instances, InstanceIds=[gone])
        self.refused("InvalidParameterValue", self.ec2.describe_instances, Filters=[{"Name": "colour", "Values": ["red"]}])
        self.refused("InvalidParameterValue", self.ec2.describe_instances, MaxResults=4)
        self.refused("InvalidParameterCombination", self.ec2.describe_instances, InstanceIds=[one], MaxResults=5)

    def test_tags_are_held_to_rules(self):
        instance_id = self.run_one()
        tags = [{"Key": "scalelite-lifecycle:since", "Value": "1"}]
        self.ec2.create_tags(Resources=[instance_id], Tags=tags)
        self.assertEqual(self.instance(instance_id)["Tags"], tags)
        self.ec2.delete_tags(Resources=[instance_id], Tags=[{**tags[0], "Value": "another"}])
        self.assertEqual(self.instance(instance_id)["Tags"], tags)
        self.ec2.delete_tags(Resources=[instance_id], Tags=[{"Key": tags[0]["Key"]}])
        self.assertEqual(self.instance(instance_id).get("Tags", []), [])
        create = self.ec2.create_tags
        self.refused("InvalidParameterValue", create, Resources=[instance_id], Tags=[{"Key": "aws:x", "Value": ""}])
        self.refused("InvalidInstanceID.NotFound", create, Resources=["i-0123456789abcdef0"], Tags=tags)
        many = [{"Key": str(number), "Value": ""} for number in range(51)]
        self.refused("TagLimitExceeded", create, Resources=[instance_id], Tags=many)


class Guests(GroupTest, OwnServerTest):
    """Whoever plays the instances is told of them."""

    @classmethod
    def setUpClass(cls):
        cls.told: list[dict] = []

        class Hook(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                cls.told.append(json.loads(self.rfile.read(int(self.headers["content-length"]))))
                self.send_response(204)
                self.end_headers()

            def log_message(self, *_arguments):
                pass

        listener = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Hook)
        threading.Thread(target=listener.serve_forever, daemon=True).start()
        cls.addClassCleanup(listener.server_close)
        cls.addClassCleanup(listener.shutdown)
        cls.variables = {"INSTANCE_HOOK": f"http://127.0.0.1:{listener.server_port}/"}
        super().setUpClass()

    def test_every_state_is_told_with_addresses_user_data_and_credentials(self):
        role = self.role({"Version": "2012-10-17", "Statement": {
            "Effect": "Allow", "Action": "ec2:DescribeInstances", "Resource": "*"}}, trust({"Service": "ec2.amazonaws.com"}))
        self.iam.create_instance_profile(InstanceProfileName="servers")
        self.iam.add_role_to_instance_profile(InstanceProfileName="servers", RoleName=role.split("/")[-1])
        name = self.group(template=self.template(IamInstanceProfile={"Name": "servers"}))
        instance_id, = self.in_state(name, "InService")
        running = self.eventually(lambda: next((one for one in self.told if one["state"] == "running"), None))
        described = self.instance(instance_id)
        self.assertEqual((running["instanceId"], running["publicIpAddress"], running["privateIpAddress"]),
                         (instance_id, described["PublicIpAddress"], described["PrivateIpAddress"]))
        self.assertEqual(running["userData"], "IyEvYmluL3NoCg==")
        self.assertEqual(running["tags"]["aws:autoscaling:groupName"], name)
        keys = running["credentials"]
        credentials = {"AccessKeyId": keys["accessKeyId"], "SecretAccessKey": keys["secretAccessKey"],
                       "SessionToken": keys["sessionToken"]}
        identity = self.server.client("sts", credentials).get_caller_identity()["Arn"]
        self.assertTrue(identity.endswith(f"/{role.split('/')[-1]}/{instance_id}"), identity)
        self.server.client("ec2", credentials).describe_instances()
        self.refused("UnauthorizedOperation", self.server.client("ec2", credentials).describe_launch_templates)
        self.groups.set_desired_capacity(AutoScalingGroupName=name, DesiredCapacity=0)
        self.in_state(name)
        states = self.eventually(lambda: self.told[-1]["state"] == "terminated" and [one["state"] for one in self.told])
        self.assertEqual(states, ["pending", "running", "shutting-down", "terminated"])


if __name__ == "__main__":
    unittest.main()
