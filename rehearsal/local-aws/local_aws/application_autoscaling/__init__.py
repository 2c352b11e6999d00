"""Application Auto Scaling, of which MiniStack has nothing: scalable targets of ECS services, and their policies."""

from __future__ import annotations

from . import api, resource_types, store

_PARTS = (store, api, resource_types)

NEEDS: dict[str, str | type] = {name: expected for part in _PARTS for name, expected in part.NEEDS.items()}


def install() -> None:
    for part in _PARTS:
        part.install()
