"""SES's notifications: which topics it accepts, and what goes together."""

from __future__ import annotations

import json
import unittest
import uuid

from support import ACCOUNT, REGION, LocalAwsTest

SES = {"Service": "ses.amazonaws.com"}
ROOT = {"AWS": f"arn:aws:iam::{ACCOUNT}:root"}


def document(*statements: dict) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": [
        {"Effect": "Allow", "Resource": "*", **one} for one in statements]})


class Notifications(LocalAwsTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.ses = cls.server.client("ses")
        cls.sns = cls.server.client("sns")
        cls.kms = cls.server.client("kms")

    def setUp(self):
        self.domain = f"d{uuid.uuid4().hex[:8]}.example.com"
        self.ses.verify_domain_identity(Domain=self.domain)

    def topic(self, *statements: dict, key: str = "", region: str = REGION) -> str:
        sns = self.server.client("sns", region=region)
        arn = sns.create_topic(Name="topic-" + uuid.uuid4().hex[:8])["TopicArn"]
        if statements:
            sns.set_topic_attributes(TopicArn=arn, AttributeName="Policy", AttributeValue=document(
                *({"Action": "sns:Publish", **one, "Resource": arn} for one in statements)))
        if key:
            sns.set_topic_attributes(TopicArn=arn, AttributeName="KmsMasterKeyId", AttributeValue=key)
        return arn

    def key(self, *statements: dict) -> str:
        owner = {"Principal": ROOT, "Action": "kms:*"}
        return self.kms.create_key(Policy=document(owner, *statements))["KeyMetadata"]["Arn"]

    def set(self, topic: str | None, kind: str = "Bounce", **more) -> None:
        given = {"SnsTopic": topic} if topic else {}
        self.ses.set_identity_notification_topic(Identity=self.domain, NotificationType=kind, **given, **more)

    def attributes(self) -> dict:
        found = self.ses.get_identity_notification_attributes(Identities=[self.domain, "unknown.test"])
        self.assertEqual(list(found["NotificationAttributes"]), [self.domain])
        return found["NotificationAttributes"][self.domain]

    def not_set(self, topic: str) -> str:
        return self.refused("InvalidParameterValue", self.set, topic=topic)

    def test_topics_headers_and_forwarding_are_kept_and_cleared(self):
        off = {f"HeadersIn{kind}NotificationsEnabled": False for kind in ("Bounce", "Complaint", "Delivery")}
        self.assertEqual(self.attributes(), {"ForwardingEnabled": True, **off})
        topic = self.topic({"Principal": SES})
        disable = {"Identity": self.domain, "ForwardingEnabled": False}
        self.set(topic)
        self.refused("InvalidParameterValue", self.ses.set_identity_feedback_forwarding_enabled, **disable)
        self.set(topic, "Complaint")
        self.ses.set_identity_feedback_forwarding_enabled(**disable)
        self.ses.set_identity_headers_in_notifications_enabled(
            Identity=self.domain, NotificationType="Complaint", Enabled=True)
        self.assertEqual(self.attributes(), {
            "ForwardingEnabled": False, "BounceTopic": topic, "ComplaintTopic": topic, **off,
            "HeadersInComplaintNotificationsEnabled": True})
        self.refused("InvalidParameterValue", self.set, topic=None)
        self.ses.set_identity_feedback_forwarding_enabled(Identity=self.domain, ForwardingEnabled=True)
        self.set(None)
        self.assertNotIn("BounceTopic", self.attributes())
        self.refused("ValidationError", self.set, topic=topic, kind="Open")

    def test_an_unknown_identity_is_refused(self):
        topic = self.topic({"Principal": SES})
        for call, more in (
            (self.ses.set_identity_notification_topic, {"NotificationType": "Bounce", "SnsTopic": topic}),
            (self.ses.set_identity_headers_in_notifications_enabled, {"NotificationType": "Bounce", "Enabled": True}),
            (self.ses.set_identity_feedback_forwarding_enabled, {"ForwardingEnabled": True}),
        ):
            message = self.refused("InvalidParameterValue", call, Identity="unknown.test", **more)
            self.assertIn("Must be a verified email address or domain", message)

    def test_the_topic_has_to_be_there_in_the_region_and_a_standard_one(self):
        self.not_set(self.topic({"Principal": SES}, region="us-east-1"))
        self.not_set(self.topic() + "-none")
        self.not_set("topic")
        fifo = self.sns.create_topic(Name=uuid.uuid4().hex + ".fifo", Attributes={"FifoTopic": "true"})["TopicArn"]
        self.sns.set_topic_attributes(TopicArn=fifo, AttributeName="Policy", AttributeValue=document(
            {"Principal": SES, "Action": "sns:Publish"}))
        self.not_set(fifo)

    def test_the_topics_policy_has_to_allow_ses(self):
        self.not_set(self.topic())
        self.not_set(self.topic({"Principal": ROOT}))
        self.not_set(self.topic({"Principal": {"Service": "s3.amazonaws.com"}}))
        self.not_set(self.topic({"Principal": SES, "Action": "sns:Subscribe"}))
        self.not_set(self.topic({"Principal": SES}, {"Principal": SES, "Effect": "Deny"}))
        source = f"arn:aws:ses:{REGION}:{ACCOUNT}:identity/{self.domain}"
        for keys in ({"aws:SourceAccount": "210987654321"}, {"aws:SourceArn": source + "x"}, {"aws:SourceOwner": ACCOUNT}):
            self.not_set(self.topic({"Principal": SES, "Condition": {"StringEquals": keys}}))
        keys = {"AWS:SourceAccount": ACCOUNT, "AWS:SourceArn": source}
        self.set(self.topic({"Principal": SES, "Condition": {"StringEquals": keys}}))
        self.set(self.topic({"Principal": "*"}))

    def test_the_topics_key_has_to_allow_ses(self):
        both = ["kms:GenerateDataKey*", "kms:Decrypt"]
        allowed = {"Principal": SES}
        for key in ("alias/aws/sns", self.key(), self.key({"Principal": SES, "Action": both[0]}),
                    self.key({"Principal": {"Service": "sns.amazonaws.com"}, "Action": both})):
            self.not_set(self.topic(allowed, key=key))
        good = self.key({"Principal": SES, "Action": both})
        self.set(self.topic(allowed, key=good))
        self.kms.create_alias(AliasName="alias/ses-topic", TargetKeyId=good)
        self.set(self.topic(allowed, key="alias/ses-topic"))
        self.kms.disable_key(KeyId=good)
        self.not_set(self.topic(allowed, key=good))

    def test_the_topic_is_tried_out(self):
        sqs = self.server.client("sqs")
        url = sqs.create_queue(QueueName=uuid.uuid4().hex)["QueueUrl"]
        arn = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
        topic = self.topic({"Principal": SES})
        sqs.set_queue_attributes(QueueUrl=url, Attributes={"Policy": document(
            {"Principal": {"Service": "sns.amazonaws.com"}, "Action": "sqs:SendMessage", "Resource": arn})})
        self.sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn)
        self.set(topic)
        messages = self.eventually(lambda: sqs.receive_message(QueueUrl=url).get("Messages"))
        message = json.loads(json.loads(messages[0]["Body"])["Message"])
        self.assertEqual(message["notificationType"], "AmazonSnsSubscriptionSucceeded")
        self.assertIn(self.domain, message["message"])

    def test_topic_key_and_policy_of_a_stack(self):
        stack = self.create({"Resources": {
            "Key": {"Type": "AWS::KMS::Key", "Properties": {"KeyPolicy": json.loads(document(
                {"Principal": ROOT, "Action": "kms:*"},
                {"Principal": SES, "Action": ["kms:GenerateDataKey*", "kms:Decrypt"]}))}},
            "Topic": {"Type": "AWS::SNS::Topic", "Properties": {"KmsMasterKeyId": {"Ref": "Key"}}},
            "Plain": {"Type": "AWS::SNS::Topic"},
            "Encrypted": {"Type": "AWS::SNS::Topic", "Properties": {"KmsMasterKeyId": "alias/aws/sns"}},
            "Policy": {"Type": "AWS::SNS::TopicPolicy", "Properties": {
                "Topics": [{"Ref": "Topic"}, {"Ref": "Encrypted"}],
                "PolicyDocument": json.loads(document({"Principal": SES, "Action": "sns:Publish"}))}}},
            "Outputs": {name: {"Value": {"Ref": name}} for name in ("Topic", "Plain", "Encrypted", "Key")}})
        self.assertEqual(stack["StackStatus"], "CREATE_COMPLETE")
        found = {one["OutputKey"]: one["OutputValue"] for one in stack["Outputs"]}
        attributes = self.sns.get_topic_attributes(TopicArn=found["Topic"])["Attributes"]
        self.assertEqual(attributes["KmsMasterKeyId"], found["Key"])
        self.set(found["Topic"])
        self.not_set(found["Encrypted"])
        self.assertIn("SourceOwner", self.sns.get_topic_attributes(TopicArn=found["Plain"])["Attributes"]["Policy"])
        self.not_set(found["Plain"])
        self.assertEqual(self.delete(stack)["StackStatus"], "DELETE_COMPLETE")


if __name__ == "__main__":
    unittest.main()
