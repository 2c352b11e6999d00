"""Networks: what is made has to fit, and what is used does not go."""

from __future__ import annotations

import unittest

from support import LocalAwsTest, trust


def vpc(block: str = "10.20.0.0/16") -> dict:
    return {"Type": "AWS::EC2::VPC", "Properties": {"CidrBlock": block}}


def subnet(block: str, zone: str = "a", **more) -> dict:
    return {"Type": "AWS::EC2::Subnet", "Properties": {
        "VpcId": {"Ref": "Vpc"}, "CidrBlock": block, "AvailabilityZone": f"eu-central-1{zone}", **more}}


def of(kind: str, depends=(), **properties) -> dict:
    return {"Type": f"AWS::EC2::{kind}", "DependsOn": list(depends), "Properties": properties}


REF = {name: {"Ref": name} for name in ("Vpc", "Subnet", "Table", "Gateway", "Nat", "Group", "Log", "Role")}

# A subnet with a NAT gateway, as it has to be built.
WAY_OUT = {
    "Vpc": vpc(), "Subnet": subnet("10.20.0.0/24"), "Gateway": of("InternetGateway"),
    "Attachment": of("VPCGatewayAttachment", VpcId=REF["Vpc"], InternetGatewayId=REF["Gateway"]),
    "Table": of("RouteTable", VpcId=REF["Vpc"]),
    "Route": of("Route", ["Attachment"], RouteTableId=REF["Table"], DestinationCidrBlock="0.0.0.0/0",
                GatewayId=REF["Gateway"]),
    "Association": of("SubnetRouteTableAssociation", RouteTableId=REF["Table"], SubnetId=REF["Subnet"]),
    "Address": of("EIP", ["Attachment"], Domain="vpc"),
    "Nat": of("NatGateway", ["Route"], SubnetId=REF["Subnet"],
              AllocationId={"Fn::GetAtt": ["Address", "AllocationId"]}, Tags=[{"Key": "Name", "Value": "way out"}]),
}


class Networks(LocalAwsTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.ec2 = cls.server.client("ec2")

    def made(self, resources: dict, **outputs) -> tuple[dict, dict]:
        stack = self.create({"Resources": resources, "Outputs": {
            name: {"Value": value} for name, value in outputs.items()}})
        self.assertEqual(stack["StackStatus"], "CREATE_COMPLETE", self.events(stack["StackId"]))
        return stack, {one["OutputKey"]: one["OutputValue"] for one in stack.get("Outputs", [])}

    def not_made(self, resources: dict, logical_id: str) -> str:
        stack = self.create({"Resources": resources})
        self.assertEqual(stack["StackStatus"], "ROLLBACK_COMPLETE")
        return self.reason(stack["StackId"], logical_id, "CREATE_FAILED")

    def gone(self, stack: dict) -> None:
        self.assertEqual(self.delete(stack)["StackStatus"], "DELETE_COMPLETE", self.events(stack["StackId"]))

    def test_a_subnet_fits_into_its_vpc_and_beside_the_others(self):
        for block, code in (
            ("10.21.0.0/24", "InvalidSubnet.Range"), ("10.20.0.128/25", "InvalidSubnet.Conflict"),
            ("10.20.1.0/29", "InvalidVpc.Range"), ("10.20.1.1/24", "InvalidParameterValue"),
        ):
            resources = {"Vpc": vpc(), "First": subnet("10.20.0.0/24"), "Second": subnet(block)}
            resources["Second"]["DependsOn"] = "First"
            self.assertIn(f"Error Code: {code}", self.not_made(resources, "Second"))
        self.assertIn("InvalidVpc.Range", self.not_made({"Vpc": vpc("10.0.0.0/8")}, "Vpc"))

    def test_a_subnet_is_in_a_zone_of_the_region(self):
        reason = self.not_made({"Vpc": vpc(), "Subnet": subnet("10.20.0.0/24", "x")}, "Subnet")
        self.assertIn("Subnets can currently only be created in the following availability zones", reason)

    def test_a_subnet_has_one_route_table(self):
        resources = {name: WAY_OUT[name] for name in ("Vpc", "Subnet", "Table", "Association")}
        resources["Other"] = of("RouteTable", VpcId=REF["Vpc"])
        resources["Second"] = of("SubnetRouteTableAssociation", ["Association"], RouteTableId={"Ref": "Other"},
                                 SubnetId=REF["Subnet"])
        self.assertIn("Resource.AlreadyAssociated", self.not_made(resources, "Second"))

    def test_a_nat_gateway_holds_its_address_and_its_subnet(self):
        stack, found = self.made(WAY_OUT, Nat=REF["Nat"], Address={"Ref": "Address"}, Subnet=REF["Subnet"], Vpc=REF["Vpc"],
                                 Gateway=REF["Gateway"], Allocation={"Fn::GetAtt": ["Address", "AllocationId"]})
        [nat] = self.ec2.describe_nat_gateways(NatGatewayIds=[found["Nat"]])["NatGateways"]
        self.assertEqual((nat["State"], nat["Tags"]), ("available", [{"Key": "Name", "Value": "way out"}]))
        self.refused("InvalidIPAddress.InUse", self.ec2.release_address, AllocationId=found["Allocation"])
        self.refused("DependencyViolation", self.ec2.delete_subnet, SubnetId=found["Subnet"])
        self.refused("DependencyViolation", self.ec2.detach_internet_gateway,
                     InternetGatewayId=found["Gateway"], VpcId=found["Vpc"])
        self.refused("DependencyViolation", self.ec2.delete_vpc, VpcId=found["Vpc"])
        self.refused("Resource.AlreadyAssociated", self.ec2.create_nat_gateway,
                     SubnetId=found["Subnet"], AllocationId=found["Allocation"])
        self.gone(stack)
        addresses = self.ec2.describe_addresses()["Addresses"]
        self.assertNotIn(found["Allocation"], [one["AllocationId"] for one in addresses])

    def test_a_nat_gateway_needs_an_attached_gateway(self):
        resources = {name: WAY_OUT[name] for name in ("Vpc", "Subnet")}
        resources["Address"] = of("EIP", Domain="vpc")
        resources["Nat"] = of("NatGateway", SubnetId=REF["Subnet"],
                              AllocationId={"Fn::GetAtt": ["Address", "AllocationId"]})
        self.assertIn("Gateway.NotAttached", self.not_made(resources, "Nat"))

    def test_a_route_leads_to_a_gateway_of_its_own_network(self):
        resources = {name: WAY_OUT[name] for name in ("Vpc", "Gateway", "Table")}
        resources["Route"] = of("Route", RouteTableId=REF["Table"], DestinationCidrBlock="0.0.0.0/0",
                                GatewayId=REF["Gateway"])
        self.assertIn("belong to different networks", self.not_made(resources, "Route"))
        resources["Route"] = of("Route", RouteTableId=REF["Table"], DestinationCidrBlock="0.0.0.0/0",
                                NatGatewayId="nat-0123456789abcdef0")
        self.assertIn("InvalidNatGatewayID.NotFound", self.not_made(resources, "Route"))

    def test_a_way_out_can_move_to_another_nat_gateway(self):
        private = {
            "PrivateTable": of("RouteTable", VpcId=REF["Vpc"]),
            "Private": of("Route", RouteTableId={"Ref": "PrivateTable"}, DestinationCidrBlock="0.0.0.0/0",
                          NatGatewayId=REF["Nat"]),
        }
        stack, _found = self.made({**WAY_OUT, **private})
        second = {
            "Subnet2": subnet("10.20.1.0/24", "b"), "Address2": of("EIP", ["Attachment"], Domain="vpc"),
            "Nat2": of("NatGateway", ["Route"], SubnetId={"Ref": "Subnet2"},
                       AllocationId={"Fn::GetAtt": ["Address2", "AllocationId"]}),
        }
        private["Private"]["Properties"]["NatGatewayId"] = {"Ref": "Nat2"}
        kept = {name: one for name, one in WAY_OUT.items() if name not in ("Nat", "Address")}
        stack = self.update(stack, {"Resources": {**kept, **second, **private}})
        self.assertEqual(stack["StackStatus"], "UPDATE_COMPLETE", self.events(stack["StackId"]))
        self.gone(stack)

    def test_a_security_group_stays_while_a_rule_names_it_or_something_has_it(self):
        first = of("SecurityGroup", GroupDescription="first", VpcId=REF["Vpc"])
        named = of("SecurityGroup", GroupDescription="second", VpcId=REF["Vpc"], SecurityGroupIngress=[
            {"IpProtocol": "tcp", "FromPort": 1, "ToPort": 1, "SourceSecurityGroupId": REF["Group"]}])
        stack, found = self.made({"Vpc": vpc(), "Group": first, "Second": named}, Group=REF["Group"])
        self.refused("DependencyViolation", self.ec2.delete_security_group, GroupId=found["Group"])
        self.gone(stack)
        unknown = {"IpProtocol": "-1", "SourceSecurityGroupId": "sg-0123456789abcdef0"}
        lost = of("SecurityGroup", GroupDescription="lost", VpcId=REF["Vpc"], SecurityGroupIngress=[unknown])
        self.assertIn("InvalidGroup.NotFound", self.not_made({"Vpc": vpc(), "Group": lost}, "Group"))
        rule = of("SecurityGroupEgress", GroupId=REF["Group"], IpProtocol="-1",
                  DestinationSecurityGroupId="sg-0123456789abcdef0")
        self.assertIn("InvalidGroup.NotFound", self.not_made({"Vpc": vpc(), "Group": first, "Rule": rule}, "Rule"))

    def test_groups_that_name_each_other_go_with_their_rules(self):
        groups = {name: of("SecurityGroup", GroupDescription=name, VpcId=REF["Vpc"]) for name in ("Group", "Second")}
        rules = {
            "In": of("SecurityGroupIngress", GroupId=REF["Group"], IpProtocol="-1",
                     SourceSecurityGroupId={"Ref": "Second"}),
            "Out": of("SecurityGroupEgress", GroupId={"Ref": "Second"}, IpProtocol="-1",
                      DestinationSecurityGroupId=REF["Group"]),
        }
        self.gone(self.made({"Vpc": vpc(), **groups, **rules})[0])

    def test_an_interface_endpoint_holds_its_group_and_subnets(self):
        group = of("SecurityGroup", GroupDescription="endpoints", VpcId=REF["Vpc"])
        endpoint = of("VPCEndpoint", VpcId=REF["Vpc"], VpcEndpointType="Interface", PrivateDnsEnabled=True,
                      ServiceName="com.amazonaws.eu-central-1.logs", SubnetIds=[REF["Subnet"]],
                      SecurityGroupIds=[REF["Group"]])
        resources = {"Vpc": vpc(), "Subnet": subnet("10.20.0.0/24"), "Group": group, "Endpoint": endpoint}
        stack, found = self.made(resources, Group=REF["Group"], Subnet=REF["Subnet"])
        self.refused("DependencyViolation", self.ec2.delete_security_group, GroupId=found["Group"])
        self.refused("DependencyViolation", self.ec2.delete_subnet, SubnetId=found["Subnet"])
        self.gone(stack)
        again = {**endpoint, "DependsOn": ["Endpoint"]}
        self.assertIn("conflicting DNS domain", self.not_made({**resources, "Again": again}, "Again"))
        elsewhere = of("VPCEndpoint", VpcId=REF["Vpc"], ServiceName="com.amazonaws.us-east-1.s3")
        self.assertIn("InvalidServiceName", self.not_made({"Vpc": vpc(), "Endpoint": elsewhere}, "Endpoint"))

    def flow_log(self, service: str) -> dict:
        return {
            "Vpc": vpc(), "Log": {"Type": "AWS::Logs::LogGroup"},
            "Role": {"Type": "AWS::IAM::Role", "Properties": {"AssumeRolePolicyDocument": trust({"Service": service})}},
            "FlowLog": of("FlowLog", ResourceType="VPC", ResourceId=REF["Vpc"], TrafficType="REJECT",
                          LogGroupName=REF["Log"], DeliverLogsPermissionArn={"Fn::GetAtt": ["Role", "Arn"]}),
        }

    def test_a_flow_log_needs_a_role_that_flow_logs_may_assume(self):
        stack, found = self.made(self.flow_log("vpc-flow-logs.amazonaws.com"), Id={"Ref": "FlowLog"})
        [log] = self.ec2.describe_flow_logs(FlowLogIds=[found["Id"]])["FlowLogs"]
        self.assertEqual((log["TrafficType"], log["FlowLogStatus"]), ("REJECT", "ACTIVE"))
        self.gone(stack)
        self.assertEqual(self.ec2.describe_flow_logs(FlowLogIds=[found["Id"]])["FlowLogs"], [])
        self.assertIn("Access error", self.not_made(self.flow_log("lambda.amazonaws.com"), "FlowLog"))


if __name__ == "__main__":
    unittest.main()
