"""The project's own stacks, each deployed alone: what all tests of them share."""

from __future__ import annotations

import pathlib
import uuid

from support import LocalAwsTest

TEMPLATES = pathlib.Path(__file__).resolve().parents[3] / "templates"


class ProjectStacks(LocalAwsTest):
    """Each class has a region of its own, so that everything in it is what its stacks made."""

    region = ""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        for name in ("cloudformation", "cloudwatch", "ec2", "efs", "elasticache", "iam", "kms", "logs", "rds",
                     "secretsmanager", "sns"):
            setattr(cls, name, cls.server.client(name, region=cls.region))
        cls.stacks = cls.cloudformation

    def everything(self) -> dict[str, list]:
        """What there is of every kind that the stacks make."""
        shown = {
            "vpcs": (self.ec2.describe_vpcs, "Vpcs", "VpcId"), "subnets": (self.ec2.describe_subnets, "Subnets", "SubnetId"),
            "groups": (self.ec2.describe_security_groups, "SecurityGroups", "GroupId"),
            "tables": (self.ec2.describe_route_tables, "RouteTables", "RouteTableId"),
            "gateways": (self.ec2.describe_internet_gateways, "InternetGateways", "InternetGatewayId"),
            "addresses": (self.ec2.describe_addresses, "Addresses", "AllocationId"),
            "endpoints": (self.ec2.describe_vpc_endpoints, "VpcEndpoints", "VpcEndpointId"),
            "flow logs": (self.ec2.describe_flow_logs, "FlowLogs", "FlowLogId"),
            "access lists": (self.ec2.describe_network_acls, "NetworkAcls", "NetworkAclId"),
            "clusters": (self.rds.describe_db_clusters, "DBClusters", "DBClusterIdentifier"),
            "instances": (self.rds.describe_db_instances, "DBInstances", "DBInstanceIdentifier"),
            "cluster snapshots": (
                self.rds.describe_db_cluster_snapshots, "DBClusterSnapshots", "DBClusterSnapshotIdentifier"),
            "settings": (self.rds.describe_db_cluster_parameter_groups, "DBClusterParameterGroups",
                         "DBClusterParameterGroupName"),
            "database subnets": (self.rds.describe_db_subnet_groups, "DBSubnetGroups", "DBSubnetGroupName"),
            "subscriptions": (self.rds.describe_event_subscriptions, "EventSubscriptionsList", "CustSubscriptionId"),
            "caches": (self.elasticache.describe_replication_groups, "ReplicationGroups", "ReplicationGroupId"),
            "nodes": (self.elasticache.describe_cache_clusters, "CacheClusters", "CacheClusterId"),
            "snapshots": (self.elasticache.describe_snapshots, "Snapshots", "SnapshotName"),
            "cache subnets": (self.elasticache.describe_cache_subnet_groups, "CacheSubnetGroups", "CacheSubnetGroupName"),
            "cache settings": (
                self.elasticache.describe_cache_parameter_groups, "CacheParameterGroups", "CacheParameterGroupName"),
            "file systems": (self.efs.describe_file_systems, "FileSystems", "FileSystemId"),
            "access points": (self.efs.describe_access_points, "AccessPoints", "AccessPointId"),
            "logs": (self.logs.describe_log_groups, "logGroups", "logGroupName"),
            "secrets": (self.secretsmanager.list_secrets, "SecretList", "Name"),
            "alarms": (self.cloudwatch.describe_alarms, "MetricAlarms", "AlarmName"),
            "topics": (self.sns.list_topics, "Topics", "TopicArn"),
        }
        found = {kind: sorted(one[key] for one in call()[field]) for kind, (call, field, key) in shown.items()}
        nats = self.ec2.describe_nat_gateways()["NatGateways"]
        found["NAT gateways"] = sorted(one["NatGatewayId"] for one in nats if one["State"] != "deleted")
        return found

    def left_since(self, before: dict) -> dict:
        after = self.everything()
        return {kind: new for kind in after if (new := [one for one in after[kind] if one not in before[kind]])}

    def deploy(self, template: str, **parameters) -> tuple[dict, dict]:
        stack = self.stacks.create_stack(
            StackName=f"{template}-{uuid.uuid4().hex[:8]}", TemplateBody=(TEMPLATES / f"{template}.yaml").read_text(),
            Capabilities=["CAPABILITY_IAM"], Parameters=self.given(parameters))
        found = self.settle(stack["StackId"])
        self.assertEqual(found["StackStatus"], "CREATE_COMPLETE", self.events(found["StackId"]))
        return found, self.outputs(found)

    @staticmethod
    def given(parameters: dict) -> list[dict]:
        return [{"ParameterKey": key, "ParameterValue": str(value)} for key, value in parameters.items()]

    @staticmethod
    def outputs(stack: dict) -> dict:
        return {one["OutputKey"]: one["OutputValue"] for one in stack.get("Outputs", [])}

    def change(self, stack: dict, status: str = "UPDATE_COMPLETE", **parameters) -> dict:
        self.stacks.update_stack(StackName=stack["StackId"], UsePreviousTemplate=True, Capabilities=["CAPABILITY_IAM"],
                                 Parameters=self.given(parameters))
        found = self.settle(stack["StackId"])
        self.assertEqual(found["StackStatus"], status, self.events(stack["StackId"]))
        return self.outputs(found)

    def remove(self, stack: dict) -> None:
        self.assertEqual(self.delete(stack)["StackStatus"], "DELETE_COMPLETE", self.events(stack["StackId"]))
