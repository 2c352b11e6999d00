"""Stack operations: templates, nested stacks, roll-back and clean-up."""

from __future__ import annotations

import json
import unittest
import uuid

from support import LocalAwsTest

PROVIDER = """
    p = event["ResourceProperties"]
    fails = p.get("Fail") == event["RequestType"]
    answer(event, "FAILED" if fails else "SUCCESS", None if event["RequestType"] == "Delete" else p.get("Id"),
           Data={"Key": p.get("Value", "")}, Reason="as asked")
"""


class Templates(LocalAwsTest):
    def outputs(self, stack: dict) -> dict:
        self.assertEqual(stack["StackStatus"], "CREATE_COMPLETE", stack)
        return {one["OutputKey"]: one["OutputValue"] for one in stack.get("Outputs", [])}

    def test_conditions_compute_values(self):
        stack = self.create("""
Parameters:
  Vpc: {Type: String, Default: vpc-123}
  Names: {Type: CommaDelimitedList, Default: 'a,b'}
Conditions:
  IsVpc: !Equals [!Select [0, !Split ['-', !Ref Vpc]], vpc]
  IsJoined: !Equals [!Join ['-', [!Ref Vpc, x]], vpc-123-x]
  IsHere: !Equals [!Sub '${AWS::Region}/${Vpc}', eu-central-1/vpc-123]
  IsSecond: !Equals [!Select [1, !Ref Names], b]
  IsRegion: !Equals [!Ref AWS::Region, eu-central-1]
  All: !And [!Condition IsVpc, !Condition IsJoined, !Condition IsHere, !Condition IsSecond, !Condition IsRegion]
Resources:
  Topic: {Type: AWS::SNS::Topic}
Outputs:
  All: {Value: !If [All, 'yes', 'no']}
""")
        self.assertEqual(self.outputs(stack), {"All": "yes"})

    def test_a_change_set_adds_and_removes_what_a_condition_governs(self):
        template = {
            "Parameters": {"Wanted": {"Type": "String"}},
            "Conditions": {"IsWanted": {"Fn::Equals": [{"Ref": "Wanted"}, "yes"]}},
            "Resources": {
                "Always": {"Type": "AWS::SNS::Topic"},
                "Sometimes": {"Type": "AWS::SNS::Topic", "Condition": "IsWanted"},
            },
        }
        stack = self.create(template, Parameters=[{"ParameterKey": "Wanted", "ParameterValue": "yes"}])

        def changes(number: int, wanted: str) -> list[tuple]:
            asked = {"StackName": stack["StackName"], "ChangeSetName": f"set-{number}"}
            self.stacks.create_change_set(**asked, TemplateBody=json.dumps(template), Parameters=[
                {"ParameterKey": "Wanted", "ParameterValue": wanted}])
            self.eventually(lambda: self.stacks.describe_change_set(**asked)["Status"].endswith(("COMPLETE", "FAILED")))
            found = [one["ResourceChange"] for one in self.stacks.describe_change_set(**asked)["Changes"]]
            if found:
                self.stacks.execute_change_set(**asked)
                self.settle(stack["StackId"])
            return [(one["Action"], one["LogicalResourceId"]) for one in found]
        self.assertEqual(changes(1, "no"), [("Remove", "Sometimes")])
        self.assertEqual(changes(2, "never"), [])
        self.assertEqual(changes(3, "yes"), [("Add", "Sometimes")])

    def test_unquoted_booleans_are_true_and_false(self):
        body = """
Parameters:
  Flag: {Type: String, AllowedValues: [true, false], Default: false}
Conditions:
  IsOn: !Equals [!Ref Flag, true]
Resources:
  Topic: {Type: AWS::SNS::Topic}
Outputs:
  Flag: {Value: !If [IsOn, 'yes', 'no']}
"""
        self.assertEqual(self.outputs(self.create(body)), {"Flag": "no"})
        parameters = [{"ParameterKey": "Flag", "ParameterValue": "true"}]
        self.assertEqual(self.outputs(self.create(body, Parameters=parameters)), {"Flag": "yes"})
        parameters[0]["ParameterValue"] = "True"
        self.refused("ValidationError", self.stacks.create_stack, StackName="refused", TemplateBody=body,
                     Parameters=parameters)


    def test_a_template_url_may_name_the_bucket_in_the_host(self):
        url = self.template_url({"Resources": {"Topic": {"Type": "AWS::SNS::Topic"}}})
        url = url.replace("s3.amazonaws.com/templates", "templates.s3.eu-central-1.amazonaws.com")
        stack_id = self.stacks.create_stack(StackName="by-host", TemplateURL=url)["StackId"]
        self.assertEqual(self.settle(stack_id)["StackStatus"], "CREATE_COMPLETE")

    def test_rules_and_keys_are_resources_of_their_own(self):
        rule = {"IpProtocol": "tcp", "FromPort": 443, "ToPort": 443, "CidrIp": "10.0.0.0/8", "GroupId": {"Ref": "Group"}}
        stack = self.create({"Resources": {
            "Vpc": {"Type": "AWS::EC2::VPC", "Properties": {"CidrBlock": "10.0.0.0/16"}},
            "Group": {"Type": "AWS::EC2::SecurityGroup", "Properties": {
                "GroupDescription": "it", "VpcId": {"Ref": "Vpc"}}},
            "In": {"Type": "AWS::EC2::SecurityGroupIngress", "Properties": rule},
            "Out": {"Type": "AWS::EC2::SecurityGroupEgress", "Properties": rule},
            "User": {"Type": "AWS::IAM::User"},
            "Key": {"Type": "AWS::IAM::AccessKey", "Properties": {"UserName": {"Ref": "User"}}}},
            "Outputs": {"Group": {"Value": {"Ref": "Group"}}, "Key": {"Value": {"Ref": "Key"}},
                        "Secret": {"Value": {"Fn::GetAtt": ["Key", "SecretAccessKey"]}}}})
        found = self.outputs(stack)
        group = self.server.client("ec2").describe_security_groups(GroupIds=[found["Group"]])["SecurityGroups"][0]
        self.assertIn(443, [one.get("FromPort") for one in group["IpPermissions"]])
        self.assertIn(443, [one.get("FromPort") for one in group["IpPermissionsEgress"]])
        sts = self.server.client("sts", {"AccessKeyId": found["Key"], "SecretAccessKey": found["Secret"]})
        self.assertIn(":user/", sts.get_caller_identity()["Arn"])
        self.assertEqual(self.delete(stack)["StackStatus"], "DELETE_COMPLETE")


class Nested(LocalAwsTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.provider = cls.function(PROVIDER, Timeout=10)
        cls.ssm = cls.server.client("ssm")

    def setUp(self):
        self.name = "/" + uuid.uuid4().hex

    def shapes(self) -> list[tuple]:
        return [
            (one["RequestType"], one.get("PhysicalResourceId"), one["ResourceProperties"].get("Value"))
            for one in self.requests(self.provider) if one["ResourceProperties"]["Mark"] == self.name
        ]

    def seen_after_create(self, expected: list[tuple]) -> None:
        """Assert what came after the two Create requests a test begins with."""
        self.eventually(lambda: len(self.shapes()) == 2 + len(expected))
        self.assertEqual(self.shapes()[2:], expected)

    def thing(self, depends: str = "", **properties) -> dict:
        resource = {"Type": "Custom::Thing", "Properties": {
            "ServiceToken": self.provider, "ServiceTimeout": 5, "Mark": self.name, **properties}}
        return {**resource, "DependsOn": depends} if depends else resource

    def parameter(self, value, depends: str = "") -> dict:
        resource = {"Type": "AWS::SSM::Parameter", "Properties": {"Name": self.name, "Type": "String", "Value": value}}
        return {**resource, "DependsOn": depends} if depends else resource

    def nested(self, template: dict, depends: str = "") -> dict:
        resource = {"Type": "AWS::CloudFormation::Stack", "Properties": {"TemplateURL": self.template_url(template)}}
        return {**resource, "DependsOn": depends} if depends else resource

    def value(self) -> str:
        return self.ssm.get_parameter(Name=self.name)["Parameter"]["Value"]

    def child(self, stack: dict, logical_id: str = "Child") -> str:
        return self.stacks.describe_stack_resource(
            StackName=stack["StackId"], LogicalResourceId=logical_id)["StackResourceDetail"]["PhysicalResourceId"]

    def status(self, stack_id: str) -> str:
        return self.stacks.describe_stacks(StackName=stack_id)["Stacks"][0]["StackStatus"]

    def test_outputs_reach_the_parent_and_deleting_it_deletes_the_child(self):
        child = {"Resources": {"Parameter": self.parameter("v")}, "Outputs": {"Name": {"Value": {"Ref": "Parameter"}}}}
        stack = self.create({"Resources": {"Child": self.nested(child)},
                             "Outputs": {"Name": {"Value": {"Fn::GetAtt": ["Child", "Outputs.Name"]}}}})
        self.assertEqual(stack["Outputs"][0]["OutputValue"], self.name)
        child_id = self.child(stack)
        started = [one for one in self.events(stack["StackId"]) if one["LogicalResourceId"] == "Child"][1]
        self.assertEqual((started["ResourceStatusReason"], started["PhysicalResourceId"]),
                         ("Resource creation Initiated", child_id))
        self.assertEqual(self.delete(stack)["StackStatus"], "DELETE_COMPLETE")
        self.assertEqual(self.status(child_id), "DELETE_COMPLETE")
        self.refused("ParameterNotFound", self.ssm.get_parameter, Name=self.name)

    def test_dynamic_references_are_resolved_in_a_child(self):
        self.ssm.put_parameter(Name="/source" + self.name, Type="String", Value="resolved")
        reference = f"{{{{resolve:ssm:/source{self.name}}}}}"
        stack = self.create({"Resources": {"Child": self.nested({"Resources": {"P": self.parameter(reference)}})}})
        self.assertEqual(stack["StackStatus"], "CREATE_COMPLETE")
        self.assertEqual(self.value(), "resolved")

    def test_a_child_that_fails_to_be_created_is_rolled_back_and_deleted(self):
        child = {"Resources": {"Parameter": self.parameter("v"),
                               "Thing": self.thing("Parameter", Fail="Create", Id="half")}}
        stack = self.create({"Resources": {"Child": self.nested(child)}})
        self.assertEqual(stack["StackStatus"], "ROLLBACK_COMPLETE")
        failed = next(one for one in self.events(stack["StackId"])
                      if (one["LogicalResourceId"], one["ResourceStatus"]) == ("Child", "CREATE_FAILED"))
        child_id = failed["PhysicalResourceId"]
        self.assertEqual(
            failed["ResourceStatusReason"],
            f"Embedded stack {child_id} was not successfully created: "
            "The following resource(s) failed to create: [Thing]. ",
        )
        name = child_id.split("/")[1]
        self.assertEqual(self.statuses(child_id, name), [
            "CREATE_IN_PROGRESS", "ROLLBACK_IN_PROGRESS", "ROLLBACK_COMPLETE", "DELETE_IN_PROGRESS", "DELETE_COMPLETE"])
        self.refused("ParameterNotFound", self.ssm.get_parameter, Name=self.name)
        self.eventually(lambda: [one[:2] for one in self.shapes()] == [("Create", None), ("Delete", "half")])

    def test_a_child_that_fails_to_be_updated_goes_back_and_stays_usable(self):
        def child(value, **more):
            return {"Resources": {
                "Parameter": self.parameter(value), "First": self.thing("Parameter", Id="one", Value=value),
                "Second": self.thing("First", Id="second", Value=value, **more)}}
        stack = self.create({"Resources": {"Child": self.nested(child("old"))}})
        child_id = self.child(stack)
        stack = self.update(stack, {"Resources": {"Child": self.nested(child("new", Fail="Update"))}})
        self.assertEqual(stack["StackStatus"], "UPDATE_ROLLBACK_COMPLETE")
        self.assertEqual(self.status(child_id), "UPDATE_ROLLBACK_COMPLETE")
        reason = self.reason(stack["StackId"], "Child", "UPDATE_FAILED")
        self.assertIn(f"Embedded stack {child_id} was not successfully updated.", reason)
        self.assertIn("The following resource(s) failed to update: [Second].", reason)
        self.assertEqual(self.value(), "old")
        self.seen_after_create([
            ("Update", "one", "new"), ("Update", "second", "new"), ("Update", "one", "old"), ("Update", "second", "old")])
        stack = self.update(stack, {"Resources": {"Child": self.nested(child("newer"))}})
        self.assertEqual(stack["StackStatus"], "UPDATE_COMPLETE")
        self.assertEqual((self.value(), self.child(stack)), ("newer", child_id))

    def test_what_a_child_made_goes_before_what_it_was_made_of(self):
        """Both when an update is rolled back and when a child is taken out."""
        network = {"Parameters": {"More": {"Type": "String"}}, "Conditions": {"More": {"Fn::Equals": [{"Ref": "More"}, "yes"]}},
                   "Resources": {
                       "Vpc": {"Type": "AWS::EC2::VPC", "Properties": {"CidrBlock": "10.88.0.0/16"}},
                       "Subnet": {"Type": "AWS::EC2::Subnet", "Condition": "More", "Properties": {
                           "VpcId": {"Ref": "Vpc"}, "CidrBlock": "10.88.1.0/24"}}},
                   "Outputs": {"Subnet": {"Value": {"Fn::If": ["More", {"Ref": "Subnet"}, "none"]}}}}
        mount = {"Parameters": {"Subnet": {"Type": "String"}}, "Conditions": {
                     "Mounted": {"Fn::Not": [{"Fn::Equals": [{"Ref": "Subnet"}, "none"]}]}},
                 "Resources": {
                     "Files": {"Type": "AWS::EFS::FileSystem"},
                     "Target": {"Type": "AWS::EFS::MountTarget", "Condition": "Mounted", "Properties": {
                         "FileSystemId": {"Ref": "Files"}, "SubnetId": {"Ref": "Subnet"}, "SecurityGroups": []}}}}
        def template(more, mounted=True, **last):
            children = {"Network": self.nested(network)}
            children["Network"]["Properties"]["Parameters"] = {"More": more}
            if mounted:
                children["Mount"] = self.nested(mount)
                children["Mount"]["Properties"]["Parameters"] = {"Subnet": {"Fn::GetAtt": ["Network", "Outputs.Subnet"]}}
            last = {"Last": self.thing("Network" if not mounted else "Mount", Id="last", Value=more, **last)}
            return {"Resources": {**children, **last}}
        subnets = lambda: self.server.client("ec2").describe_subnets(  # noqa: E731
            Filters=[{"Name": "cidr-block", "Values": ["10.88.1.0/24"]}])["Subnets"]
        stack = self.create(template("no"))
        self.assertEqual(self.update(stack, template("yes", Fail="Update"))["StackStatus"], "UPDATE_ROLLBACK_COMPLETE")
        self.assertEqual(subnets(), [])
        self.assertEqual(self.update(stack, template("yes"))["StackStatus"], "UPDATE_COMPLETE")
        self.assertEqual(len(subnets()), 1)
        self.assertEqual(self.update(stack, template("no", mounted=False))["StackStatus"], "UPDATE_COMPLETE")
        self.assertEqual(subnets(), [])

    def test_a_child_that_was_updated_goes_back_when_a_sibling_fails(self):
        def template(value, **more):
            child = {"Resources": {"Parameter": self.parameter(value), "Thing": self.thing(Id=value, Value=value)}}
            return {"Resources": {"Child": self.nested(child), "Last": self.thing("Child", Id="last", Value=value, **more)}}
        stack = self.create(template("old"))
        child_id = self.child(stack)
        stack = self.update(stack, template("new", Fail="Update"))
        self.assertEqual(stack["StackStatus"], "UPDATE_ROLLBACK_COMPLETE")
        self.assertEqual((self.status(child_id), self.value()), ("UPDATE_ROLLBACK_COMPLETE", "old"))
        self.seen_after_create([
            ("Update", "old", "new"), ("Update", "last", "new"), ("Update", "new", "old"), ("Update", "last", "old"),
            ("Delete", "new", "new")])

    def test_a_childs_replacements_are_deleted_when_the_root_has_succeeded(self):
        def template(value):
            child = {"Resources": {"Thing": self.thing(Id=value, Value=value)}}
            return {"Resources": {"Child": self.nested(child), "Last": self.thing("Child", Id="last", Value=value)}}
        stack = self.update(self.create(template("old")), template("new"))
        self.assertEqual(stack["StackStatus"], "UPDATE_COMPLETE")
        self.seen_after_create([
            ("Update", "old", "new"), ("Update", "last", "new"), ("Delete", "old", "old")])
        child_id = self.child(stack)
        self.assertEqual(self.statuses(child_id, child_id.split("/")[1])[-2:], [
            "UPDATE_COMPLETE_CLEANUP_IN_PROGRESS", "UPDATE_COMPLETE"])

    def test_unchanged_resources_of_a_child_keep_their_attributes(self):
        def template(value):
            child = {"Resources": {
                "Thing": self.thing(Id="kept", Value="attribute"),
                "Parameter": self.parameter({"Fn::Sub": "${Thing.Key}-" + value})}}
            return {"Resources": {"Child": self.nested(child)}}
        stack = self.update(self.create(template("old")), template("new"))
        self.assertEqual(stack["StackStatus"], "UPDATE_COMPLETE")
        self.assertEqual(self.value(), "attribute-new")
        self.eventually(lambda: [one[0] for one in self.shapes()] == ["Create"])

    def test_a_child_of_a_child_is_rolled_back_too(self):
        leaf = {"Resources": {"Thing": self.thing(Fail="Create", Id="leaf")}}
        middle = {"Resources": {"Parameter": self.parameter("v"), "Leaf": self.nested(leaf, "Parameter")}}
        stack = self.create({"Resources": {"Middle": self.nested(middle)}})
        self.assertEqual(stack["StackStatus"], "ROLLBACK_COMPLETE")
        self.refused("ParameterNotFound", self.ssm.get_parameter, Name=self.name)
        left = [one["StackName"] for one in self.stacks.describe_stacks()["Stacks"]
                if one["StackName"].startswith(stack["StackName"] + "-")]
        self.assertEqual(left, [])

    def test_removing_a_child_deletes_it_and_a_failed_delete_is_reported(self):
        keep = {"Topic": {"Type": "AWS::SNS::Topic"}}
        child = {"Resources": {"Thing": self.thing(Id="gone")}}
        stack = self.create({"Resources": {**keep, "Child": self.nested(child)}})
        child_id = self.child(stack)
        stack = self.update(stack, {"Resources": keep})
        self.assertEqual((stack["StackStatus"], self.status(child_id)), ("UPDATE_COMPLETE", "DELETE_COMPLETE"))
        stubborn = {"Resources": {"Thing": self.thing(Id="stays", Fail="Delete")}}
        stack = self.delete(self.create({"Resources": {"Child": self.nested(stubborn)}}))
        self.assertEqual(stack["StackStatus"], "DELETE_FAILED")
        self.assertIn("was not successfully deleted", self.reason(stack["StackId"], "Child", "DELETE_FAILED"))

    def test_nothing_is_rolled_back_when_that_is_disabled(self):
        child = {"Resources": {"Parameter": self.parameter("v"), "Thing": self.thing("Parameter", Fail="Create", Id="half")}}
        stack = self.create({"Resources": {"Child": self.nested(child)}}, OnFailure="DO_NOTHING")
        self.assertEqual(stack["StackStatus"], "CREATE_FAILED")
        self.assertEqual(self.value(), "v")
        self.eventually(lambda: [one[0] for one in self.shapes()] == ["Create"])
        self.assertEqual(self.delete(stack)["StackStatus"], "DELETE_COMPLETE")
        self.eventually(lambda: [one[:2] for one in self.shapes()] == [("Create", None), ("Delete", "half")])
        self.refused("ParameterNotFound", self.ssm.get_parameter, Name=self.name)

    def test_a_change_set_runs_the_same_operation(self):
        template = {"Resources": {"Thing": self.thing(Id="set", Value="v")}}
        self.stacks.create_change_set(StackName="by-change-set", ChangeSetName="one", ChangeSetType="CREATE",
                                      TemplateBody=json.dumps(template))
        self.eventually(lambda: self.stacks.describe_change_set(
            StackName="by-change-set", ChangeSetName="one")["Status"] == "CREATE_COMPLETE")
        self.stacks.execute_change_set(StackName="by-change-set", ChangeSetName="one")
        self.assertEqual(self.settle("by-change-set")["StackStatus"], "CREATE_COMPLETE")


if __name__ == "__main__":
    unittest.main()
