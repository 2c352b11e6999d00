"""Aurora: clusters, their instances and snapshots, and who is told what happens to them."""

from __future__ import annotations

import json
import unittest
import uuid

from support import ACCOUNT, REGION, LocalAwsTest

EVENTS = {"Service": "events.rds.amazonaws.com"}


def document(*statements: dict) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": [
        {"Effect": "Allow", "Resource": "*", **one} for one in statements]})


class Databases(LocalAwsTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        for name in ("ec2", "rds", "sns", "kms", "secretsmanager"):
            setattr(cls, name, cls.server.client(name))
        cls.vpc = cls.ec2.create_vpc(CidrBlock="10.30.0.0/16")["Vpc"]["VpcId"]
        cls.subnets = [cls.ec2.create_subnet(
            VpcId=cls.vpc, CidrBlock=f"10.30.{number}.0/24", AvailabilityZone=f"{REGION}{zone}")["Subnet"]["SubnetId"]
            for number, zone in enumerate("ab")]
        cls.group = cls.ec2.create_security_group(
            GroupName="database", Description="database", VpcId=cls.vpc)["GroupId"]

    def resources(self, **properties) -> dict:
        return {
            "Subnets": {"Type": "AWS::RDS::DBSubnetGroup", "Properties": {
                "DBSubnetGroupDescription": "test", "SubnetIds": self.subnets}},
            "Settings": {"Type": "AWS::RDS::DBClusterParameterGroup", "Properties": {
                "Description": "test", "Family": "aurora-postgresql17", "Parameters": {"rds.force_ssl": "1"}}},
            "Cluster": {"Type": "AWS::RDS::DBCluster", "DeletionPolicy": "Snapshot", "Properties": {
                "Engine": "aurora-postgresql", "EngineVersion": "17.7", "DBSubnetGroupName": {"Ref": "Subnets"},
                "DBClusterParameterGroupName": {"Ref": "Settings"}, "VpcSecurityGroupIds": [self.group],
                "MasterUsername": "postgres", "ManageMasterUserPassword": True, "StorageEncrypted": True, **properties}},
        }

    @staticmethod
    def instance(depends: tuple = (), **properties) -> dict:
        return {"Type": "AWS::RDS::DBInstance", "DependsOn": list(depends), "Properties": {
            "DBClusterIdentifier": {"Ref": "Cluster"}, "Engine": "aurora-postgresql", "DBInstanceClass": "db.t4g.medium",
            **properties}}

    def stack(self, resources: dict) -> tuple[dict, dict]:
        outputs = {"Cluster": {"Ref": "Cluster"}, "Secret": {"Fn::GetAtt": ["Cluster", "MasterUserSecret.SecretArn"]}}
        stack = self.create({"Resources": resources, "Outputs": {
            name: {"Value": value} for name, value in outputs.items()}})
        self.assertEqual(stack["StackStatus"], "CREATE_COMPLETE", self.events(stack["StackId"]))
        return stack, {one["OutputKey"]: one["OutputValue"] for one in stack["Outputs"]}

    def not_made(self, resources: dict, logical_id: str = "Cluster") -> str:
        stack = self.create({"Resources": resources})
        self.assertEqual(stack["StackStatus"], "ROLLBACK_COMPLETE")
        return self.reason(stack["StackId"], logical_id, "CREATE_FAILED")

    def snapshots(self, cluster: str) -> list[str]:
        found = self.rds.describe_db_cluster_snapshots()["DBClusterSnapshots"]
        return [one["DBClusterSnapshotIdentifier"] for one in found if one["DBClusterIdentifier"] == cluster]

    def test_the_administrators_password_is_a_secret_of_rds(self):
        stack, found = self.stack(self.resources())
        secret = json.loads(self.secretsmanager.get_secret_value(SecretId=found["Secret"])["SecretString"])
        self.assertEqual((secret["username"], len(secret["password"]) > 20), ("postgres", True))
        self.assertEqual(self.delete(stack)["StackStatus"], "DELETE_COMPLETE")
        self.refused("ResourceNotFoundException", self.secretsmanager.get_secret_value, SecretId=found["Secret"])

    def test_a_deleted_cluster_leaves_a_snapshot_that_can_be_restored(self):
        stack, found = self.stack(self.resources())
        self.delete(stack)
        [snapshot] = self.snapshots(found["Cluster"])
        resources = self.resources(SnapshotIdentifier=snapshot)
        self.assertIn("MasterUsername cannot be specified", self.not_made(resources))
        del resources["Cluster"]["Properties"]["MasterUsername"]
        _restored, found = self.stack(resources)
        [cluster] = self.rds.describe_db_clusters(DBClusterIdentifier=found["Cluster"])["DBClusters"]
        self.assertEqual((cluster["MasterUsername"], cluster["StorageEncrypted"]), ("postgres", True))
        self.assertTrue(self.secretsmanager.get_secret_value(SecretId=found["Secret"])["SecretString"])
        self.assertIn("DBClusterSnapshotNotFoundFault", self.not_made(
            {**resources, "Cluster": {**resources["Cluster"], "Properties": {
                **resources["Cluster"]["Properties"], "SnapshotIdentifier": "none"}}}))
        self.refused("DBClusterSnapshotNotFoundFault", self.rds.restore_db_cluster_from_snapshot,
                     DBClusterIdentifier="restored", SnapshotIdentifier="none", Engine="aurora-postgresql")

    def test_what_would_replace_a_named_cluster_is_refused(self):
        name = "named-" + uuid.uuid4().hex[:8]
        stack, _found = self.stack(self.resources(DBClusterIdentifier=name))
        stack = self.update(stack, {"Resources": self.resources(DBClusterIdentifier=name, DatabaseName="other")})
        self.assertEqual(stack["StackStatus"], "UPDATE_ROLLBACK_COMPLETE")
        reason = self.reason(stack["StackId"], "Cluster", "UPDATE_FAILED")
        self.assertIn("custom-named resource requires replacing", reason)

    def test_a_protected_cluster_is_not_deleted(self):
        stack, found = self.stack(self.resources(DeletionProtection=True))
        self.assertEqual(self.delete(stack)["StackStatus"], "DELETE_FAILED")
        self.assertEqual(self.snapshots(found["Cluster"]), [])
        self.rds.modify_db_cluster(DBClusterIdentifier=found["Cluster"], DeletionProtection=False)
        self.assertEqual(self.delete(stack)["StackStatus"], "DELETE_COMPLETE")
        self.assertEqual(len(self.snapshots(found["Cluster"])), 1)

    def test_settings_subnets_and_keys_have_to_fit(self):
        resources = self.resources()
        resources["Settings"]["Properties"]["Family"] = "aurora-postgresql16"
        self.assertIn("DBParameterGroupFamily aurora-postgresql16", self.not_made(resources))
        resources = self.resources()
        resources["Subnets"]["Properties"]["SubnetIds"] = self.subnets[:1]
        self.assertIn("at least 2 AZs", self.not_made(resources, "Subnets"))
        self.assertIn("Cannot find version", self.not_made(self.resources(EngineVersion="17.99")))
        key = f"arn:aws:kms:{REGION}:{ACCOUNT}:key/{uuid.uuid4()}"
        self.assertIn("KMSKeyNotAccessibleFault", self.not_made(self.resources(KmsKeyId=key)))
        other = self.ec2.describe_security_groups()["SecurityGroups"][0]["GroupId"]
        self.assertIn("different VPCs", self.not_made(self.resources(VpcSecurityGroupIds=[other])))
        for least, most in (("0.7", "4"), ("4", "2"), ("0", "0.5"), ("1", "300")):
            capacity = {"MinCapacity": least, "MaxCapacity": most}
            self.assertIn("capacity", self.not_made(self.resources(ServerlessV2ScalingConfiguration=capacity)))

    def test_instances_are_in_the_clusters_subnets_and_one_is_the_writer(self):
        resources = {**self.resources(EnableCloudwatchLogsExports=["postgresql"]),
                     "First": self.instance(), "Second": self.instance(("First",))}
        stack, found = self.stack(resources)
        [cluster] = self.rds.describe_db_clusters(DBClusterIdentifier=found["Cluster"])["DBClusters"]
        members = cluster["DBClusterMembers"]
        self.assertEqual([one["IsClusterWriter"] for one in members], [True, False])
        zones = [self.rds.describe_db_instances(DBInstanceIdentifier=one["DBInstanceIdentifier"])["DBInstances"][0]
                 ["AvailabilityZone"] for one in members]
        self.assertEqual(zones, [f"{REGION}a", f"{REGION}b"])
        log = f"/aws/rds/cluster/{found['Cluster']}/postgresql"
        self.assertEqual(len(self.logs.describe_log_groups(logGroupNamePrefix=log)["logGroups"]), 1)
        self.refused("DependencyViolation", self.ec2.delete_subnet, SubnetId=self.subnets[0])
        self.refused("DependencyViolation", self.ec2.delete_security_group, GroupId=self.group)
        self.assertEqual(self.delete(stack)["StackStatus"], "DELETE_COMPLETE")
        # As on AWS, a log group that RDS made stays.
        self.assertEqual(len(self.logs.describe_log_groups(logGroupNamePrefix=log)["logGroups"]), 1)

    def test_instances_have_to_fit_their_cluster(self):
        for properties, reason in (
            ({"AvailabilityZone": f"{REGION}c"}, "has no subnet there"), ({"Engine": "aurora-mysql"}, "doesn't match"),
            ({"DBInstanceClass": "db.serverless"}, "Serverless v2 scaling configuration"),
        ):
            resources = {**self.resources(), "First": self.instance(**properties)}
            self.assertIn(reason, self.not_made(resources, "First"))

    def topic(self, *statements: dict, key: str = "") -> str:
        arn = self.sns.create_topic(Name="topic-" + uuid.uuid4().hex[:8])["TopicArn"]
        if statements:
            self.sns.set_topic_attributes(TopicArn=arn, AttributeName="Policy", AttributeValue=document(
                *({"Action": "sns:Publish", **one, "Resource": arn} for one in statements)))
        if key:
            self.sns.set_topic_attributes(TopicArn=arn, AttributeName="KmsMasterKeyId", AttributeValue=key)
        return arn

    def subscribed(self, topic: str, **more):
        name = "events-" + uuid.uuid4().hex[:8]
        self.rds.create_event_subscription(SubscriptionName=name, SnsTopicArn=topic, **more)
        return self.rds.describe_event_subscriptions(SubscriptionName=name)["EventSubscriptionsList"][0]

    def test_a_subscription_needs_a_topic_that_rds_may_publish_to(self):
        account = {"StringEquals": {"aws:SourceAccount": ACCOUNT}}
        found = self.subscribed(self.topic({"Principal": EVENTS, "Condition": account}))
        self.assertEqual((found["Status"], found["Enabled"]), ("active", True))
        refused = lambda topic: self.refused("SNSNoAuthorization", self.subscribed, topic=topic)  # noqa: E731
        refused(self.topic({"Principal": {"Service": "ses.amazonaws.com"}}))
        refused(self.topic({"Principal": EVENTS}, key="alias/aws/sns"))
        owner = {"Principal": {"AWS": f"arn:aws:iam::{ACCOUNT}:root"}, "Action": "kms:*"}
        closed = self.kms.create_key(Policy=document(owner))["KeyMetadata"]["Arn"]
        refused(self.topic({"Principal": EVENTS}, key=closed))
        admits = {"Principal": EVENTS, "Action": ["kms:Decrypt", "kms:GenerateDataKey*"]}
        opened = self.kms.create_key(Policy=document(owner, admits))["KeyMetadata"]["Arn"]
        self.subscribed(self.topic({"Principal": EVENTS}, key=opened))
        self.refused("SNSTopicArnNotFound", self.subscribed, topic=self.topic() + "-none")

    def test_a_subscription_names_what_there_is(self):
        topic = self.topic({"Principal": EVENTS})
        self.refused("SourceNotFound", self.subscribed, topic=topic, SourceType="db-cluster", SourceIds=["none"])
        self.refused("SubscriptionCategoryNotFound", self.subscribed, topic=topic, SourceType="db-cluster",
                     EventCategories=["availability"])
        self.refused("SubscriptionNotFound", self.rds.delete_event_subscription, SubscriptionName="none")

    def test_a_stacks_subscription_goes_with_it(self):
        topic = self.topic({"Principal": EVENTS})
        events = {"Type": "AWS::RDS::EventSubscription", "Properties": {
            "SnsTopicArn": topic, "SourceType": "db-cluster", "SourceIds": [{"Ref": "Cluster"}],
            "EventCategories": ["failover"]}}
        stack, found = self.stack({**self.resources(), "Events": events})
        mine = lambda: [one for one in self.rds.describe_event_subscriptions()["EventSubscriptionsList"]  # noqa: E731
                        if one["SourceIdsList"] == [found["Cluster"]]]
        self.assertEqual([one["EventCategoriesList"] for one in mine()], [["failover"]])
        self.delete(stack)
        self.assertEqual(mine(), [])


if __name__ == "__main__":
    unittest.main()
