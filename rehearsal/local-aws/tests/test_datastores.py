"""Caches, buckets, file systems and repositories of stacks."""

from __future__ import annotations

import json
import unittest
import uuid

from support import ACCOUNT, REGION, LocalAwsTest

TOKEN = "a-token-of-letters-0123456789"


class Datastores(LocalAwsTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        for name in ("ec2", "elasticache", "sns", "efs", "ecr"):
            setattr(cls, name, cls.server.client(name))
        cls.vpc = cls.ec2.create_vpc(CidrBlock="10.40.0.0/16")["Vpc"]["VpcId"]
        cls.subnets = [cls.ec2.create_subnet(
            VpcId=cls.vpc, CidrBlock=f"10.40.{number}.0/24", AvailabilityZone=f"{REGION}{zone}")["Subnet"]["SubnetId"]
            for number, zone in enumerate("ab")]
        cls.group = cls.ec2.create_security_group(GroupName="cache", Description="cache", VpcId=cls.vpc)["GroupId"]

    def cache(self, subnets: int = 2, family: str = "valkey8", **properties) -> dict:
        return {
            "Subnets": {"Type": "AWS::ElastiCache::SubnetGroup", "Properties": {
                "Description": "test", "SubnetIds": self.subnets[:subnets]}},
            "Settings": {"Type": "AWS::ElastiCache::ParameterGroup", "Properties": {
                "Description": "test", "CacheParameterGroupFamily": family}},
            "Cache": {"Type": "AWS::ElastiCache::ReplicationGroup", "DeletionPolicy": "Snapshot", "Properties": {
                "ReplicationGroupDescription": "test", "Engine": "valkey", "EngineVersion": "8.0",
                "CacheNodeType": "cache.t4g.micro", "CacheSubnetGroupName": {"Ref": "Subnets"},
                "CacheParameterGroupName": {"Ref": "Settings"}, "SecurityGroupIds": [self.group],
                "NumCacheClusters": 2, "AutomaticFailoverEnabled": True, "MultiAZEnabled": True,
                "TransitEncryptionEnabled": True, "AuthToken": TOKEN, **properties}},
        }

    def made(self, resources: dict, **outputs) -> tuple[dict, dict]:
        stack = self.create({"Resources": resources, "Outputs": {
            name: {"Value": value} for name, value in outputs.items()}})
        self.assertEqual(stack["StackStatus"], "CREATE_COMPLETE", self.events(stack["StackId"]))
        return stack, {one["OutputKey"]: one["OutputValue"] for one in stack.get("Outputs", [])}

    def not_made(self, resources: dict, logical_id: str = "Cache") -> str:
        stack = self.create({"Resources": resources})
        self.assertEqual(stack["StackStatus"], "ROLLBACK_COMPLETE")
        return self.reason(stack["StackId"], logical_id, "CREATE_FAILED")

    def members(self, group: str) -> list[str]:
        [found] = self.elasticache.describe_replication_groups(ReplicationGroupId=group)["ReplicationGroups"]
        return found["MemberClusters"]

    def test_nodes_and_endpoints_are_named_after_the_group(self):
        stack, found = self.made(self.cache(), Group={"Ref": "Cache"}, Port={"Fn::GetAtt": ["Cache", "PrimaryEndPoint.Port"]},
                                 Address={"Fn::GetAtt": ["Cache", "PrimaryEndPoint.Address"]})
        group = found["Group"]
        self.assertRegex(found["Address"], rf"^master\.{group}\.\w{{6}}\.{REGION}\.cache\.amazonaws\.com$")
        self.assertEqual(found["Port"], "6379")
        self.assertEqual(self.members(group), [f"{group}-001", f"{group}-002"])
        self.assertEqual(self.delete(stack)["StackStatus"], "DELETE_COMPLETE")
        snapshots = self.elasticache.describe_snapshots(ReplicationGroupId=group)["Snapshots"]
        self.assertEqual([one["Engine"] for one in snapshots], ["valkey"])
        self.made(self.cache(SnapshotName=snapshots[0]["SnapshotName"]))

    def test_a_second_node_comes_and_goes(self):
        alone = {"NumCacheClusters": 1, "AutomaticFailoverEnabled": False, "MultiAZEnabled": False}
        stack, found = self.made(self.cache(**alone), Group={"Ref": "Cache"})
        group = found["Group"]
        self.assertEqual(self.members(group), [f"{group}-001"])
        stack = self.update(stack, {"Resources": self.cache()})
        self.assertEqual((stack["StackStatus"], self.members(group)), ("UPDATE_COMPLETE", [f"{group}-001", f"{group}-002"]))
        self.refused("InvalidReplicationGroupState", self.elasticache.decrease_replica_count,
                     ReplicationGroupId=group, NewReplicaCount=0, ApplyImmediately=True)
        stack = self.update(stack, {"Resources": self.cache(**alone)})
        self.assertEqual((stack["StackStatus"], self.members(group)), ("UPDATE_COMPLETE", [f"{group}-001"]))
        self.refused("CacheClusterNotFound", self.elasticache.describe_cache_clusters, CacheClusterId=f"{group}-002")

    def test_zones_token_settings_and_snapshot_have_to_fit(self):
        for properties, reason in (
            ({"NumCacheClusters": 1}, "at least 2 cache clusters"), ({"AutomaticFailoverEnabled": False}, "to use Multi-AZ"),
            ({"AuthToken": "short"}, "Invalid AuthToken"), ({"AuthToken": "with@characters-that-are-not"}, "Invalid AuthToken"),
            ({"SnapshotName": "none"}, "is not found"),
            ({"KmsKeyId": f"arn:aws:kms:{REGION}:{ACCOUNT}:key/{uuid.uuid4()}"}, "does not exist"),
        ):
            self.assertIn(reason, self.not_made(self.cache(**properties)))
        self.assertIn("at least two availability zones", self.not_made(self.cache(subnets=1)))
        self.assertIn("family valkey8", self.not_made(self.cache(family="valkey7")))

    def topic_status(self, statement: dict | None, key: str = "") -> str:
        arn = self.sns.create_topic(Name="topic-" + uuid.uuid4().hex[:8])["TopicArn"]
        if statement:
            self.sns.set_topic_attributes(TopicArn=arn, AttributeName="Policy", AttributeValue=json.dumps({
                "Version": "2012-10-17", "Statement": [
                    {"Effect": "Allow", "Action": "sns:Publish", "Resource": arn, **statement}]}))
        if key:
            self.sns.set_topic_attributes(TopicArn=arn, AttributeName="KmsMasterKeyId", AttributeValue=key)
        _stack, found = self.made(self.cache(NotificationTopicArn=arn), Group={"Ref": "Cache"})
        [node] = self.elasticache.describe_cache_clusters(CacheClusterId=found["Group"] + "-001")["CacheClusters"]
        self.assertEqual(node["NotificationConfiguration"]["TopicArn"], arn)
        return node["NotificationConfiguration"]["TopicStatus"]

    def test_events_go_to_topics_that_are_not_encrypted_and_know_the_owner(self):
        owner = {"Principal": {"AWS": "*"}, "Condition": {"StringEquals": {"aws:SourceOwner": ACCOUNT}}}
        account = {"Principal": {"AWS": "*"}, "Condition": {"StringEquals": {"aws:SourceAccount": ACCOUNT}}}
        self.assertEqual(self.topic_status(owner), "active")
        self.assertEqual(self.topic_status(account), "inactive")
        self.assertEqual(self.topic_status(owner, key="alias/aws/sns"), "inactive")

    def test_a_bucket_that_holds_a_version_is_not_deleted(self):
        stack, found = self.made({"Bucket": {"Type": "AWS::S3::Bucket", "Properties": {
            "VersioningConfiguration": {"Status": "Enabled"}}}}, Name={"Ref": "Bucket"})
        bucket = found["Name"]
        self.s3.put_object(Bucket=bucket, Key="key", Body=b"body")
        self.s3.delete_object(Bucket=bucket, Key="key")
        self.assertEqual(self.delete(stack)["StackStatus"], "DELETE_FAILED")
        self.assertIn("BucketNotEmpty", self.reason(stack["StackId"], "Bucket", "DELETE_FAILED"))
        versions = self.s3.list_object_versions(Bucket=bucket)
        for one in versions["Versions"] + versions["DeleteMarkers"]:
            self.s3.delete_object(Bucket=bucket, Key=one["Key"], VersionId=one["VersionId"])
        self.assertEqual(self.delete(stack)["StackStatus"], "DELETE_COMPLETE")

    def test_keys_have_to_be_there(self):
        key = f"arn:aws:kms:{REGION}:{ACCOUNT}:key/{uuid.uuid4()}"
        for kind, properties in (
            ("AWS::EFS::FileSystem", {"Encrypted": True, "KmsKeyId": key}), ("AWS::Logs::LogGroup", {"KmsKeyId": key}),
            ("AWS::SecretsManager::Secret", {"KmsKeyId": key}),
            ("AWS::ECR::Repository", {"EncryptionConfiguration": {"EncryptionType": "KMS", "KmsKey": key}}),
        ):
            self.assertIn("does not exist", self.not_made({"One": {"Type": kind, "Properties": properties}}, "One"))

    def test_a_mount_target_holds_its_subnet_and_group(self):
        stack, _found = self.made({
            "FileSystem": {"Type": "AWS::EFS::FileSystem", "Properties": {}},
            "Target": {"Type": "AWS::EFS::MountTarget", "Properties": {
                "FileSystemId": {"Ref": "FileSystem"}, "SubnetId": self.subnets[0], "SecurityGroups": [self.group]}}})
        self.refused("DependencyViolation", self.ec2.delete_subnet, SubnetId=self.subnets[0])
        self.refused("DependencyViolation", self.ec2.delete_security_group, GroupId=self.group)
        self.assertEqual(self.delete(stack)["StackStatus"], "DELETE_COMPLETE")


if __name__ == "__main__":
    unittest.main()
