"""ECS: what may run on what, and whether a task could start at all."""

from __future__ import annotations

from . import capacity, permissions, requests, services, starting, task_definitions

_PARTS = (requests, permissions, capacity, task_definitions, starting, services)

NEEDS: dict[str, str | type] = {name: expected for part in _PARTS for name, expected in part.NEEDS.items()}


def install() -> None:
    for part in _PARTS:
        part.install()
