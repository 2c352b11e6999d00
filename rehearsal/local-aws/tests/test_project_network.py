"""The project's network and security groups in all their variants: made, changed, deleted, nothing left."""

from __future__ import annotations

import unittest

from project_stacks import ProjectStacks


class Network(ProjectStacks):
    region = "eu-west-1"

    def test_every_number_of_zones_with_every_way_out(self):
        before = self.everything()
        for zones in ("1", "2", "3"):
            for nat, nats in (("none", 0), ("single", 1), ("per-zone", int(zones))):
                stack, found = self.deploy("network", NumberOfZones=zones, NatGateways=nat, InterfaceEndpoints="true",
                                           OperatorTopicArn="arn:aws:sns:eu-west-1:123456789012:topic")
                addresses = [one for one in found["NatAddresses"].split(",") if one]
                self.assertEqual(len(addresses), nats)
                self.check_tiers(found, int(zones))
                self.remove(stack)
                self.assertEqual(self.left_since(before), {})

    def check_tiers(self, found: dict, zones: int) -> None:
        subnets = {one["SubnetId"]: one for one in self.ec2.describe_subnets()["Subnets"]}
        for tier, count in (("LoadBalancer", max(zones, 2)), ("Database", max(zones, 2)), ("Public", zones),
                            ("Private", zones), ("Datastore", zones)):
            chosen = [subnets[one] for one in found[f"{tier}SubnetIds"].split(",")]
            self.assertEqual(len({one["AvailabilityZone"] for one in chosen}), count)
            self.assertFalse(any(one["MapPublicIpOnLaunch"] for one in chosen))
        self.assertEqual(found["SingleZone"], "eu-west-1a" if zones == 1 else "")

    def test_the_documented_blocks_follow_the_vpc(self):
        before = self.everything()
        for vpc, public in (("10.1.0.0/16", "10.1.5.0/24"), ("172.20.16.0/20", "172.20.21.0/24")):
            stack, found = self.deploy("network", Vpc=vpc, NatGateways="none")
            subnet = self.ec2.describe_subnets(SubnetIds=[found["PublicSubnetIds"].split(",")[0]])["Subnets"][0]
            self.assertEqual(subnet["CidrBlock"], public)
            self.remove(stack)
        own = {"ApplicationSubnets": "10.9.1.0/26,10.9.1.64/26", "DatastoreSubnets": "10.9.2.0/26,10.9.2.64/26",
               "PrivateSubnets": "10.9.3.0/26", "AvailabilityZones": "eu-west-1c,eu-west-1a"}
        stack, found = self.deploy("network", Vpc="10.9.0.0/16", NumberOfZones="1", **own)
        self.assertEqual(found["SingleZone"], "eu-west-1c")
        self.remove(stack)
        self.assertEqual(self.left_since(before), {})

    def test_an_existing_vpc_is_handed_through(self):
        ids = [f"subnet-{number:017x}" for number in range(6)]
        for zones, application, private in (("1", ids[:2], ""), ("2", ids[:2], ids[4]), ("3", ids[:3], "")):
            stack, found = self.deploy(
                "network", Vpc="vpc-0123456789abcdef0", NumberOfZones=zones, ApplicationSubnets=",".join(application),
                DatastoreSubnets=",".join(application), PrivateSubnets=private)
            self.assertEqual(self.stacks.list_stack_resources(StackName=stack["StackId"])["StackResourceSummaries"], [])
            used = ",".join(application[:int(zones)])
            self.assertEqual(
                (found["LoadBalancerSubnetIds"], found["PublicSubnetIds"], found["PrivateSubnetIds"]),
                (",".join(application), used, private or used))
            self.remove(stack)

    def test_zones_and_ways_out_can_be_changed(self):
        before = self.everything()
        stack, first = self.deploy("network", NumberOfZones="1", NatGateways="none")
        grown = self.change(stack, NumberOfZones="3", NatGateways="per-zone")
        self.assertTrue(grown["PublicSubnetIds"].startswith(first["PublicSubnetIds"] + ","))
        self.change(stack, NumberOfZones="2", NatGateways="single")
        self.assertEqual(self.change(stack, NumberOfZones="1", NatGateways="none")["NatAddresses"], "")
        self.remove(stack)
        self.assertEqual(self.left_since(before), {})

    def test_security_groups_of_every_kind(self):
        network, found = self.deploy("network", NatGateways="none")
        before = self.everything()
        for frontend in ("Greenlight", "External"):
            for workers in ("true", "false"):
                stack, groups = self.deploy(
                    "security-groups", VpcId=found["VpcId"], FrontendType=frontend, HasWorkers=workers)
                self.assertEqual("GreenlightTaskGroupId" in groups, frontend == "Greenlight")
                self.assertEqual("WorkerGroupId" in groups, workers == "true")
                self.check_exposure(groups)
                self.remove(stack)
                self.assertEqual(self.left_since(before), {})
        self.remove(network)

    def check_exposure(self, groups: dict) -> None:
        """Only load balancers and servers are open to the world, and nothing may go everywhere."""
        opened = set()
        for name, identifier in groups.items():
            [group] = self.ec2.describe_security_groups(GroupIds=[identifier])["SecurityGroups"]
            worldwide = [one for one in group["IpPermissions"] if one["IpRanges"]]
            opened |= {(name, one["IpProtocol"], one["FromPort"], one["ToPort"]) for one in worldwide}
            self.assertFalse([one for one in group["IpPermissionsEgress"] if one["IpProtocol"] == "-1"
                              and any(each["CidrIp"] == "0.0.0.0/0" for each in one["IpRanges"])])
        balancers = [one for one in groups if one.endswith("LoadBalancerGroupId")]
        servers = {("tcp", 80, 80), ("tcp", 443, 443), ("tcp", 3478, 3478), ("udp", 3478, 3478), ("udp", 16384, 32768)}
        self.assertEqual(opened, {(one, "tcp", port, port) for one in balancers for port in (80, 443)}
                         | {("ServerGroupId", *one) for one in servers})


if __name__ == "__main__":
    unittest.main()
