"""Deleting stacks and resources."""

from __future__ import annotations

import asyncio
from typing import Any

from ministack.core.concurrency import run_reentrant
from ministack.core.responses import AccountRegionScopedDict, now_iso
from ministack.services import cloudformation
from ministack.services.cloudformation import engine, provisioners, stacks

from . import nested
from .nested import STACK

NEEDS = {
    "ministack.core.concurrency:run_reentrant": "fn, *args, thread_name",
    "ministack.services.cloudformation:_exports": AccountRegionScopedDict,
    "ministack.services.cloudformation:_stacks": AccountRegionScopedDict,
    "ministack.services.cloudformation.engine:_topological_sort": "resources, conditions",
    "ministack.services.cloudformation.provisioners:_snapshot_resource": "resource_type, physical_id, props",
    "ministack.services.cloudformation.stacks:_delete_stack_async": "stack_name, stack_id, retain_resources, force",
    "ministack.services.cloudformation.stacks:_with_dependencies": "logical_ids, res_defs, remaining",
    "ministack.services.cloudformation.provisioners:_delete_resource":
        "resource_type, physical_id, props, stack_name, logical_id",
    "ministack.services.cloudformation.stacks:_runs_on_worker_thread": "resource_type",
}


# Types whose handlers wait for what happens meanwhile.
WAITING_TYPES: set[str] = set()


async def call(resource_type: str, function: Any, *arguments: Any) -> Any:
    """Run a handler, off the event loop when it waits for something that comes in through the loop."""
    if resource_type in WAITING_TYPES or stacks._runs_on_worker_thread(resource_type):
        return await run_reentrant(function, *arguments)
    return function(*arguments)


async def delete_resource(
    resource_type: str, physical_id: str, properties: dict, stack_name: str, logical_id: str
) -> None:
    """Delete one resource; raises when it would not go."""
    if resource_type == STACK:
        child = nested.find(physical_id)
        if child is None or child["StackStatus"] == "DELETE_COMPLETE":
            return
        await delete_stack(child["StackName"], child["StackId"])
        if child["StackStatus"] != "DELETE_COMPLETE":
            raise RuntimeError(
                f"Embedded stack {child['StackId']} was not successfully deleted: {child['StackStatusReason']}"
            )
    else:
        await call(
            resource_type, provisioners._delete_resource, resource_type, physical_id, properties, stack_name, logical_id
        )


async def delete_stack(stack_name: str, stack_id: str, retain_resources=(), force: bool = False) -> None:
    """Delete a stack, dependents first; what a resource that would not go depends on is kept for the next try."""
    stack = cloudformation._stacks.get(stack_name)
    if stack is None:
        return

    def event(logical_id: str, resource_type: str, status: str, reason: str = "", physical_id: str = "") -> None:
        stacks._add_event(stack_id, stack_name, logical_id, resource_type, status, reason, physical_id)

    def settle(status: str, reason: str = "") -> None:
        stack["StackStatus"], stack["StackStatusReason"] = status, reason
        event(stack_name, STACK, status, reason, stack_id)

    settle("DELETE_IN_PROGRESS")
    template = stack.get("_template") or {}
    definitions = template.get("Resources", {})
    conditions = stack.get("_conditions", {})
    records: dict = stack.get("_resources", {})
    order = [one for one in engine._topological_sort(definitions, conditions) if one in records]
    order += [logical_id for logical_id in records if logical_id not in order]
    failed: list[str] = []
    kept: set[str] = set()
    for logical_id in reversed(order):
        if logical_id in kept:
            continue
        record = records[logical_id]
        resource_type, physical_id = record["ResourceType"], record["PhysicalResourceId"]
        policy = stacks._resource_policy(
            definitions.get(logical_id), "DeletionPolicy", records, stack.get("_resolved_params", {}), conditions,
            template.get("Mappings", {}), stack_name, stack_id,
        )
        if policy in provisioners._RETAINING_POLICIES or logical_id in retain_resources:
            event(logical_id, resource_type, "DELETE_SKIPPED", physical_id=physical_id)
            del records[logical_id]
            continue
        event(logical_id, resource_type, "DELETE_IN_PROGRESS", physical_id=physical_id)
        await asyncio.sleep(0)
        try:
            if policy == "Snapshot":
                provisioners._snapshot_resource(resource_type, physical_id, record["Properties"])
            await delete_resource(resource_type, physical_id, record["Properties"], stack_name, logical_id)
        except Exception as error:
            kept |= stacks._with_dependencies([logical_id], definitions, set(records))
            if force:
                event(logical_id, resource_type, "DELETE_SKIPPED", str(error), physical_id)
                continue
            event(logical_id, resource_type, "DELETE_FAILED", str(error), physical_id)
            record.update(ResourceStatus="DELETE_FAILED", ResourceStatusReason=str(error), Timestamp=now_iso())
            failed.append(logical_id)
            continue
        event(logical_id, resource_type, "DELETE_COMPLETE", physical_id=physical_id)
        del records[logical_id]
    if failed:
        settle("DELETE_FAILED", f"The following resource(s) failed to delete: [{', '.join(sorted(failed))}]. ")
        return
    for output in stack.get("Outputs", []):
        if output.get("ExportName"):
            cloudformation._exports.pop(output["ExportName"], None)
    records.clear()
    settle("DELETE_COMPLETE")
