"""CloudFormation: templates, custom resources, stack operations and missing resource types."""

from __future__ import annotations

from . import completed_types, custom_resources, operations, resource_types, templates

_PARTS = (templates, custom_resources, operations, resource_types, completed_types)

NEEDS: dict[str, str | type] = {name: expected for part in _PARTS for name, expected in part.NEEDS.items()}


def install() -> None:
    for part in _PARTS:
        part.install()
