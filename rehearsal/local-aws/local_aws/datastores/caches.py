"""ElastiCache's replication groups: zones, tokens and snapshots as ElastiCache checks them, and names as it gives them."""

from __future__ import annotations

import re
import uuid
from xml.sax.saxutils import escape

from ministack.core.responses import AccountRegionScopedDict, get_account_id, get_region
from ministack.services import ec2, elasticache, sns
from ministack.services.cloudformation import provisioners

from ..patching import replace
from ..refusals import Refused, called
from ..service_principals import allowed
from . import keys

NEEDS = {
    "ministack.services.cloudformation.provisioners:_RESOURCE_HANDLERS": dict,
    "ministack.services.ec2:_security_groups": AccountRegionScopedDict,
    "ministack.services.elasticache:_cluster_xml_inner": "c",
    "ministack.services.elasticache:_clusters": AccountRegionScopedDict,
    "ministack.services.elasticache:_create_replication_group": "p",
    "ministack.services.elasticache:_create_snapshot": "p",
    "ministack.services.elasticache:_decrease_replica_count": "p",
    "ministack.services.elasticache:_error": "code, message, status",
    "ministack.services.elasticache:_extract_configs": "p, container, item_names",
    "ministack.services.elasticache:_increase_replica_count": "p",
    "ministack.services.elasticache:_p": "params, key, default",
    "ministack.services.elasticache:_param_groups": AccountRegionScopedDict,
    "ministack.services.elasticache:_replication_groups": AccountRegionScopedDict,
    "ministack.services.elasticache:_snapshots": AccountRegionScopedDict,
    "ministack.services.elasticache:_subnet_groups": AccountRegionScopedDict,
    "ministack.services.sns:_topic_by_arn_any_scope": "topic_arn",
}

_SERVICE = "elasticache.amazonaws.com"


def _refused(code: str, message: str) -> Refused:
    return Refused("ElastiCache", code, message)


def _is_true(p: dict, name: str) -> bool:
    return elasticache._p(p, name).lower() == "true"


def _check_zones(p: dict, subnets: dict) -> None:
    nodes = int(elasticache._p(p, "NumCacheClusters") or "1")
    if _is_true(p, "MultiAZEnabled") and not _is_true(p, "AutomaticFailoverEnabled"):
        raise _refused("InvalidParameterCombination", "Must specify Auto Failover as enabled to use Multi-AZ.")
    if _is_true(p, "AutomaticFailoverEnabled") and nodes < 2:
        raise _refused("InvalidParameterCombination",
                       "When using automatic failover, there must be at least 2 cache clusters in the replication group.")
    zones = {(one.get("SubnetAvailabilityZone") or {}).get("Name") for one in subnets["Subnets"]}
    if _is_true(p, "MultiAZEnabled") and len(zones) < 2:
        raise _refused("InvalidParameterCombination", "Multi-AZ needs subnets in at least two availability zones.")


def _check_parameters(p: dict) -> None:
    name = elasticache._p(p, "CacheParameterGroupName")
    if not name:
        return
    group = elasticache._param_groups.get(name)
    if group is None:
        raise _refused("CacheParameterGroupNotFound", f"CacheParameterGroup {name} not found.")
    version = elasticache._p(p, "EngineVersion")
    family = elasticache._p(p, "Engine") + version.split(".")[0]
    if version and group["CacheParameterGroupFamily"] != family:
        raise _refused("InvalidParameterCombination",
                       f"Expected a parameter group of family {family} but found one of family "
                       f"{group['CacheParameterGroupFamily']}")


def _check(p: dict) -> None:
    name = elasticache._p(p, "CacheSubnetGroupName")
    subnets = elasticache._subnet_groups.get(name)
    if name and subnets is None:
        raise _refused("CacheSubnetGroupNotFoundFault", f"Cache Subnet Group {name} does not exist.")
    if subnets:
        _check_zones(p, subnets)
        for one in elasticache._extract_configs(p, "SecurityGroupIds", ("SecurityGroupId", "member")):
            if (ec2._security_groups.get(one) or {}).get("VpcId") != subnets["VpcId"]:
                raise _refused("InvalidParameterValue", f"Security group [{one}] isn't in the VPC of the subnet group.")
    _check_parameters(p)
    token = elasticache._p(p, "AuthToken")
    if token and not re.fullmatch(r"[A-Za-z0-9!&#$^<>-]{16,128}", token):
        raise _refused("InvalidParameterValue",
                       "Invalid AuthToken provided. It must be 16 to 128 letters, digits or one of !&#$^<>-.")
    keys.check("ElastiCache", "InvalidKMSKeyFault", elasticache._p(p, "KmsKeyId"))
    snapshot = elasticache._p(p, "SnapshotName")
    if snapshot and snapshot not in elasticache._snapshots:
        raise _refused("SnapshotNotFoundFault", f"{snapshot} is not found.")


def _topic_status(arn: str) -> str:
    """ElastiCache takes any topic and turns one off that it cannot publish to, which every encrypted one is."""
    topic = sns._topic_by_arn_any_scope(arn)
    if topic is None or topic["attributes"].get("KmsMasterKeyId"):
        return "inactive"
    # It acts for the account, and knows aws:SourceOwner but not aws:SourceAccount.
    source = {"aws:sourceowner": get_account_id()}
    is_allowed = allowed(topic["attributes"].get("Policy"), _SERVICE, "sns:Publish", arn, source)
    return "active" if is_allowed else "inactive"


def _settle(group: dict) -> None:
    """Nodes and endpoints named as ElastiCache names them, and the nodes the group has, no more and no fewer."""
    identifier = group["ReplicationGroupId"]
    label = uuid.uuid5(uuid.NAMESPACE_DNS, f"{get_account_id()}.{get_region()}").hex[:6]
    domain = f"{identifier}.{label}.{get_region()}.cache.amazonaws.com"
    old = {name: elasticache._clusters.pop(name) for name in group["MemberClusters"]}
    port = next(iter(old.values()))["CacheNodes"][0]["Endpoint"]["Port"]
    primary = f"master.{domain}" if group.get("TransitEncryptionEnabled") else domain
    [shard] = group["NodeGroups"]
    shard["PrimaryEndpoint"] = {"Address": primary, "Port": port}
    shard["ReaderEndpoint"] = {"Address": f"replica.{domain}", "Port": port}
    group["MemberClusters"] = []
    for number, member in enumerate(shard["NodeGroupMembers"], 1):
        name = f"{identifier}-{number:03d}"
        endpoint = {"Address": f"{name}.{domain}", "Port": port}
        cluster = old.get(member["CacheClusterId"]) or next(iter(old.values()))
        member.update(CacheClusterId=name, ReadEndpoint=endpoint)
        elasticache._clusters[name] = {
            **cluster, "CacheClusterId": name, "CacheNodes": [{**cluster["CacheNodes"][0], "Endpoint": endpoint}]}
        group["MemberClusters"].append(name)


def _settles(group: dict | None) -> bool:
    """Groups of several shards, and those that run in containers, are MiniStack's alone."""
    return bool(group) and len(group["NodeGroups"]) == 1 and not group.get("_docker_container_ids")


def _resized(operation):
    """IncreaseReplicaCount and DecreaseReplicaCount."""
    def resized(p):
        group = elasticache._replication_groups.get(elasticache._p(p, "ReplicationGroupId"))
        alone = elasticache._p(p, "NewReplicaCount") == "0"
        if group and alone and group["AutomaticFailover"] == "enabled":
            return elasticache._error(
                "InvalidReplicationGroupState", "Automatic failover needs at least one replica: turn it off first.", 400)
        answer = operation(p)
        if answer[0] < 300 and _settles(group):
            _settle(group)
        return answer
    return resized


def _create(operation):
    def create(p):
        try:
            _check(p)
        except Refused as error:
            return elasticache._error(error.code, error.message, error.status)
        status, headers, body = operation(p)
        group = elasticache._replication_groups.get(elasticache._p(p, "ReplicationGroupId"))
        if status < 300 and _settles(group):
            for name in group["MemberClusters"]:
                elasticache._clusters[name]["CacheNodes"][0]["Endpoint"]["Port"] = int(elasticache._p(p, "Port") or "6379")
            _settle(group)
        if status < 300 and (topic := elasticache._p(p, "NotificationTopicArn")):
            for name in group["MemberClusters"]:
                elasticache._clusters[name]["NotificationTopicArn"] = topic
        return status, headers, body
    return create


def _shown(operation):
    """A node with the topic of its events, and whether ElastiCache can publish there at this moment."""
    def shown(c):
        topic = c.get("NotificationTopicArn")
        return operation(c) + (
            f"<NotificationConfiguration><TopicArn>{escape(topic)}</TopicArn>"
            f"<TopicStatus>{_topic_status(topic)}</TopicStatus></NotificationConfiguration>" if topic else "")
    return shown


def _snapshot(physical_id, _properties):
    if physical_id in elasticache._replication_groups:
        called("ElastiCache", elasticache._create_snapshot, {
            "ReplicationGroupId": physical_id, "SnapshotName": f"{physical_id}-snapshot-{uuid.uuid4().hex[:12]}"})


def install() -> None:
    replace(elasticache, "_create_replication_group", _create(elasticache._create_replication_group))
    for name in ("_increase_replica_count", "_decrease_replica_count"):
        replace(elasticache, name, _resized(getattr(elasticache, name)))
    replace(elasticache, "_cluster_xml_inner", _shown(elasticache._cluster_xml_inner))
    provisioners._RESOURCE_HANDLERS["AWS::ElastiCache::ReplicationGroup"]["snapshot"] = _snapshot
