"""What a template says under UpdatePolicy about the update of a resource, for the handler of its type."""

from __future__ import annotations

from contextvars import ContextVar

# Of the resource that is being updated.
update_policy: ContextVar[dict] = ContextVar("update_policy")
