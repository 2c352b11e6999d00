"""Stack operations: create, update, roll back and clean up, nested stacks included.

A nested stack's operation belongs to its parent's: it is cleaned up when the root's update has succeeded and rolled
back when the root's has not.
"""

from __future__ import annotations

import asyncio
import copy
import logging
from contextvars import ContextVar
from dataclasses import dataclass, field

from ministack.core.responses import AccountRegionScopedDict, now_iso
from ministack.services import cloudformation
from ministack.services.cloudformation import changesets, engine, handlers, provisioners, stacks

from ..patching import replace
from . import deletion, nested, signals
from .custom_resources import CustomResourceFailed, VendorData, is_custom
from .deletion import call, delete_resource
from .nested import STACK
from .update_policy import update_policy

NEEDS = {
    "ministack.services.cloudformation:_exports": AccountRegionScopedDict,
    "ministack.services.cloudformation.engine:_NO_VALUE": object,
    "ministack.services.cloudformation.provisioners:_DEFERRED_PREDECESSOR_DELETES": ContextVar,
    "ministack.services.cloudformation.provisioners:_NAME_SEED": ContextVar,
    "ministack.services.cloudformation.provisioners:_RETAIN_REPLACED": ContextVar,
    "ministack.services.cloudformation.provisioners:_replacing_change": "resource_type, old_props, new_props",
    "ministack.services.cloudformation.stacks:CLIENT_REQUEST_TOKEN": ContextVar,
    "ministack.services.cloudformation.stacks:_deploy_stack_async":
        "stack_name, stack_id, template, param_values, disable_rollback, tags, is_update, previous_stack, "
        "retain_except_on_create, imports",
    "ministack.services.cloudformation.stacks:_add_event":
        "stack_id, stack_name, logical_id, resource_type, status, reason, physical_id, detailed_status",
    "ministack.services.cloudformation.stacks:_fail_property_validation":
        "stack, stack_id, stack_name, resources_defs, ordered, param_values, conditions, mappings, "
        "disable_rollback, previous_stack",
    "ministack.services.cloudformation.stacks:_failed_operation":
        "is_update, previous_stack, created, failed_update, failed_logical_id, replaced_ids, cancelled, template, "
        "param_values, retain_except_on_create, stack_tags, previous_tags, imports",
    "ministack.services.cloudformation.stacks:_provision_keeping_seed": "*args",
    "ministack.services.cloudformation.stacks:_update_keeping_seed": "*args",
    "ministack.services.cloudformation.stacks:_resolve_stack_outputs":
        "outputs_defs, conditions, resources, param_values, mappings, stack_name, stack_id",
    "ministack.services.cloudformation.stacks:_resource_policy":
        "res_def, attribute, resources, params, conditions, mappings, stack_name, stack_id",
    "ministack.services.cloudformation.stacks:_rollback_failure_reason": "failed_records",
    "ministack.services.cloudformation.engine:_resolve_dynamic_references":
        "value, previous, reuse_ssm, reuse_secrets",
    "ministack.services.cloudformation.engine:_topological_sort": "resources, conditions",
    "ministack.services.cloudformation.provisioners:_custom_named_replacement_error":
        "resource_type, old_props, new_props, physical_id",
    "ministack.services.cloudformation.provisioners:_snapshot_resource": "resource_type, physical_id, props",
    "ministack.services.cloudformation.provisioners:_with_stack_tags":
        "resource_type, props, stack_tags, stack_name, stack_id, logical_id",
    "ministack.services.cloudformation.provisioners:_RETAINING_POLICIES": tuple,
    "ministack.services.cloudformation.engine:_resolve_refs":
        "value, resources, params, conditions, mappings, stack_name, stack_id",
    **nested.NEEDS,
    **signals.NEEDS,
    **deletion.NEEDS,
}

# They import the functions below by name, so they have to be loaded before these are replaced.
_IMPORTERS = (changesets, handlers)

logger = logging.getLogger("local_aws.cloudformation")


class _EmbeddedStackFailed(RuntimeError):
    def __init__(self, reason: str, physical_id: str):
        super().__init__(reason)
        self.physical_id = physical_id


@dataclass
class _Obsolete:
    """Something the end of the operation has to delete."""

    logical_id: str
    type: str
    physical_id: str
    properties: dict
    handler_deletes: list = field(default_factory=list)


@dataclass
class _Step:
    """What an operation did to one resource."""

    logical_id: str
    type: str
    physical_id: str
    properties: dict
    attributes: dict
    before: dict | None = None
    before_properties: dict = field(default_factory=dict)
    handler_deletes: list = field(default_factory=list)
    child: Operation | None = None

    @property
    def replaced(self) -> bool:
        return self.before is not None and (
            self.before["PhysicalResourceId"] != self.physical_id
            or self.before["ResourceType"] != self.type
            or bool(self.handler_deletes)
        )


class Operation:
    """One create or update of one stack."""

    def __init__(
        self,
        stack: dict,
        template: dict,
        parameters: dict,
        *,
        previous: dict | None = None,
        disable_rollback: bool = False,
        retain_except_on_create: bool = False,
        is_nested: bool = False,
    ):
        self.stack = stack
        self.name: str = stack["StackName"]
        self.id: str = stack["StackId"]
        self.template = template
        self.parameters = parameters
        self.previous = previous
        self.disable_rollback = disable_rollback
        self.retain_except_on_create = retain_except_on_create
        self.is_nested = is_nested
        self.definitions: dict = template.get("Resources", {})
        self.mappings: dict = template.get("Mappings", {})
        self.conditions = engine._evaluate_conditions(template, parameters)
        self.tags: list = stack.get("Tags") or []
        self.before_tags: list = (previous or {}).get("Tags") or []
        self.before: dict = (previous or {}).get("_resources", {})
        self.records: dict = stack["_resources"]
        self.steps: list[_Step] = []
        self.order: list[str] = []
        self.failed_id = ""
        self.failed_step: _Step | None = None
        self.failure = ""
        self.cancelled = False
        # Once it is rolled back: what could not be, and what is to be deleted.
        self.going_back: tuple[dict[str, dict], list[_Obsolete]] | None = None

    # --- the operation's course ---

    async def run(self) -> None:
        """The whole operation of a root stack."""
        if not self.prepare():
            return
        if await self.forward():
            await self.complete()
        elif self.disable_rollback:
            self.give_up()
        else:
            await self.roll_back()

    def prepare(self) -> bool:
        """Order the resources and validate what needs no provisioning."""
        self.stack.pop("_failed_operation", None)
        self.stack.pop("_cancel_requested", None)
        try:
            self.order = engine._topological_sort(self.definitions, self.conditions)
        except ValueError as error:
            self.failure = str(error)
            self._settle(self._prefix + "_FAILED", self.failure)
            return False
        if self.stack.get("_disable_validation"):
            return True
        refused = stacks._fail_property_validation(
            self.stack, self.id, self.name, self.definitions, self.order, self.parameters, self.conditions,
            self.mappings, self.disable_rollback, previous_stack=self.previous,
        )
        if refused:
            self.failure = "Validation failed. Call DescribeEvents to retrieve the full list of issues."
        return not refused

    async def forward(self) -> bool:
        """Create and change resources in the order of their dependencies; False at the first failure."""
        for logical_id in self.order:
            if self.previous is not None and self.stack.pop("_cancel_requested", False):
                stacks.CLIENT_REQUEST_TOKEN.set(self.stack.pop("_cancel_token", ""))
                self.cancelled = True
                return False
            # Other requests are served between two resources, as they are between two calls of CloudFormation's.
            await asyncio.sleep(0)
            try:
                await self._apply(logical_id)
            except Exception as error:  # whatever a handler raises fails the resource, not the emulator
                self._failed(logical_id, error)
                return False
        try:
            self._resolve_outputs()
        except Exception as error:
            self.failure = str(error)
            self._stack_event(self._prefix + "_FAILED", self.failure)
            return False
        if self.previous is not None:
            self._settle("UPDATE_COMPLETE_CLEANUP_IN_PROGRESS")
        elif self.is_nested:
            self._succeed()
        return True

    async def complete(self) -> None:
        """Clean up what a successful operation left behind, dependents first.

        On AWS nested stacks clean up at once, and what is still in use waits until it is not.
        """
        await self._delete_removed(children=True)
        for step in reversed(self.steps):
            if step.child is not None and step.before is not None:
                await step.child.complete()
            if step.replaced:
                await self._delete_predecessor(step)
        await self._delete_removed(children=False)
        if self.previous is not None or not self.is_nested:
            self._succeed()

    async def roll_back(self) -> None:
        """Bring the stack back to where it was; a create is undone."""
        await self._go_back()
        await self._finish_roll_back()

    async def _go_back(self) -> None:
        """Everything that was there before is as it was; what was made is still there."""
        update = self.previous is not None
        prefix = "UPDATE_ROLLBACK" if update else "ROLLBACK"
        self._settle(prefix + "_IN_PROGRESS", self._rollback_reason())
        failed: dict[str, dict] = {}
        obsolete: list[_Obsolete] = []
        for step in self.steps:
            if step.before is None or (step.replaced and not is_custom(step.type)):
                obsolete.append(_Obsolete(step.logical_id, step.type, step.physical_id, step.properties))
            else:
                await self._revert(step, failed, obsolete)
        if self.failed_step is not None:
            if self.failed_step.before is None:
                obsolete.append(_Obsolete(
                    self.failed_id, self.failed_step.type, self.failed_step.physical_id, self.failed_step.properties
                ))
                if self.failed_id in self.before:
                    self._check_untouched(failed)
            else:
                await self._revert(self.failed_step, failed, obsolete)
        elif self.failed_id in self.before:
            self._check_untouched(failed)
        if update and not failed:
            self._settle("UPDATE_ROLLBACK_COMPLETE_CLEANUP_IN_PROGRESS")
        self.going_back = (failed, obsolete)

    async def _finish_roll_back(self) -> None:
        """Delete what was made, dependents first: the nested stacks' own after what later ones made of it."""
        update, prefix = self.previous is not None, "UPDATE_ROLLBACK" if self.previous is not None else "ROLLBACK"
        failed, obsolete = self.going_back
        tolerate = update and not failed
        for step in reversed(self.steps):
            if step.child is not None and step.child.going_back is not None:
                await step.child._finish_roll_back()
        for item in reversed(obsolete):
            await self._delete_obsolete(item, failed, tolerate)
        if update:
            self._restore()
        if failed:
            self.stack["_rollback_failed"] = failed
            self._settle(prefix + "_FAILED", stacks._rollback_failure_reason(failed))
        else:
            self._settle(prefix + "_COMPLETE")

    def give_up(self) -> None:
        """Leave everything as it is after a failure, as DisableRollback asks; RollbackStack may follow."""
        created = [step.logical_id for step in self.steps]
        failed_update = None
        if self.failed_step is not None and self.failed_step.before is None:
            created.append(self.failed_id)
        elif self.failed_step is not None:
            step = self.failed_step
            failed_update = (
                step.logical_id, step.type, step.physical_id, step.properties, step.before_properties, step.attributes
            )
        self.stack["_failed_operation"] = stacks._failed_operation(
            self.previous is not None, self.previous, created, failed_update, self.failed_id,
            [step.logical_id for step in self.steps if step.replaced], self.cancelled, self.template,
            self.parameters, self.retain_except_on_create, self.tags, self.before_tags,
        )
        self._settle(self._prefix + "_FAILED", self._failure_reason())

    # --- one resource ---

    async def _apply(self, logical_id: str) -> None:
        definition = self.definitions[logical_id]
        resource_type = definition.get("Type", "AWS::CloudFormation::CustomResource")
        before = self.before.get(logical_id)
        properties, dynamic = self._resolve(logical_id, definition, before)
        tagged = self._tagged(resource_type, properties, self.tags, logical_id)
        if before is None:
            step, seed = await self._create(logical_id, resource_type, tagged)
            status = "CREATE_COMPLETE"
        else:
            changed = await self._update(logical_id, resource_type, definition, tagged, before)
            if changed is None:
                return
            step, seed = changed
            status = "UPDATE_COMPLETE"
        record = self._record(step, properties, status)
        if dynamic:
            record["_dynamic"] = dynamic
        if seed:
            record["_name_seed"] = seed
        self.records[logical_id] = record
        self.steps.append(step)
        self._event(logical_id, resource_type, status, physical_id=step.physical_id)

    def _resolve(self, logical_id: str, definition: dict, before: dict | None) -> tuple[dict, dict]:
        resolved = engine._resolve_refs(
            copy.deepcopy(definition.get("Properties", {})), self.records, self.parameters, self.conditions,
            self.mappings, self.name, self.id,
        )
        properties = {key: value for key, value in resolved.items() if value is not engine._NO_VALUE}
        old_template = (self.previous or {}).get("_template", {})
        same_stack = (
            self.previous is not None
            and self.template == old_template
            and self.parameters == self.previous.get("_resolved_params")
        )
        same_resource = before is not None and old_template.get("Resources", {}).get(logical_id) == definition
        return engine._resolve_dynamic_references(
            properties, (before or {}).get("_dynamic"), reuse_ssm=same_stack, reuse_secrets=same_resource
        )

    async def _create(self, logical_id: str, resource_type: str, properties: dict) -> tuple[_Step, str]:
        self._event(logical_id, resource_type, "CREATE_IN_PROGRESS")
        if resource_type == STACK:
            child = nested.new(self.stack, logical_id, properties)
            return await self._run_child(logical_id, properties, child, None), ""
        (physical_id, attributes), seed = await call(
            resource_type, stacks._provision_keeping_seed, resource_type, logical_id, properties, self.name
        )
        self._event(logical_id, resource_type, "CREATE_IN_PROGRESS", "Resource creation Initiated", physical_id)
        await self._await_signals(logical_id, resource_type, physical_id)
        return _Step(logical_id, resource_type, physical_id, properties, attributes), seed

    async def _await_signals(self, logical_id: str, resource_type: str, physical_id: str) -> None:
        """Something that was made is not there for the stack until it has said so, if the template wants that."""
        if wanted := signals.wanted(logical_id, resource_type, self.definitions[logical_id], self._value):
            await signals.wait(wanted, self.id, self.name, logical_id, resource_type, physical_id)

    def _value(self, value):
        return engine._resolve_refs(
            copy.deepcopy(value), self.records, self.parameters, self.conditions, self.mappings, self.name, self.id)

    async def _update(
        self, logical_id: str, resource_type: str, definition: dict, properties: dict, before: dict
    ) -> tuple[_Step, str] | None:
        """The step and the name seed, or None when nothing about the resource changes."""
        old_type, old_id = before["ResourceType"], before["PhysicalResourceId"]
        old_properties = self._tagged(old_type, before.get("Properties", {}), self.before_tags, logical_id)
        if resource_type == STACK and old_type == STACK:
            return await self._update_child(logical_id, properties, before, old_properties)
        if old_type == resource_type and old_properties == properties:
            return None
        if old_type != resource_type:
            self._event(logical_id, resource_type, "UPDATE_IN_PROGRESS", _REPLACING, old_id)
            step, seed = await self._create(logical_id, resource_type, properties)
            step.before, step.before_properties = before, old_properties
            return step, seed
        self._event(logical_id, resource_type, "UPDATE_IN_PROGRESS", physical_id=old_id)
        refused = provisioners._custom_named_replacement_error(resource_type, old_properties, properties)
        if not refused and provisioners._replacing_change(resource_type, old_properties, properties):
            self._event(logical_id, resource_type, "UPDATE_IN_PROGRESS", _REPLACING, old_id)
        old_attributes = before.get("Attributes", {})
        retained = self._policy(definition, "UpdateReplacePolicy") in provisioners._RETAINING_POLICIES
        deletes: list = []
        tokens = (
            (provisioners._RETAIN_REPLACED, provisioners._RETAIN_REPLACED.set(retained)),
            (provisioners._DEFERRED_PREDECESSOR_DELETES, provisioners._DEFERRED_PREDECESSOR_DELETES.set(deletes)),
            (provisioners._NAME_SEED, provisioners._NAME_SEED.set(before.get("_name_seed", ""))),
            (update_policy, update_policy.set(definition.get("UpdatePolicy") or {})),
        )
        try:
            (physical_id, attributes), seed = await call(
                resource_type, stacks._update_keeping_seed, resource_type, old_id, old_properties, properties,
                self.name, logical_id, old_attributes,
            )
        except CustomResourceFailed as error:
            # The provider may have changed something before it failed, so it is asked back under the id it gave.
            self.failed_step = _Step(
                logical_id, resource_type, error.physical_id, properties, old_attributes, before, old_properties
            )
            raise
        finally:
            for variable, token in reversed(tokens):
                variable.reset(token)
        if physical_id != old_id and not is_custom(resource_type):
            try:
                await self._await_signals(logical_id, resource_type, physical_id)
            except signals.NotSignalled:
                # The new one goes again, and the old one was not touched.
                self.failed_step = _Step(logical_id, resource_type, physical_id, properties, attributes)
                raise
        if physical_id == old_id and not is_custom(resource_type):
            attributes = {**old_attributes, **(attributes or {})}
        step = _Step(
            logical_id, resource_type, physical_id, properties, attributes, before, old_properties, deletes
        )
        return step, seed

    async def _update_child(
        self, logical_id: str, properties: dict, before: dict, old_properties: dict
    ) -> tuple[_Step, str] | None:
        """A nested stack is looked into at every update; one without changes is left alone."""
        child = nested.changed(self.stack, before["PhysicalResourceId"], properties)
        if child is None and properties == old_properties:
            return None
        self._event(logical_id, STACK, "UPDATE_IN_PROGRESS", physical_id=before["PhysicalResourceId"])
        if child is None:
            attributes = before.get("Attributes", {})
            return _Step(logical_id, STACK, before["PhysicalResourceId"], properties, attributes, before,
                         old_properties), ""
        step = await self._run_child(logical_id, properties, child, before)
        step.before_properties = old_properties
        return step, ""

    async def _run_child(
        self, logical_id: str, properties: dict, child: nested.Child, before: dict | None
    ) -> _Step:
        operation = Operation(
            child.stack, child.template, child.parameters, previous=child.previous,
            disable_rollback=self.disable_rollback, is_nested=True,
        )
        prefix = "UPDATE" if before is not None else "CREATE"
        operation._stack_event(prefix + "_IN_PROGRESS")
        step = _Step(logical_id, STACK, operation.id, properties, {}, before, child=operation)
        if before is None:
            self._event(logical_id, STACK, "CREATE_IN_PROGRESS", "Resource creation Initiated", operation.id)
            self.records[logical_id] = self._record(step, properties, "CREATE_IN_PROGRESS")
        valid = operation.prepare()
        if valid and await operation.forward():
            step.attributes = nested.attributes(operation.stack)
            return step
        if valid and self.disable_rollback:
            operation.give_up()
        elif valid:
            await operation.roll_back()
        if before is None:
            self.failed_step = step
            raise _EmbeddedStackFailed(
                f"Embedded stack {operation.id} was not successfully created: {operation._failure_reason()}",
                operation.id,
            )
        raise _EmbeddedStackFailed(
            f"Embedded stack {operation.id} was not successfully updated. Currently in "
            f"{operation.stack['StackStatus']} with reason: {operation._failure_reason()}",
            operation.id,
        )

    def _failed(self, logical_id: str, error: Exception) -> None:
        definition = self.definitions[logical_id]
        resource_type = definition.get("Type", "AWS::CloudFormation::CustomResource")
        before = self.before.get(logical_id)
        self.failed_id = logical_id
        status = "CREATE_FAILED" if before is None else "UPDATE_FAILED"
        physical_id = getattr(error, "physical_id", "") or (before or {}).get("PhysicalResourceId", "")
        logger.info("%s of %s: %s: %s", status, self.name, logical_id, error)
        self._event(logical_id, resource_type, status, str(error), physical_id)
        if before is not None or not physical_id:
            return
        # It exists in part, so it is in the stack, and its deletion is part of the roll-back or of the stack's.
        if self.failed_step is None:
            properties, _dynamic = self._resolve(logical_id, definition, None)
            self.failed_step = _Step(logical_id, resource_type, physical_id, properties, {})
        record = self._record(self.failed_step, self.failed_step.properties, status)
        record["ResourceStatusReason"] = str(error)
        self.records[logical_id] = record

    # --- the way back ---

    async def _revert(self, step: _Step, failed: dict, obsolete: list[_Obsolete]) -> None:
        """Ask a resource back to its previous properties."""
        record = self.before[step.logical_id]
        self._event(step.logical_id, step.type, "UPDATE_IN_PROGRESS", physical_id=step.physical_id)
        try:
            if step.type == STACK:
                if step.child is not None:
                    await step.child._go_back()
                    if step.child.going_back[0]:
                        raise RuntimeError(f"Embedded stack {step.child.id} was not successfully rolled back")
                physical_id, attributes = step.physical_id, record.get("Attributes", {})
            else:
                (physical_id, attributes), _seed = await call(
                    step.type, stacks._update_keeping_seed, step.type, step.physical_id, step.properties,
                    step.before_properties, self.name, step.logical_id, step.attributes,
                )
        except Exception as error:
            self._event(step.logical_id, step.type, "UPDATE_FAILED", str(error), step.physical_id)
            record["PhysicalResourceId"] = step.physical_id
            failed[step.logical_id] = {
                "PhysicalResourceId": step.physical_id, "ResourceType": step.type, "RevertFrom": step.properties,
                "RevertTo": step.before_properties, "Attributes": step.attributes,
            }
            return
        if is_custom(step.type):
            for old_id, properties in (
                (record["PhysicalResourceId"], step.before_properties), (step.physical_id, step.properties)
            ):
                if old_id != physical_id and all(item.physical_id != old_id for item in obsolete):
                    obsolete.append(_Obsolete(step.logical_id, step.type, old_id, properties))
            record["Attributes"] = attributes
        record["PhysicalResourceId"] = physical_id
        record["ResourceStatus"] = "UPDATE_COMPLETE"
        record["Timestamp"] = now_iso()
        self._event(step.logical_id, step.type, "UPDATE_COMPLETE", physical_id=physical_id)

    def _check_untouched(self, failed: dict) -> None:
        """The resource whose update failed is as it was; a nested stack has rolled itself back."""
        record = self.before[self.failed_id]
        physical_id = record["PhysicalResourceId"]
        if record["ResourceType"] == STACK:
            child = nested.find(physical_id)
            if child is not None and child["StackStatus"] == "UPDATE_ROLLBACK_FAILED":
                failed[self.failed_id] = {
                    "PhysicalResourceId": physical_id, "ResourceType": STACK, "RevertFrom": record["Properties"],
                    "RevertTo": record["Properties"], "Attributes": record.get("Attributes", {}),
                }
                self._event(self.failed_id, STACK, "UPDATE_FAILED", child["StackStatusReason"], physical_id)
                return
        record["ResourceStatus"] = "UPDATE_COMPLETE"
        self._event(self.failed_id, record["ResourceType"], "UPDATE_COMPLETE", physical_id=physical_id)

    async def _delete_obsolete(self, item: _Obsolete, failed: dict, tolerate: bool) -> None:
        policy = self._policy(self.definitions.get(item.logical_id), "DeletionPolicy")
        if policy == "Retain" and not self.retain_except_on_create:
            self._event(item.logical_id, item.type, "DELETE_SKIPPED", physical_id=item.physical_id)
            self.records.pop(item.logical_id, None)
            return
        self._event(item.logical_id, item.type, "DELETE_IN_PROGRESS", physical_id=item.physical_id)
        try:
            await delete_resource(item.type, item.physical_id, item.properties, self.name, item.logical_id)
        except Exception as error:
            self._event(item.logical_id, item.type, "DELETE_FAILED", str(error), item.physical_id)
            if not tolerate:
                failed[item.logical_id] = {
                    "PhysicalResourceId": item.physical_id, "ResourceType": item.type, "Properties": item.properties,
                }
                record = self.records.get(item.logical_id)
                if record is not None:
                    record.update(ResourceStatus="DELETE_FAILED", ResourceStatusReason=str(error))
            return
        self._event(item.logical_id, item.type, "DELETE_COMPLETE", physical_id=item.physical_id)
        record = self.records.get(item.logical_id)
        if record is not None and record["PhysicalResourceId"] == item.physical_id:
            del self.records[item.logical_id]

    def _restore(self) -> None:
        previous = self.previous or {}
        for key in ("_resources", "_template", "_template_body", "_resolved_params", "_conditions", "Parameters",
                    "Tags", "Outputs"):
            if key in previous:
                self.stack[key] = previous[key]

    # --- the way on ---

    async def _delete_predecessor(self, step: _Step) -> None:
        old_type, old_id = step.before["ResourceType"], step.before["PhysicalResourceId"]
        new_identity = old_id != step.physical_id or old_type != step.type
        policy = self._policy(self.definitions.get(step.logical_id), "UpdateReplacePolicy")
        if policy in provisioners._RETAINING_POLICIES:
            if new_identity:
                self._event(step.logical_id, old_type, "DELETE_SKIPPED", physical_id=old_id)
            return
        self._event(step.logical_id, old_type, "DELETE_IN_PROGRESS", physical_id=old_id)
        try:
            if policy == "Snapshot":
                provisioners._snapshot_resource(old_type, old_id, step.before_properties)
            for delete, arguments, keywords in step.handler_deletes:
                delete(*arguments, **keywords)
            if new_identity:
                await delete_resource(old_type, old_id, step.before_properties, self.name, step.logical_id)
        except Exception as error:
            self._event(step.logical_id, old_type, "DELETE_FAILED", str(error), old_id)
            return
        self._event(step.logical_id, old_type, "DELETE_COMPLETE", physical_id=old_id)

    async def _delete_removed(self, children: bool) -> None:
        """Delete what the new template no longer has, dependents first; a failure does not fail the update."""
        removed = {one for one in set(self.before) - set(self.order)
                   if (self.before[one]["ResourceType"] == STACK) == children}
        if not removed:
            return
        previous = self.previous or {}
        old_definitions = previous.get("_template", {}).get("Resources", {})
        old_conditions = previous.get("_conditions", self.conditions)
        order = [one for one in engine._topological_sort(old_definitions, old_conditions) if one in removed]
        order += sorted(removed - set(order))
        for logical_id in reversed(order):
            record = self.before[logical_id]
            resource_type, physical_id = record["ResourceType"], record["PhysicalResourceId"]
            policy = stacks._resource_policy(
                old_definitions.get(logical_id), "DeletionPolicy", self.before,
                previous.get("_resolved_params", {}), old_conditions,
                previous.get("_template", {}).get("Mappings", {}), self.name, self.id,
            )
            if policy in provisioners._RETAINING_POLICIES:
                self._event(logical_id, resource_type, "DELETE_SKIPPED", physical_id=physical_id)
                self.records.pop(logical_id, None)
                continue
            self._event(logical_id, resource_type, "DELETE_IN_PROGRESS", physical_id=physical_id)
            try:
                if policy == "Snapshot":
                    provisioners._snapshot_resource(resource_type, physical_id, record["Properties"])
                await delete_resource(resource_type, physical_id, record["Properties"], self.name, logical_id)
            except Exception as error:
                self._event(logical_id, resource_type, "DELETE_FAILED", str(error), physical_id)
                if logical_id in self.records:
                    self.records[logical_id].update(
                        ResourceStatus="DELETE_FAILED", ResourceStatusReason=str(error), Timestamp=now_iso()
                    )
                continue
            self._event(logical_id, resource_type, "DELETE_COMPLETE", physical_id=physical_id)
            self.records.pop(logical_id, None)

    def _resolve_outputs(self) -> None:
        """Compute outputs and exports from what the stack keeps; values of NoEcho responses are masked."""
        visible = {}
        for logical_id in self.order:
            record = self.records[logical_id]
            attributes = record.get("Attributes")
            if isinstance(attributes, VendorData):
                record = {**record, "Attributes": attributes.masked()}
            visible[logical_id] = record
        self.outputs, self.exports = stacks._resolve_stack_outputs(
            self.template.get("Outputs", {}), self.conditions, visible, self.parameters, self.mappings, self.name,
            self.id,
        )
        for name in self.exports:
            owner = cloudformation._exports.get(name)
            if owner is not None and owner.get("StackId") != self.id:
                raise ValueError(
                    f"Export with name {name} is already exported by stack {_stack_name(owner['StackId'])}."
                )
        self.stack["_template"] = self.template
        self.stack["_resolved_params"] = self.parameters
        self.stack["Outputs"] = self.outputs

    def _succeed(self) -> None:
        kept = {output.get("ExportName") for output in self.stack["Outputs"]}
        for output in (self.previous or {}).get("Outputs", []):
            if output.get("ExportName") and output["ExportName"] not in kept:
                cloudformation._exports.pop(output["ExportName"], None)
        cloudformation._exports.update(self.exports)
        self._settle(self._prefix + "_COMPLETE")

    # --- words ---

    @property
    def _prefix(self) -> str:
        return "CREATE" if self.previous is None else "UPDATE"

    def _failure_reason(self) -> str:
        if self.failed_id:
            verb = "create" if self.failed_id not in self.before else "update"
            return f"The following resource(s) failed to {verb}: [{self.failed_id}]. "
        return self.failure

    def _rollback_reason(self) -> str:
        if self.cancelled:
            return "User Initiated"
        if self.previous is None and not self.is_nested:
            return f"{self._failure_reason().rstrip()} Rollback requested by user."
        return self._failure_reason()

    def _record(self, step: _Step, properties: dict, status: str) -> dict:
        return {
            "PhysicalResourceId": step.physical_id,
            "ResourceType": step.type,
            "ResourceStatus": status,
            "LogicalResourceId": step.logical_id,
            "Properties": properties,
            "Attributes": step.attributes,
            "Timestamp": now_iso(),
        }

    def _tagged(self, resource_type: str, properties: dict, tags: list, logical_id: str) -> dict:
        return provisioners._with_stack_tags(resource_type, properties, tags, self.name, self.id, logical_id)

    def _policy(self, definition: dict | None, attribute: str) -> str:
        return stacks._resource_policy(
            definition, attribute, self.records, self.parameters, self.conditions, self.mappings, self.name, self.id
        )

    def _event(self, logical_id: str, resource_type: str, status: str, reason: str = "", physical_id: str = "") -> None:
        stacks._add_event(self.id, self.name, logical_id, resource_type, status, reason, physical_id)

    def _stack_event(self, status: str, reason: str = "") -> None:
        self._event(self.name, STACK, status, reason, self.id)

    def _settle(self, status: str, reason: str = "") -> None:
        self.stack["StackStatus"] = status
        self.stack["StackStatusReason"] = reason
        self._stack_event(status, reason)


_REPLACING = "Requested update requires the creation of a new physical resource; hence creating one."


def _stack_name(stack_id: str) -> str:
    return stack_id.split("/")[1]


def install() -> None:
    deploy_with_imports = stacks._deploy_stack_async

    async def deploy(
        stack_name, stack_id, template, param_values, disable_rollback, tags, is_update=False, previous_stack=None,
        retain_except_on_create=False, imports=None,
    ):
        if imports:
            await deploy_with_imports(
                stack_name, stack_id, template, param_values, disable_rollback, tags, is_update, previous_stack,
                retain_except_on_create, imports,
            )
            return
        operation = Operation(
            cloudformation._stacks[stack_name], template, param_values,
            previous=previous_stack if is_update else None, disable_rollback=disable_rollback,
            retain_except_on_create=retain_except_on_create,
        )
        await operation.run()

    replace(stacks, "_deploy_stack_async", deploy)
    replace(stacks, "_delete_stack_async", deletion.delete_stack)
