"""The life of an instance in a group: launched, waited for, in service, terminated, waited for, gone or retained."""

from __future__ import annotations

import json
import logging
import time

from ministack.services import ec2

from ..clock import clock
from ..instances import states, templates
from . import announcements
from .model import LAUNCHING, TERMINATING, Action, Activity, Group, Member, Refused, find_member, groups, lock, timestamp

logger = logging.getLogger("local_aws.autoscaling")

# How long the states last in which nothing is waited for.
MOMENT_SECONDS = 0.1

_GONE = ("stopping", "stopped", "shutting-down", "terminated")


def _wake(group: Group) -> None:
    from . import capacity

    capacity.wake(group)


def _later(group: Group, member: Member, expected: str, action) -> None:
    """Let `action` happen in a moment, if the instance is then still in the state expected."""

    def act() -> None:
        with lock:
            if member.state == expected:
                action(group, member)

    clock.after(MOMENT_SECONDS, act)


def _subnet(group: Group) -> tuple[str, str]:
    """The subnet for another instance, where there are the fewest, and its zone."""
    def load(subnet_id: str) -> tuple[int, int]:
        zone = ec2._subnets[subnet_id]["AvailabilityZone"]
        alive = [one for one in group.members.values() if not one.ending]
        return (sum(one.zone == zone for one in alive), sum(one.subnet == subnet_id for one in alive))

    chosen = min(group.subnets, key=load)
    return chosen, ec2._subnets[chosen]["AvailabilityZone"]


def launch(group: Group, cause: str, *, warm: bool = False) -> bool:
    """Make an instance for the group or its warm pool; False when EC2 will not."""
    activity = Activity("Launching a new EC2 instance", cause)
    group.activities.insert(0, activity)
    try:
        version = templates.version(group.template)
        subnet, zone = _subnet(group)
        tags = {tag["Key"]: tag["Value"] for tag in group.tags if tag["PropagateAtLaunch"]}
        tags |= {
            "aws:autoscaling:groupName": group.name, "aws:ec2launchtemplate:id": version.id,
            "aws:ec2launchtemplate:version": str(version.number),
        }
        instance = templates.launch(version, subnet, tags)
    except templates.Unusable as unusable:
        activity.end("Failed", f"{unusable} Launching EC2 instance failed.")
        announcements.failed_launch(group, activity)
        return False
    activity.description = f"Launching a new EC2 instance: {instance['InstanceId']}"
    activity.details = json.dumps({"Subnet ID": subnet, "Availability Zone": zone})
    member = Member(
        instance, zone, subnet, version, activity, "Warmed:Pending" if warm else "Pending",
        destination="WarmPool" if warm else "AutoScalingGroup", protected=group.protect_new and not warm,
    )
    group.members[member.id] = member
    return True


def leave_warm_pool(group: Group, member: Member, cause: str) -> None:
    """Move a ready instance from the warm pool into the group; it is started if it is stopped."""
    member.activity = Activity(f"Launching a new EC2 instance from warm pool: {member.id}", cause)
    group.activities.insert(0, member.activity)
    member.state, member.origin, member.destination = "Pending", "WarmPool", "AutoScalingGroup"
    member.since, member.protected = time.time(), group.protect_new
    if states.name(member.instance) == "stopped":
        states.start(member.instance)
    else:
        _launched(group, member)


def _launched(group: Group, member: Member) -> None:
    """It runs: now its launch is waited for, if there is a hook."""
    if not _begin(group, member, LAUNCHING):
        _proceed(group, member)


def _begin(group: Group, member: Member, transition: str) -> bool:
    """Let an instance wait for the hooks of a transition; False when there are none."""
    hooks = [hook for hook in group.hooks.values() if hook.transition == transition]
    if not hooks:
        return False
    member.state += ":Wait"
    member.activity.status, member.activity.progress = "MidLifecycleAction", 60
    member.actions = {hook.name: Action(hook) for hook in hooks}
    for action in list(member.actions.values()):
        _set_timer(group, member, action)
        announcements.lifecycle_action(group, member, action)
    return True


def _set_timer(group: Group, member: Member, action: Action) -> None:
    if action.timer is not None:
        action.timer.cancel()

    def expire() -> None:
        with lock:
            if member.actions.get(action.hook.name) is action:
                logger.info("%s waited too long for the hook %s", member.id, action.hook.name)
                complete(group, member, action, action.hook.default)

    action.timer = clock.at(min(time.time() + action.hook.heartbeat, action.ends), expire)


def find_action(group: Group, hook: str, instance_id: str, token: str) -> tuple[Member, Action]:
    """The action that a request means by its token, or by its instance alone."""
    for member in group.members.values():
        action = member.actions.get(hook)
        if action is not None and (action.token == token if token else member.id == instance_id):
            return member, action
    what = f"token {token}" if token else f"instance ID {instance_id}"
    raise Refused(f"No active Lifecycle Action found with {what}")


def heartbeat(group: Group, member: Member, action: Action) -> None:
    _set_timer(group, member, action)


def _end_actions(member: Member) -> None:
    for action in member.actions.values():
        if action.timer is not None:
            action.timer.cancel()
    member.actions = {}


def complete(group: Group, member: Member, action: Action, result: str) -> None:
    """End an action. ABANDON ends the others too, CONTINUE waits for them."""
    if action.timer is not None:
        action.timer.cancel()
    del member.actions[action.hook.name]
    if result == "ABANDON":
        _end_actions(member)
        if action.hook.transition == LAUNCHING:
            member.activity.end("Cancelled", "Instance failed to complete user's Lifecycle Action: "
                                             f"Lifecycle Action with token {action.token} was abandoned")
            announcements.outcome(group, member, member.activity, "Launch Unsuccessful")
            terminate(group, member, f"At {timestamp()} an instance was taken out of service because its lifecycle "
                                     "action was abandoned.")
        elif group.retain and states.name(member.instance) not in ("shutting-down", "terminated"):
            _retain(group, member)
        else:
            _proceed(group, member)
    elif not member.actions:
        _proceed(group, member)


def _proceed(group: Group, member: Member) -> None:
    """Nothing is waited for any more."""
    member.state = member.state.removesuffix(":Wait") + ":Proceed"
    if member.ending:
        _terminate_instance(group, member)
    else:
        _later(group, member, member.state, _arrive)


def _arrive(group: Group, member: Member) -> None:
    """The launch is over: in service, or to rest in the warm pool."""
    if not member.warm:
        member.state = "InService"
        member.since = time.time()
        member.activity.end()
        announcements.outcome(group, member, member.activity, "Launch Successful")
        if states.name(member.instance) in _GONE:
            _later(group, member, member.state, unhealthy)
    elif group.warm_pool is not None and group.warm_pool.state == "Stopped":
        states.stop(member.instance)
        return
    else:
        _rest(group, member, "Warmed:Running")
    _wake(group)


def _rest(group: Group, member: Member, state: str) -> None:
    member.state = state
    member.activity.end()
    announcements.outcome(group, member, member.activity, "Launch Successful")
    _wake(group)


def terminate(group: Group, member: Member, cause: str) -> Activity:
    """Take an instance out, whatever state it is in; its hooks are waited for, unless it is retained already."""
    if member.ending and not member.retained:
        return member.activity
    _end_actions(member)
    was_retained = member.retained
    member.activity = Activity(f"Terminating EC2 instance: {member.id}", cause, details=json.dumps(
        {"Subnet ID": member.subnet, "Availability Zone": member.zone}))
    group.activities.insert(0, member.activity)
    member.origin, member.destination = "WarmPool" if member.warm else "AutoScalingGroup", "EC2"
    member.state = "Warmed:Terminating" if member.warm else "Terminating"
    if was_retained or not _begin(group, member, TERMINATING):
        _proceed(group, member)
    _wake(group)
    return member.activity


def enter_standby(group: Group, member: Member) -> Activity:
    """Take an instance out of the capacity without ending it; it is not looked after until it comes back."""
    activity = Activity(f"Moving EC2 instance to Standby: {member.id}",
                        f"At {timestamp()} instance {member.id} was moved to standby in response to a user request.")
    group.activities.insert(0, activity)
    member.state = "EnteringStandby"

    def stand(_group: Group, waiting: Member) -> None:
        waiting.state = "Standby"
        activity.end()

    _later(group, member, member.state, stand)
    return activity


def exit_standby(group: Group, member: Member) -> Activity:
    """Bring an instance back through the states of a launch; if it is gone by now, that shows then."""
    member.activity = Activity(
        f"Moving EC2 instance out of Standby: {member.id}",
        f"At {timestamp()} instance {member.id} was moved out of standby in response to a user request.")
    group.activities.insert(0, member.activity)
    member.state, member.origin, member.destination = "Pending", "EC2", "AutoScalingGroup"
    _launched(group, member)
    return member.activity


def _retain(group: Group, member: Member) -> None:
    """The instance stays, outside of the capacity, until somebody terminates it by name."""
    member.state = member.state.removesuffix(":Wait") + ":Retained"
    member.activity.end("Cancelled", "The instance is retained because its termination lifecycle action was abandoned.")
    _wake(group)


def _terminate_instance(group: Group, member: Member) -> None:
    if states.name(member.instance) == "terminated":
        _later(group, member, member.state, _leave)
    else:
        states.terminate(member.instance)


def _leave(group: Group, member: Member) -> None:
    member.state = "Warmed:Terminated" if member.warm else "Terminated"
    group.members.pop(member.id, None)
    member.activity.end()
    announcements.outcome(group, member, member.activity, "Terminate Successful")
    _wake(group)


def forget(group: Group) -> None:
    """Terminate everything at once, as the forced deletion of a group does: nobody waits for anything."""
    for member in list(group.members.values()):
        _end_actions(member)
        member.state = "Terminating:Proceed"
        states.terminate(member.instance)
    groups.pop(group.name, None)


def unhealthy(group: Group, member: Member) -> None:
    """Replace an instance that is not healthy, if nothing speaks against it."""
    member.health = "Unhealthy"
    if "ReplaceUnhealthy" not in group.suspended and "Terminate" not in group.suspended:
        terminate(group, member, f"At {timestamp()} an instance was taken out of service in response to an EC2 health "
                                 f"check indicating it has been terminated or stopped.")


def _on_instance(instance: dict) -> None:
    """EC2 says that an instance changed its state."""
    found = find_member(instance["InstanceId"])
    if found is None:
        return
    group, member = found
    now = states.name(instance)
    if now == "running" and member.state in ("Pending", "Warmed:Pending"):
        _launched(group, member)
    elif now == "stopped" and member.state == "Warmed:Pending:Proceed":
        _rest(group, member, "Warmed:Stopped")
    elif now == "terminated" and (member.retained or member.state.endswith("Terminating:Proceed")):
        _leave(group, member)
    elif _by_hand(member, now) and "HealthCheck" not in group.suspended:
        # It notices when it looks the next time.
        _later(group, member, member.state, unhealthy)


def _by_hand(member: Member, now: str) -> bool:
    """Whether a state is one that Auto Scaling did not bring about."""
    if member.ending or "Standby" in member.state or now not in _GONE:
        return False
    resting = member.state in ("Warmed:Pending:Proceed", "Warmed:Stopped")
    return not resting or now in ("shutting-down", "terminated")


def install() -> None:
    states.listen(_on_instance)
