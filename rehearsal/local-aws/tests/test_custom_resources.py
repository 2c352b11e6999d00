"""CloudFormation's custom-resource protocol."""

from __future__ import annotations

import json
import unittest
import uuid

from support import LocalAwsTest, Server, put

# Answers as the properties of the resource say.
PROVIDER = """
    p = event["ResourceProperties"]
    if event["RequestType"] in p.get("Silent", ""):
        return
    if event["RequestType"] == "Delete":
        answer(event)
    elif "Raw" in p:
        send(event, p["Raw"].encode())
    else:
        override = {k: p[k] for k in ("StackId", "RequestId", "LogicalResourceId") if k in p}
        fails = p.get("Fail") == event["RequestType"]
        answer(event, "FAILED" if fails else "SUCCESS", p.get("Id"), Data=p.get("Data") or {},
               Reason=p.get("Reason", "because"), NoEcho=p.get("NoEcho") == "true", **override)
"""


class CustomResources(LocalAwsTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.provider = cls.function(PROVIDER, Timeout=10)

    def setUp(self):
        self.mark = uuid.uuid4().hex

    def template(self, outputs=None, more=None, **properties) -> dict:
        resource = {
            "Type": "Custom::Thing",
            "Properties": {"ServiceToken": self.provider, "ServiceTimeout": 5, "Mark": self.mark, **properties},
        }
        return {"Resources": {"Thing": resource, **(more or {})}, **({"Outputs": outputs} if outputs else {})}

    def new_requests(self) -> list[dict]:
        return [one for one in self.requests(self.provider) if one["ResourceProperties"]["Mark"] == self.mark]

    def shapes(self) -> list[tuple]:
        return [(one["RequestType"], one.get("PhysicalResourceId")) for one in self.new_requests()]

    def test_scalars_arrive_as_strings_and_data_is_an_attribute(self):
        stack = self.create(self.template(
            {"Value": {"Value": {"Fn::GetAtt": ["Thing", "Key"]}}, "Id": {"Value": {"Ref": "Thing"}}},
            Id="thing-1", Data={"Key": "value"}, Yes=True, Number=7, List=[1, {"A": False}],
        ))
        self.assertEqual(stack["StackStatus"], "CREATE_COMPLETE")
        outputs = {one["OutputKey"]: one["OutputValue"] for one in stack["Outputs"]}
        self.assertEqual(outputs, {"Value": "value", "Id": "thing-1"})
        request = self.eventually(self.new_requests)[0]
        properties = request["ResourceProperties"]
        self.assertEqual((properties["Yes"], properties["Number"], properties["List"]), ("true", "7", ["1", {"A": "false"}]))
        self.assertEqual(properties["ServiceTimeout"], "5")
        self.assertNotIn("PhysicalResourceId", request)

    def test_a_failed_create_gets_a_delete_with_the_id_it_answered(self):
        stack = self.create(self.template(Id="half-made", Fail="Create", Reason="no luck"))
        self.assertEqual(stack["StackStatus"], "ROLLBACK_COMPLETE")
        reason = self.reason(stack["StackId"], "Thing", "CREATE_FAILED")
        self.assertTrue(reason.startswith(
            "Received response status [FAILED] from custom resource. Message returned: no luck (RequestId: "
        ), reason)
        self.eventually(lambda: self.shapes() == [("Create", None), ("Delete", "half-made")])
        self.assertEqual(
            self.statuses(stack["StackId"], "Thing")[-3:], ["CREATE_FAILED", "DELETE_IN_PROGRESS", "DELETE_COMPLETE"]
        )
        self.assertEqual(
            self.reason(stack["StackId"], stack["StackName"], "ROLLBACK_IN_PROGRESS"),
            "The following resource(s) failed to create: [Thing]. Rollback requested by user.",
        )

    def test_silence_fails_at_the_service_timeout_and_delete_gets_a_made_up_id(self):
        stack = self.create(self.template(Silent="Create", ServiceTimeout=1))
        self.assertIn(
            "CloudFormation did not receive a response from your Custom Resource",
            self.reason(stack["StackId"], "Thing", "CREATE_FAILED"),
        )
        shapes = self.eventually(lambda: len(self.shapes()) == 2 and self.shapes())
        self.assertTrue(shapes[1][1].startswith(stack["StackName"] + "-Thing-"), shapes)

    def test_a_replacement_is_deleted_in_the_cleanup_with_the_old_properties(self):
        stack = self.create(self.template(Id="one", Value="old"))
        stack = self.update(stack, self.template(Id="two", Value="new"))
        self.assertEqual(stack["StackStatus"], "UPDATE_COMPLETE")
        self.eventually(lambda: self.shapes() == [("Create", None), ("Update", "one"), ("Delete", "one")])
        _create, update, delete = self.new_requests()
        self.assertEqual(update["OldResourceProperties"]["Value"], "old")
        self.assertEqual(delete["ResourceProperties"]["Value"], "old")
        order = [(one["LogicalResourceId"], one["ResourceStatus"]) for one in self.events(stack["StackId"])]
        cleanup = order.index((stack["StackName"], "UPDATE_COMPLETE_CLEANUP_IN_PROGRESS"))
        self.assertLess(order.index(("Thing", "UPDATE_COMPLETE")), cleanup)
        self.assertGreater(order.index(("Thing", "DELETE_COMPLETE")), cleanup)
        self.assertEqual(order[-1], (stack["StackName"], "UPDATE_COMPLETE"))

    def test_a_failed_update_is_asked_back_and_its_new_id_deleted(self):
        stack = self.create(self.template(Id="one", Value="old"))
        stack = self.update(stack, self.template(Id="two", Value="new", Fail="Update"))
        self.assertEqual(stack["StackStatus"], "UPDATE_ROLLBACK_COMPLETE")
        self.eventually(lambda: self.shapes() == [
            ("Create", None), ("Update", "one"), ("Update", "two"), ("Delete", "two")
        ])
        back = self.new_requests()[2]
        self.assertEqual((back["ResourceProperties"]["Value"], back["OldResourceProperties"]["Value"]), ("old", "new"))
        self.assertEqual(self.new_requests()[3]["ResourceProperties"]["Value"], "new")
        resources = self.stacks.describe_stack_resources(StackName=stack["StackId"])["StackResources"]
        self.assertEqual(resources[0]["PhysicalResourceId"], "one")

    def test_a_finished_replacement_is_asked_back_when_the_update_fails_later(self):
        stack = self.create(self.template(Id="one", Value="old"))
        broken = {"Broken": {"Type": "AWS::SSM::Parameter", "DependsOn": "Thing", "Properties": {
            "Type": "String", "Value": {"Fn::GetAtt": ["Thing", "Nothing"]}}}}
        stack = self.update(stack, self.template(more=broken, Id="two", Value="new"))
        self.assertEqual(stack["StackStatus"], "UPDATE_ROLLBACK_COMPLETE")
        self.eventually(lambda: self.shapes() == [
            ("Create", None), ("Update", "one"), ("Update", "two"), ("Delete", "two")
        ])
        self.delete(stack)
        self.eventually(lambda: self.shapes()[-1] == ("Delete", "one"))

    def test_a_missing_attribute_fails_with_the_vendor_message(self):
        stack = self.create(self.template({"Value": {"Value": {"Fn::GetAtt": ["Thing", "Absent"]}}}, Data={"Other": "x"}))
        self.assertEqual(stack["StackStatus"], "ROLLBACK_COMPLETE")
        reasons = " ".join(one.get("ResourceStatusReason", "") for one in self.events(stack["StackId"]))
        self.assertIn(
            f"Vendor response doesn't contain Absent attribute in object {stack['StackId']}|Thing|", reasons
        )

    def test_a_response_over_4096_bytes_fails(self):
        stack = self.create(self.template(Data={"Key": "x" * 4096}))
        self.assertEqual(self.reason(stack["StackId"], "Thing", "CREATE_FAILED"), "Response object is too long.")

    def test_a_response_for_another_request_fails(self):
        for name in ("StackId", "RequestId", "LogicalResourceId"):
            with self.subTest(name):
                stack = self.create(self.template(**{name: "other"}))
                self.assertIn(name, self.reason(stack["StackId"], "Thing", "CREATE_FAILED"))

    def test_a_physical_id_has_1_to_1024_bytes(self):
        self.assertEqual(self.create(self.template(Id="x" * 1024))["StackStatus"], "CREATE_COMPLETE")
        stack = self.create(self.template(Id="x" * 1025))
        self.assertEqual(self.reason(stack["StackId"], "Thing", "CREATE_FAILED"), "Invalid PhysicalResourceId")

    def test_only_the_signed_request_is_accepted_and_only_the_first_answer_counts(self):
        template = self.template(Silent="Create")
        stack_id = self.stacks.create_stack(StackName="signed", TemplateBody=json.dumps(template))["StackId"]
        request = self.eventually(self.new_requests)[0]
        url = request["ResponseURL"]
        bare, query = url.split("?")
        self.assertRegex(query, r"^AWSAccessKeyId=AKIA\w+&Expires=\d+&Signature=[\w%]+$")
        ids = {key: request[key] for key in ("StackId", "RequestId", "LogicalResourceId")}
        good = json.dumps({"Status": "SUCCESS", "PhysicalResourceId": "first", **ids}).encode()
        self.assertEqual(put(bare, good), 403)
        self.assertEqual(put(url + "x", good), 403)
        self.assertEqual(put(url + "&more=1", good), 403)
        self.assertEqual(put(url, good, "application/json"), 403)
        self.assertEqual(put(url, good, method="POST"), 403)
        self.assertEqual(put(url, good), 200)
        self.assertEqual(put(url, good.replace(b"first", b"second")), 200)
        self.assertEqual(self.settle(stack_id)["StackStatus"], "CREATE_COMPLETE")
        found = self.stacks.describe_stack_resources(StackName=stack_id)["StackResources"][0]
        self.assertEqual(found["PhysicalResourceId"], "first")

    def test_no_echo_data_is_masked_where_it_would_show(self):
        parameter = {"Parameter": {"Type": "AWS::SSM::Parameter", "Properties": {
            "Name": "/secret", "Type": "String", "Value": {"Fn::GetAtt": ["Thing", "Key"]}}}}
        stack = self.create(self.template(
            {"Value": {"Value": {"Fn::GetAtt": ["Thing", "Key"]}}}, parameter, Data={"Key": "hush-hush"}, NoEcho="true"
        ))
        self.assertEqual(stack["Outputs"][0]["OutputValue"], "****")
        ssm = self.server.client("ssm")
        self.assertEqual(ssm.get_parameter(Name="/secret")["Parameter"]["Value"], "hush-hush")
        shown = json.dumps([
            self.events(stack["StackId"]), self.stacks.describe_stack_resources(StackName=stack["StackId"])
        ], default=str)
        self.assertNotIn("hush-hush", shown)

    def test_a_destination_can_answer_for_a_provider_that_died(self):
        role = {"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Action": "lambda:*", "Resource": "*"}}
        last_resort = self.function(
            'answer(event["requestPayload"], "FAILED", "dead", Reason=event["responsePayload"]["errorType"])')
        provider = self.function(
            'if event["RequestType"] != "Delete": os._exit(1)\nanswer(event)', role)
        self.functions.put_function_event_invoke_config(
            FunctionName=provider, MaximumRetryAttempts=0,
            DestinationConfig={"OnFailure": {"Destination": last_resort}})
        stack = self.create({"Resources": {"Thing": {"Type": "Custom::Thing", "Properties": {
            "ServiceToken": provider, "ServiceTimeout": 10}}}})
        self.assertEqual(stack["StackStatus"], "ROLLBACK_COMPLETE")
        self.assertIn("Message returned: Runtime.ExitError", self.reason(stack["StackId"], "Thing", "CREATE_FAILED"))
        self.eventually(lambda: self.requests(provider)[-1].get("PhysicalResourceId") == "dead")

    def test_a_failed_delete_keeps_what_it_depends_on(self):
        topic = {"Topic": {"Type": "AWS::SNS::Topic"}}
        stack = self.create(self.template(more=topic, Needs={"Ref": "Topic"}, Silent="Delete", ServiceTimeout=1))
        stack = self.delete(stack)
        self.assertEqual(stack["StackStatus"], "DELETE_FAILED")
        self.assertEqual(
            stack["StackStatusReason"], "The following resource(s) failed to delete: [Thing]. "
        )
        left = {one["LogicalResourceId"] for one in
                self.stacks.describe_stack_resources(StackName=stack["StackId"])["StackResources"]}
        self.assertEqual(left, {"Thing", "Topic"})


class Ending(LocalAwsTest):
    @classmethod
    def started(cls) -> Server:
        return Server()

    def test_it_ends_promptly_while_a_custom_resource_is_waited_for(self):
        provider = self.function("return", Timeout=3)
        template = {"Resources": {"Thing": {"Type": "Custom::Thing", "Properties": {"ServiceToken": provider}}}}
        self.stacks.create_stack(StackName="waits", TemplateBody=json.dumps(template))
        self.eventually(lambda: self.requests(provider))
        code, seconds = self.server.end()
        self.assertEqual(code, 0)
        self.assertLess(seconds, 3)


if __name__ == "__main__":
    unittest.main()
