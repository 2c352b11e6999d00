"""Keeping a group at its desired capacity, and its warm pool at its size, in the background as Auto Scaling does."""

from __future__ import annotations

import logging
from dataclasses import dataclass, field

from ministack.core.concurrency import spawn_background

from ..clock import clock, scope
from . import lifecycle, victims
from .model import Group, Member, groups, lock, timestamp

NEEDS: dict[str, str | type] = {
    "ministack.core.concurrency:spawn_background": "fn, *args, thread_name, **kwargs",
}

logger = logging.getLogger("local_aws.autoscaling")

# After what time it tries again what it could not do. On AWS "a short time".
RETRY_SECONDS = 15.0

_READY = ("Warmed:Stopped", "Warmed:Running")


@dataclass
class _Work:
    """Which groups are being worked at, and which of them have to be looked at again."""

    under_way: set[str] = field(default_factory=set)
    again: set[str] = field(default_factory=set)


_work = _Work()


def wake(group: Group) -> None:
    """Have the group looked at soon."""
    with lock:
        if group.arn in _work.under_way:
            _work.again.add(group.arn)
            return
        _work.under_way.add(group.arn)
    spawn_background(
        scope(group.account, group.region).run, _look_after, group, thread_name="local-aws-capacity")


def _look_after(group: Group) -> None:
    complete = False
    try:
        while True:
            complete = _balance(group)
            with lock:
                if group.arn not in _work.again:
                    break
                _work.again.discard(group.arn)
    finally:
        with lock:
            _work.under_way.discard(group.arn)
            left = group.arn in _work.again
            _work.again.discard(group.arn)
    if left:
        wake(group)
    elif not complete:
        clock.after(RETRY_SECONDS, lambda: wake(group))


def _balance(group: Group) -> bool:
    """Launch what is missing, terminate what is too much; False when that has to be tried again."""
    with lock:
        if groups.get(group.name) is not group:
            return True
        missing = group.desired - len(group.capacity())
        complete = missing <= 0 or "Launch" in group.suspended or _grow(group, missing)
    if missing < 0 and "Terminate" not in group.suspended:
        complete = _shrink(group, -missing) and complete
    with lock:
        return _balance_warm_pool(group) and complete


def _grow(group: Group, number: int) -> bool:
    cause = (f"At {timestamp()} an instance was started in response to a difference between desired and actual "
             f"capacity, increasing the capacity to {group.desired}.")
    ready = [one for one in group.in_warm_pool() if one.state in _READY]
    for member in ready[:number]:
        lifecycle.leave_warm_pool(group, member, cause)
    return all([lifecycle.launch(group, cause) for _ in range(number - len(ready))])


def _shrink(group: Group, number: int) -> bool:
    cause = (f"At {timestamp()} an instance was taken out of service in response to a difference between desired and "
             "actual capacity.")
    chosen = victims.choose(group, number)
    with lock:
        # While a function was asked, the world went on.
        number = min(number, len(group.capacity()) - group.desired)
        fitting = [one for one in chosen if _may_go(group, one)][:max(number, 0)]
        for member in fitting:
            lifecycle.terminate(group, member, cause)
        return len(fitting) >= number


def _may_go(group: Group, member: Member) -> bool:
    return group.members.get(member.id) is member and member.counts and not member.protected


def _balance_warm_pool(group: Group) -> bool:
    pool = group.warm_pool
    members = [one for one in group.in_warm_pool() if not one.ending]
    wanted = 0
    if pool is not None and not pool.deleted:
        most = group.maximum if pool.prepared is None else pool.prepared
        wanted = max(pool.minimum, most - group.desired)
    cause = f"At {timestamp()} the size of the warm pool was adapted to {wanted}."
    for member in members[wanted:]:
        lifecycle.terminate(group, member, cause)
    complete = True
    if "Launch" not in group.suspended:
        complete = all([lifecycle.launch(group, cause, warm=True) for _ in range(wanted - len(members))])
    if pool is not None and pool.deleted and not group.in_warm_pool():
        group.warm_pool = None
    return complete


def install() -> None:
    clock.busy_while(lambda: bool(_work.under_way))
