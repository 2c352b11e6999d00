"""CreationPolicy of an instance: its stack goes on when the instance has said that it is ready, and back when it says no.

Signals come by SignalResource. The time that is waited is real time, whatever the clock says.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from ministack.core.concurrency import run_reentrant
from ministack.services.cloudformation import wait_conditions

NEEDS: dict[str, str | type] = {
    "ministack.core.concurrency:run_reentrant": "fn, *args, thread_name",
    "ministack.services.cloudformation.wait_conditions:register_slot": "stack_id, url",
    "ministack.services.cloudformation.wait_conditions:validate_count": "value, logical_id",
    "ministack.services.cloudformation.wait_conditions:validate_resource_signal_timeout": "value, logical_id",
    "ministack.services.cloudformation.wait_conditions:wait_for":
        "token, stack_id, stack_name, logical_id, resource_type, count, timeout_s",
}

# Wait conditions wait by themselves; groups are complete when their instances are launched.
_TYPES = {"AWS::EC2::Instance"}


class NotSignalled(RuntimeError):
    """A resource that was made said that it failed, or nothing at all."""

    def __init__(self, reason: str, physical_id: str):
        super().__init__(reason)
        self.physical_id = physical_id


@dataclass(frozen=True)
class Wanted:
    """How many signals within how many seconds."""

    count: int
    seconds: int


def wanted(logical_id: str, resource_type: str, definition: dict, value: Callable[[Any], Any]) -> Wanted | None:
    """What a resource's CreationPolicy asks for; `value` resolves what is written in it."""
    policy = definition.get("CreationPolicy")
    if resource_type not in _TYPES or not policy:
        return None
    signal = value(policy).get("ResourceSignal") or {}
    return Wanted(wait_conditions.validate_count(signal.get("Count"), logical_id),
                  wait_conditions.validate_resource_signal_timeout(signal.get("Timeout"), logical_id))


async def wait(
    wanted: Wanted, stack_id: str, stack_name: str, logical_id: str, resource_type: str, physical_id: str
) -> None:
    """Wait for the signals; raises `NotSignalled`."""
    token = wait_conditions.register_slot(stack_id)
    try:
        await run_reentrant(wait_conditions.wait_for, token, stack_id, stack_name, logical_id, resource_type,
                            wanted.count, wanted.seconds)
    except TimeoutError:
        raise NotSignalled(f"Failed to receive {wanted.count} resource signal(s) within the specified duration",
                           physical_id) from None
    except RuntimeError as error:
        sender = re.search(r"for uniqueId: (.*)$", str(error), re.DOTALL)
        if sender is None:
            raise
        raise NotSignalled(f"Received FAILURE signal with UniqueId {sender[1]}", physical_id) from None
