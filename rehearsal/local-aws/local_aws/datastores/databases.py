"""Aurora clusters: made, restored, changed and deleted through RDS's own operations, with RDS's checks."""

from __future__ import annotations

from decimal import Decimal

from ministack.core.responses import AccountRegionScopedDict, new_uuid
from ministack.services import ec2, rds
from ministack.services.cloudformation import provisioners

from ..patching import replace
from ..refusals import Refused, called
from . import keys

NEEDS = {
    "ministack.services.cloudformation.provisioners:_RESOURCE_HANDLERS": dict,
    "ministack.services.cloudformation.provisioners:_delete_predecessor": "delete_fn, *args, **kwargs",
    "ministack.services.cloudformation.provisioners:_ec_query": "props, renames",
    "ministack.services.cloudformation.provisioners:_physical_name":
        "stack_name, logical_id, *, lowercase, max_len, seeded",
    "ministack.services.cloudformation.provisioners:_rds_db_cluster_attrs": "cluster",
    "ministack.services.cloudformation.provisioners:_rds_sync_tags": "arn, old_props, new_props, resource_type",
    "ministack.services.cloudformation.provisioners:_requires_replacement": "resource_type, old_props, new_props",
    "ministack.services.cloudformation.provisioners:_seeded_create": "create_fn, logical_id, props, stack_name",
    "ministack.services.ec2:_security_groups": AccountRegionScopedDict,
    "ministack.services.ec2:_subnets": AccountRegionScopedDict,
    "ministack.services.rds:_ACTION_MAP": dict,
    "ministack.services.rds:_clusters": AccountRegionScopedDict,
    "ministack.services.rds:_create_db_cluster": "p",
    "ministack.services.rds:_create_subnet_group": "p",
    "ministack.services.rds:_db_cluster_param_groups": AccountRegionScopedDict,
    "ministack.services.rds:_db_cluster_snapshots": AccountRegionScopedDict,
    "ministack.services.rds:_delete_db_cluster": "p",
    "ministack.services.rds:_delete_db_cluster_param_group": "p",
    "ministack.services.rds:_delete_subnet_group": "p",
    "ministack.services.rds:_error": "code, message, status",
    "ministack.services.rds:_modify_db_cluster": "p",
    "ministack.services.rds:_p": "params, key, default",
    "ministack.services.rds:_parse_member_list": "params, prefix",
    "ministack.services.rds:_subnet_groups": AccountRegionScopedDict,
}

TYPE = "AWS::RDS::DBCluster"


def refused(code: str, message: str, status: int = 400) -> Refused:
    return Refused("Rds", code, message, status)


def _answers(operation, check):
    """An operation of the API that checks its parameters first."""
    def checked(p):
        try:
            check(p)
        except Refused as error:
            return rds._error(error.code, error.message, error.status)
        return operation(p)
    return checked


def _check_subnet_group(p: dict) -> None:
    zones = {(ec2._subnets.get(one) or {}).get("AvailabilityZone") for one in rds._parse_member_list(p, "SubnetIds")}
    if len(zones - {None}) < 2:
        raise refused("DBSubnetGroupDoesNotCoverEnoughAZs",
                      "The DB subnet group doesn't meet Availability Zone (AZ) coverage requirement. Current AZ coverage: "
                      f"{', '.join(sorted(zones - {None}))}. Add subnets to cover at least 2 AZs.")


def _check_unused_subnet_group(p: dict) -> None:
    name = rds._p(p, "DBSubnetGroupName")
    if any(one.get("DBSubnetGroup") == name for one in rds._clusters.values()):
        raise refused("InvalidDBSubnetGroupStateFault",
                      f"Cannot delete the subnet group '{name}' because at least one database is still using it.")


def _check_unused_parameter_group(p: dict) -> None:
    name = rds._p(p, "DBClusterParameterGroupName")
    if any(one.get("DBClusterParameterGroup") == name for one in rds._clusters.values()):
        raise refused("InvalidDBParameterGroupState",
                      "One or more database instances are still members of this parameter group "
                      f"{name}, so the group cannot be deleted")


def _check_groups(p: dict) -> None:
    name = rds._p(p, "DBSubnetGroupName")
    subnets = rds._subnet_groups.get(name)
    if subnets is None:
        raise refused("DBSubnetGroupNotFoundFault", f"DB subnet group '{name}' does not exist.", 404)
    for one in rds._parse_member_list(p, "VpcSecurityGroupIds"):
        group = ec2._security_groups.get(one)
        if group is None:
            raise refused("InvalidParameterValue", f"Invalid security group , groupId= {one}, groupName=.")
        if group["VpcId"] != subnets["VpcId"]:
            raise refused("InvalidVPCNetworkStateFault",
                          "The DB instance and EC2 security group are in different VPCs. The DB instance is in "
                          f"{subnets['VpcId']} and the EC2 security group is in {group['VpcId']}")


def _check_parameter_group(p: dict) -> None:
    name = rds._p(p, "DBClusterParameterGroupName")
    group = rds._db_cluster_param_groups.get(name)
    family = rds._p(p, "Engine") + rds._p(p, "EngineVersion").split(".")[0]
    if group and rds._p(p, "EngineVersion") and group["DBParameterGroupFamily"] != family:
        raise refused("InvalidParameterCombination",
                      f"The parameter group {name} with DBParameterGroupFamily {group['DBParameterGroupFamily']} can't be "
                      f"used for this instance. Use a parameter group with DBParameterGroupFamily {family}.")


def _check_capacity(p: dict) -> None:
    prefix = "ServerlessV2ScalingConfiguration."
    texts = [rds._p(p, prefix + name) for name in ("MinCapacity", "MaxCapacity")]
    if not any(texts):
        return
    least, most = (Decimal(text or "0") for text in texts)
    if least % Decimal("0.5") or most % Decimal("0.5") or not 0 <= least <= most or not 1 <= most <= 256:
        raise refused("InvalidParameterValue",
                      f"Serverless v2 capacity {least} to {most} isn't valid: 0 to 256 in steps of 0.5, at most 256 and at "
                      "least 1 for the maximum, which can't be below the minimum.")


def _check_new(p: dict) -> None:
    _check_groups(p)
    _check_parameter_group(p)
    _check_capacity(p)
    for name in ("KmsKeyId", "MasterUserSecretKmsKeyId"):
        keys.check("Rds", "KMSKeyNotAccessibleFault", rds._p(p, name))


def _check_changed(p: dict) -> None:
    cluster = rds._clusters.get(rds._p(p, "DBClusterIdentifier")) or {}
    _check_parameter_group({"Engine": cluster.get("Engine", ""), **p})
    _check_capacity(p)


def _snapshot(name: str) -> dict:
    found = next((one for identifier, one in rds._db_cluster_snapshots.items()
                  if name in (identifier, one["DBClusterSnapshotArn"])), None)
    if found is None:
        raise refused("DBClusterSnapshotNotFoundFault", f"DBClusterSnapshot not found: {name}", 404)
    return found


def _restore(p: dict):
    """RestoreDBClusterFromSnapshot: the engine and the administrator's name are the snapshot's."""
    try:
        snapshot = _snapshot(rds._p(p, "SnapshotIdentifier"))
        if rds._p(p, "Engine") != snapshot["Engine"]:
            raise refused("InvalidParameterCombination",
                          f"The specified engine {rds._p(p, 'Engine')} isn't the snapshot's, {snapshot['Engine']}.")
    except Refused as error:
        return rds._error(error.code, error.message, error.status)
    taken = {"MasterUsername": snapshot["MasterUsername"], "StorageEncrypted": "true"}
    version = {} if rds._p(p, "EngineVersion") else {"EngineVersion": snapshot["EngineVersion"]}
    status, headers, body = rds._create_db_cluster({**p, **version, **taken})
    return status, headers, body.replace(b"CreateDBCluster", b"RestoreDBClusterFromSnapshot")


_MODIFIABLE = (
    "BackupRetentionPeriod", "CopyTagsToSnapshot", "DBClusterParameterGroupName", "DeletionProtection", "EngineVersion",
    "Port", "PreferredBackupWindow", "PreferredMaintenanceWindow", "ServerlessV2ScalingConfiguration",
    "VpcSecurityGroupIds",
)


class _Cluster:
    @staticmethod
    def _request(properties: dict) -> dict:
        asked = {name: value for name, value in properties.items() if name not in ("MasterUserSecret", "Tags")}
        secret = properties.get("MasterUserSecret") or {}
        if secret.get("KmsKeyId"):
            asked["MasterUserSecretKmsKeyId"] = secret["KmsKeyId"]
        return provisioners._ec_query(asked)

    @staticmethod
    def _attributes(cluster: dict) -> dict:
        attributes = provisioners._rds_db_cluster_attrs(cluster)
        if secret := cluster.get("MasterUserSecret"):
            attributes["MasterUserSecret.SecretArn"] = secret["SecretArn"]
        return attributes

    @staticmethod
    def create(logical_id, properties, stack_name):
        name = properties.get("DBClusterIdentifier") or provisioners._physical_name(
            stack_name, logical_id, lowercase=True, max_len=63)
        restored = properties.get("SnapshotIdentifier")
        if restored and properties.get("MasterUsername"):
            raise refused("InvalidParameterCombination", "MasterUsername cannot be specified with SnapshotIdentifier.")
        request = {**_Cluster._request(properties), "DBClusterIdentifier": name}
        called("Rds", _restore if restored else rds._create_db_cluster, request)
        cluster = rds._clusters[name]
        cluster["EnabledCloudwatchLogsExports"] = list(properties.get("EnableCloudwatchLogsExports") or [])
        provisioners._rds_sync_tags(cluster["DBClusterArn"], {}, properties, TYPE)
        return name, _Cluster._attributes(cluster)

    @staticmethod
    def update(physical_id, old_properties, new_properties, stack_name, logical_id=None):
        named = old_properties.get("DBClusterIdentifier") != new_properties.get("DBClusterIdentifier")
        if named or physical_id not in rds._clusters:
            return _Cluster.create(logical_id or physical_id, new_properties, stack_name)
        if provisioners._requires_replacement(TYPE, old_properties, new_properties):
            made = provisioners._seeded_create(_Cluster.create, logical_id or physical_id, new_properties, stack_name)
            provisioners._delete_predecessor(_Cluster.delete, physical_id, old_properties)
            return made
        changed = {name: new_properties[name] for name in _MODIFIABLE
                   if name in new_properties and new_properties[name] != old_properties.get(name)}
        cluster = rds._clusters[physical_id]
        if changed:
            called("Rds", rds._modify_db_cluster, {
                **_Cluster._request(changed), "DBClusterIdentifier": physical_id, "ApplyImmediately": "true"})
        cluster["EnabledCloudwatchLogsExports"] = list(new_properties.get("EnableCloudwatchLogsExports") or [])
        provisioners._rds_sync_tags(cluster["DBClusterArn"], old_properties, new_properties, TYPE)
        return physical_id, _Cluster._attributes(cluster)

    @staticmethod
    def delete(physical_id, _properties):
        if physical_id in rds._clusters:
            called("Rds", rds._delete_db_cluster, {"DBClusterIdentifier": physical_id, "SkipFinalSnapshot": "true"})

    @staticmethod
    def snapshot(physical_id, _properties):
        """The last snapshot has a name of its own. It belongs to the deletion, so there is none when that is refused."""
        if physical_id in rds._clusters and not rds._clusters[physical_id]["DeletionProtection"]:
            called("Rds", rds._ACTION_MAP["CreateDBClusterSnapshot"], {
                "DBClusterIdentifier": physical_id,
                "DBClusterSnapshotIdentifier": f"{physical_id[:40]}-snapshot-{new_uuid()[:12]}"})


def install() -> None:
    for action, function, check in (
        ("CreateDBSubnetGroup", "_create_subnet_group", _check_subnet_group),
        ("DeleteDBSubnetGroup", "_delete_subnet_group", _check_unused_subnet_group),
        ("DeleteDBClusterParameterGroup", "_delete_db_cluster_param_group", _check_unused_parameter_group),
        ("CreateDBCluster", "_create_db_cluster", _check_new),
        ("ModifyDBCluster", "_modify_db_cluster", _check_changed),
    ):
        new = _answers(getattr(rds, function), check)
        replace(rds, function, new)
        rds._ACTION_MAP[action] = new
    rds._ACTION_MAP["RestoreDBClusterFromSnapshot"] = _restore
    provisioners._RESOURCE_HANDLERS[TYPE] = {
        "create": _Cluster.create, "update": _Cluster.update, "delete": _Cluster.delete, "snapshot": _Cluster.snapshot,
        "update_with_logical_id": True,
    }
