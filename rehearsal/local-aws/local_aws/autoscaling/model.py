"""What Auto Scaling knows: groups, the instances in them, the lifecycle actions these wait for, and what was done."""

from __future__ import annotations

import datetime
import time
from dataclasses import dataclass, field
from typing import Any

from ministack.core.responses import AccountRegionScopedDict, get_account_id, get_region, new_uuid

from ..clock import Timer
from ..instances import states
from ..instances.templates import Version

LAUNCHING = "autoscaling:EC2_INSTANCE_LAUNCHING"
TERMINATING = "autoscaling:EC2_INSTANCE_TERMINATING"

# No action waits longer than two days or a hundred of its heartbeats.
_LONGEST_WAIT_SECONDS = 172_800
_MOST_HEARTBEATS = 100

# One lock for instances and groups: each side tells the other of its changes.
lock = states.lock


class Refused(Exception):
    """A request is refused with a code of the API's."""

    def __init__(self, message: str, code: str = "ValidationError"):
        super().__init__(message)
        self.code = code


def timestamp() -> str:
    return datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "Z"


@dataclass
class Hook:
    """A lifecycle hook."""

    name: str
    transition: str
    heartbeat: int = 3600
    default: str = "ABANDON"
    metadata: str = ""

    @property
    def longest(self) -> int:
        """How long an instance can wait for it, in seconds."""
        return min(_LONGEST_WAIT_SECONDS, _MOST_HEARTBEATS * self.heartbeat)


@dataclass
class Action:
    """A lifecycle action that an instance waits for. It keeps the hook as it was when the action began."""

    hook: Hook
    token: str = field(default_factory=new_uuid)
    ends: float = 0.0
    timer: Timer | None = None

    def __post_init__(self) -> None:
        self.ends = time.time() + self.hook.longest


@dataclass
class Activity:
    """A scaling activity."""

    description: str
    cause: str
    id: str = field(default_factory=new_uuid)
    started: str = field(default_factory=timestamp)
    ended: str = ""
    status: str = "InProgress"
    message: str = ""
    progress: int = 0
    details: str = "{}"

    def end(self, status: str = "Successful", message: str = "") -> None:
        self.status, self.message, self.progress, self.ended = status, message, 100, timestamp()


@dataclass
class Member:
    """An instance of a group or of its warm pool."""

    instance: dict
    zone: str
    subnet: str
    version: Version
    activity: Activity
    state: str
    origin: str = "EC2"
    destination: str = "AutoScalingGroup"
    health: str = "Healthy"
    protected: bool = False
    since: float = field(default_factory=time.time)
    actions: dict[str, Action] = field(default_factory=dict)

    @property
    def id(self) -> str:
        return self.instance["InstanceId"]

    @property
    def warm(self) -> bool:
        """Whether it is in the warm pool."""
        return self.state.startswith("Warmed:")

    @property
    def counts(self) -> bool:
        """Whether it is part of the capacity."""
        return self.state == "InService" or self.state.startswith("Pending")

    @property
    def ending(self) -> bool:
        return "Terminating" in self.state or self.state.endswith("Terminated")

    @property
    def retained(self) -> bool:
        return self.state.endswith(":Retained")


@dataclass
class WarmPool:
    minimum: int = 0
    prepared: int | None = None
    state: str = "Stopped"
    deleted: bool = False


@dataclass
class Group:
    """An Auto Scaling group."""

    name: str
    minimum: int
    maximum: int
    desired: int
    template: dict[str, str]
    subnets: list[str]
    policies: list[str]
    hooks: dict[str, Hook] = field(default_factory=dict)
    retain: bool = False
    protect_new: bool = False
    cooldown: int = 300
    grace: int = 0
    warmup: int | None = None
    health_check: str = "EC2"
    lifetime: int | None = None
    tags: list[dict[str, Any]] = field(default_factory=list)
    linked_role: str = ""
    suspended: set[str] = field(default_factory=set)
    warm_pool: WarmPool | None = None
    members: dict[str, Member] = field(default_factory=dict)
    activities: list[Activity] = field(default_factory=list)
    status: str = ""
    created: str = field(default_factory=timestamp)
    account: str = field(default_factory=get_account_id)
    region: str = field(default_factory=get_region)
    arn: str = ""

    def __post_init__(self) -> None:
        self.arn = (f"arn:aws:autoscaling:{self.region}:{self.account}:autoScalingGroup:{new_uuid()}"
                    f":autoScalingGroupName/{self.name}")
        self.linked_role = self.linked_role or (
            f"arn:aws:iam::{self.account}:role/aws-service-role/autoscaling.amazonaws.com/AWSServiceRoleForAutoScaling")

    def in_group(self) -> list[Member]:
        return [one for one in self.members.values() if not one.warm]

    def in_warm_pool(self) -> list[Member]:
        return [one for one in self.members.values() if one.warm]

    def capacity(self) -> list[Member]:
        return [one for one in self.members.values() if one.counts]


groups = AccountRegionScopedDict()


def find_group(name: str) -> Group:
    if not name:
        raise Refused("1 validation error detected: Value null at 'autoScalingGroupName' failed to satisfy constraint: "
                      "Member must not be null")
    group = groups.get(name.split(":autoScalingGroupName/")[-1])
    if group is None:
        raise Refused(f"AutoScalingGroup name not found - AutoScalingGroup '{name}' not found")
    return group


def find_member(instance_id: str) -> tuple[Group, Member] | None:
    for group in groups.values():
        if instance_id in group.members:
            return group, group.members[instance_id]
    return None
