"""The project's stacks that keep data in all their variants: made, changed, deleted, and only what must be is left."""

from __future__ import annotations

import json
import os
import unittest

from project_stacks import ProjectStacks
from support import ACCOUNT


class Data(ProjectStacks):
    region = "eu-west-2"

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.networks, cls.groups, cls.topics = {}, {}, None
        self = cls()
        for zones in ("1", "2", "3"):
            cls.networks[zones] = self.deploy("network", NumberOfZones=zones, NatGateways="none")[1]
            cls.groups[zones] = self.deploy("security-groups", VpcId=cls.networks[zones]["VpcId"])[1]
        cls.topics = self.deploy("operator-notifications", OperatorEMail="operator@example.org")[1]
        owner = {"Effect": "Allow", "Principal": {"AWS": f"arn:aws:iam::{ACCOUNT}:root"}, "Action": "kms:*", "Resource": "*"}
        cls.key = cls.kms.create_key(Policy=json.dumps({"Version": "2012-10-17", "Statement": [owner]}))["KeyMetadata"]["Arn"]
        cls.log_key = self.deploy("log-key")[1]["KeyArn"]

    def storage(self, zones: str, **more) -> tuple[dict, dict]:
        return self.deploy("storage", SubnetIds=self.networks[zones]["DatastoreSubnetIds"], NumberOfZones=zones,
                           FileSystemGroupId=self.groups[zones]["FileSystemGroupId"],
                           OperatorTopicArn=self.topics["TopicArn"], **more)

    def test_recordings_outlive_the_stack_and_are_taken_over(self):
        before = self.everything()
        for zones, key in (("1", ""), ("2", self.key), ("3", "")):
            stack, found = self.storage(zones, KeyArn=key)
            system = self.efs.describe_file_systems(FileSystemId=found["FileSystemId"])["FileSystems"][0]
            self.assertEqual((system["Encrypted"], system["NumberOfMountTargets"]), (True, int(zones)))
            self.remove(stack)
            self.assertEqual(self.left_since(before), {"file systems": [found["FileSystemId"]]})
            stack, again = self.storage(zones, ExistingFileSystemId=found["FileSystemId"])
            self.assertEqual(again["FileSystemArn"], found["FileSystemArn"])
            self.remove(stack)
            self.efs.delete_file_system(FileSystemId=found["FileSystemId"])
            self.assertEqual(self.left_since(before), {})

    def may(self, found: dict, policy: str, action: str, point: str, tls: bool = True, inside: bool = True) -> bool:
        """Whether a role with a policy of the stack may mount or write through an access point."""
        os.environ.setdefault("AWS_ENDPOINT_URL", "http://127.0.0.1:1")
        from ministack.core import iam_evaluator

        arn = found[policy + "PolicyArn"]
        version = self.iam.get_policy(PolicyArn=arn)["Policy"]["DefaultVersionId"]
        own = self.iam.get_policy_version(PolicyArn=arn, VersionId=version)["PolicyVersion"]["Document"]
        system = json.loads(self.efs.describe_file_system_policy(FileSystemId=found["FileSystemId"])["Policy"])
        named = [{key: value for key, value in one.items() if key != "Principal"} for one in system["Statement"]]
        context = {"elasticfilesystem:accessedviamounttarget": str(inside).lower()}
        if point:
            access_point = found[point + "AccessPointId"]
            context["elasticfilesystem:accesspointarn"] = (
                f"arn:aws:elasticfilesystem:{self.region}:{ACCOUNT}:access-point/{access_point}")
        request = iam_evaluator.EvalContext(
            principal_arn=f"arn:aws:iam::{ACCOUNT}:role/any", principal_type="AssumedRole", principal_account=ACCOUNT,
            action=f"elasticfilesystem:{action}", resource_arn=found["FileSystemArn"], region=self.region,
            secure_transport=tls, service_context=context)
        policies = [iam_evaluator.parse_policy_document(one) for one in ({"Statement": named}, own)]
        return iam_evaluator.evaluate(request, policies).decision == "Allow"

    def test_a_role_mounts_its_own_access_point_with_tls_and_nothing_else(self):
        stack, found = self.storage("3")
        points = ("Recordings", "Spool", "Published", "Lms", "Greenlight")
        for policy in points:
            self.assertEqual([one for one in points if self.may(found, policy, "ClientMount", one)], [policy])
            writes = [policy] if policy in ("Recordings", "Spool", "Greenlight") else []
            self.assertEqual([one for one in points if self.may(found, policy, "ClientWrite", one)], writes)
            self.assertFalse(self.may(found, policy, "ClientRootAccess", policy))
            self.assertFalse(self.may(found, policy, "ClientMount", policy, tls=False))
            self.assertFalse(self.may(found, policy, "ClientMount", policy, inside=False))
            self.assertFalse(self.may(found, policy, "ClientMount", ""))
        self.remove(stack)
        self.efs.delete_file_system(FileSystemId=found["FileSystemId"])

    def database(self, zones: str, **more) -> dict:
        network = self.networks[zones]
        return {"SubnetIds": network["DatabaseSubnetIds"], "NumberOfZones": zones, "AvailabilityZone": network["SingleZone"],
                "DatabaseGroupId": self.groups[zones]["DatabaseGroupId"], "OperatorTopicArn": self.topics["TopicArn"], **more}

    def test_databases_of_every_kind_leave_a_snapshot_that_can_be_restored(self):
        before = self.everything()
        for zones, kind, other, more in (
            ("1", "serverless", "db.t4g.medium", {}), ("2", "db.r6g.large", "db.serverless", {"KeyArn": self.key}),
            ("3", "db.t3.medium", "serverless", {"FrontendType": "External", "LogKeyArn": self.log_key}),
        ):
            parameters = self.database(zones, InstanceClass=kind, **more)
            stack, found = self.deploy("database", **parameters)
            self.check_database(found, zones, "db.serverless" if kind == "serverless" else kind, more)
            self.change(stack, **{**parameters, "InstanceClass": other, "BackupRetentionDays": "14"})
            self.remove(stack)
            left = self.left_since(before)
            self.assertEqual(list(left), ["cluster snapshots"])
            [snapshot] = left["cluster snapshots"]
            restored = {**parameters, "SnapshotIdentifier": snapshot}
            stack, _found = self.deploy("database", **restored)
            # Without its snapshot it would be another, empty database.
            self.change(stack, "UPDATE_ROLLBACK_COMPLETE", **parameters)
            self.change(stack, **{**restored, "BackupRetentionDays": "3"})
            self.remove(stack)
            for one in self.left_since(before)["cluster snapshots"]:
                self.rds.delete_db_cluster_snapshot(DBClusterSnapshotIdentifier=one)
            self.assertEqual(self.left_since(before), {})

    def check_database(self, found: dict, zones: str, kind: str, more: dict) -> None:
        [cluster] = self.rds.describe_db_clusters(DBClusterIdentifier=found["ClusterIdentifier"])["DBClusters"]
        self.assertEqual((cluster["StorageEncrypted"], cluster["BackupRetentionPeriod"]), (True, 7))
        instances = [one for one in self.rds.describe_db_instances()["DBInstances"]
                     if one["DBClusterIdentifier"] == found["ClusterIdentifier"]]
        self.assertEqual([(one["DBInstanceClass"], one["PubliclyAccessible"]) for one in instances],
                         [(kind, False)] * (1 if zones == "1" else 2))
        self.assertEqual("GreenlightSecretArn" in found, more.get("FrontendType") != "External")
        secret = json.loads(self.secretsmanager.get_secret_value(SecretId=found["ScaleliteSecretArn"])["SecretString"])
        self.assertRegex(secret["password"], "^[A-Za-z0-9]{48}$")

    def test_a_protected_database_stays(self):
        parameters = self.database("1", DeletionProtection="true")
        stack, found = self.deploy("database", **parameters)
        self.assertEqual(self.delete(stack)["StackStatus"], "DELETE_FAILED")
        self.rds.modify_db_cluster(DBClusterIdentifier=found["ClusterIdentifier"], DeletionProtection=False)
        self.remove(stack)

    def test_caches_of_every_kind_leave_a_snapshot_that_can_be_restored(self):
        before = self.everything()
        for zones, mode, key in (("1", "single-az", ""), ("2", "cross-az", self.key), ("3", "cross-az", "")):
            parameters = {
                "SubnetIds": self.networks[zones]["DatastoreSubnetIds"], "CacheGroupId": self.groups[zones]["CacheGroupId"],
                "ZoneMode": mode, "KeyArn": key, "OperatorTopicArn": self.topics["TopicArn"],
                "EventTopicArn": self.topics["CacheTopicArn"]}
            stack, found = self.deploy("cache", **parameters)
            nodes = self.elasticache.describe_cache_clusters()["CacheClusters"]
            self.assertEqual(len(nodes), 2 if mode == "cross-az" else 1)
            for node in nodes:
                for promise in ("TransitEncryptionEnabled", "AtRestEncryptionEnabled", "AuthTokenEnabled"):
                    self.assertTrue(node[promise])
                self.assertEqual(node["NotificationConfiguration"]["TopicStatus"], "active")
            watched = {one["Dimensions"][0]["Value"] for one in self.cloudwatch.describe_alarms()["MetricAlarms"]}
            self.assertEqual(watched, {one["CacheClusterId"] for one in nodes})
            token = json.loads(self.secretsmanager.get_secret_value(SecretId=found["SecretArn"])["SecretString"])["token"]
            self.assertRegex(token, "^[A-Za-z0-9]{64}$")
            if mode == "cross-az":
                self.change(stack, **{**parameters, "ZoneMode": "single-az"})
            self.remove(stack)
            [snapshot] = self.left_since(before)["snapshots"]
            self.remove(self.deploy("cache", **{**parameters, "SnapshotName": snapshot})[0])
            for one in self.left_since(before)["snapshots"]:
                self.elasticache.delete_snapshot(SnapshotName=one)
            self.assertEqual(self.left_since(before), {})


class Supplies(ProjectStacks):
    region = "eu-west-3"

    def test_the_bucket_of_sources_exports_its_name_and_goes_when_it_is_empty(self):
        s3 = self.server.client("s3", region=self.region)
        stack, found = self.deploy("sources-bucket")
        exported = {one["Name"]: one["Value"] for one in self.stacks.list_exports()["Exports"]}
        self.assertEqual(exported[f"{stack['StackName']}-BBBStackBucket"], found["BucketName"])
        self.assertEqual(s3.get_bucket_versioning(Bucket=found["BucketName"])["Status"], "Enabled")
        version = s3.put_object(Bucket=found["BucketName"], Key="code", Body=b"code")["VersionId"]
        self.assertEqual(self.delete(stack)["StackStatus"], "DELETE_FAILED")
        s3.delete_object(Bucket=found["BucketName"], Key="code", VersionId=version)
        self.remove(stack)

    def test_repositories_go_with_their_images(self):
        ecr = self.server.client("ecr", region=self.region)
        stack, found = self.deploy("registry")
        manifest = {"schemaVersion": 2, "config": {"digest": "sha256:" + "0" * 64, "size": 2}, "layers": []}
        image = {"repositoryName": found["GreenlightRepositoryName"], "imageTag": "v1"}
        ecr.put_image(imageManifest=json.dumps(manifest), **image)
        another = json.dumps({**manifest, "more": 1})
        self.refused("ImageTagAlreadyExistsException", ecr.put_image, imageManifest=another, **image)
        self.remove(stack)
        self.assertEqual(ecr.describe_repositories()["repositories"], [])


if __name__ == "__main__":
    unittest.main()
