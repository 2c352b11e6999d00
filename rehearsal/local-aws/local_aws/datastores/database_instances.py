"""Instances of Aurora clusters: of the cluster's engine and version, in its subnets, one of them the writer."""

from __future__ import annotations

from ministack.core.responses import AccountRegionScopedDict
from ministack.services import cloudwatch_logs, rds
from ministack.services.cloudformation import provisioners

from .databases import refused

NEEDS = {
    "ministack.services.cloudformation.provisioners:_RESOURCE_HANDLERS": dict,
    "ministack.services.cloudformation.provisioners:_rds_db_instance_create": "logical_id, props, stack_name",
    "ministack.services.cloudformation.provisioners:_rds_db_instance_delete": "physical_id, props",
    "ministack.services.cloudformation.provisioners:_rds_db_instance_update":
        "physical_id, old_props, new_props, stack_name, logical_id",
    "ministack.services.cloudwatch_logs:_create_log_group": "data",
    "ministack.services.cloudwatch_logs:_log_groups": AccountRegionScopedDict,
    "ministack.services.rds:_clusters": AccountRegionScopedDict,
    "ministack.services.rds:_instances": AccountRegionScopedDict,
    "ministack.services.rds:_subnet_groups": AccountRegionScopedDict,
}


def _check(properties: dict, cluster: dict) -> None:
    if properties.get("Engine") != cluster["Engine"]:
        raise refused("InvalidParameterCombination", f"The engine name requested for your DB instance "
                      f"({properties.get('Engine')}) doesn't match the engine name of your DB cluster ({cluster['Engine']}).")
    if properties.get("DBInstanceClass") == "db.serverless" and not cluster.get("ServerlessV2ScalingConfiguration"):
        raise refused("InvalidDBClusterStateFault", "Set the Serverless v2 scaling configuration on the parent DB cluster "
                      "before creating a Serverless v2 DB instance.")
    group = rds._subnet_groups.get(cluster["DBSubnetGroup"]) or {}
    zones = [one["SubnetAvailabilityZone"]["Name"] for one in group.get("Subnets") or []]
    if properties.get("AvailabilityZone") and properties["AvailabilityZone"] not in zones:
        raise refused("InvalidVPCNetworkStateFault", f"Cannot create a DB instance in {properties['AvailabilityZone']}: the "
                      "DB subnet group has no subnet there.")


def _cluster(properties: dict) -> dict | None:
    name = properties.get("DBClusterIdentifier")
    if not name:
        return None
    if name not in rds._clusters:
        raise refused("DBClusterNotFoundFault", f"DBCluster {name} not found.", 404)
    return rds._clusters[name]


def _make_log_groups(cluster: dict) -> None:
    """The first instance writes the logs that the cluster exports, into groups that are kept for ever."""
    for kind in cluster.get("EnabledCloudwatchLogsExports") or []:
        name = f"/aws/rds/cluster/{cluster['DBClusterIdentifier']}/{kind}"
        if name not in cloudwatch_logs._log_groups:
            cloudwatch_logs._create_log_group({"logGroupName": name})


def _place(identifier: str, properties: dict, cluster: dict) -> None:
    """The zone that was asked for, or the first that has no instance of the cluster."""
    group = rds._subnet_groups.get(cluster["DBSubnetGroup"]) or {}
    zones = [one["SubnetAvailabilityZone"]["Name"] for one in group.get("Subnets") or []]
    taken = [rds._instances[one["DBInstanceIdentifier"]]["AvailabilityZone"] for one in cluster["DBClusterMembers"]
             if one["DBInstanceIdentifier"] != identifier]
    free = [zone for zone in zones if zone not in taken] or zones
    rds._instances[identifier].update(
        AvailabilityZone=properties.get("AvailabilityZone") or (free[0] if free else ""),
        DBSubnetGroup=group, EngineVersion=cluster["EngineVersion"], StorageEncrypted=cluster["StorageEncrypted"],
        VpcSecurityGroups=cluster["VpcSecurityGroups"], MasterUserSecret=cluster.get("MasterUserSecret"))


def _one_writer(cluster: dict) -> None:
    for number, member in enumerate(cluster["DBClusterMembers"]):
        member["IsClusterWriter"] = number == 0


class _Instance:
    @staticmethod
    def create(logical_id, properties, stack_name):
        cluster = _cluster(properties)
        if cluster is not None:
            _check(properties, cluster)
        identifier, attributes = provisioners._rds_db_instance_create(logical_id, properties, stack_name)
        if cluster is not None:
            _place(identifier, properties, cluster)
            _one_writer(cluster)
            _make_log_groups(cluster)
        return identifier, attributes

    @staticmethod
    def update(physical_id, old_properties, new_properties, stack_name, logical_id=None):
        cluster = _cluster(new_properties)
        if cluster is not None:
            _check(new_properties, cluster)
        identifier, attributes = provisioners._rds_db_instance_update(
            physical_id, old_properties, new_properties, stack_name, logical_id)
        if cluster is not None:
            _place(identifier, new_properties, cluster)
            _one_writer(cluster)
        return identifier, attributes

    @staticmethod
    def delete(physical_id, properties):
        provisioners._rds_db_instance_delete(physical_id, properties)
        if cluster := rds._clusters.get(properties.get("DBClusterIdentifier") or ""):
            _one_writer(cluster)


def install() -> None:
    provisioners._RESOURCE_HANDLERS["AWS::RDS::DBInstance"].update(
        create=_Instance.create, update=_Instance.update, delete=_Instance.delete)
