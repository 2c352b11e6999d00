"""EC2 machines of stacks: instances with interfaces, addresses and volumes of their own, and what goes when one ends."""

from __future__ import annotations

from . import instance_type, interfaces, volumes

_PARTS = (interfaces, volumes, instance_type)

NEEDS: dict[str, str | type] = {name: expected for part in _PARTS for name, expected in part.NEEDS.items()}


def install() -> None:
    for part in _PARTS:
        part.install()
