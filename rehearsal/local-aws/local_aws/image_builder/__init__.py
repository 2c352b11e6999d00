"""EC2 Image Builder, of which MiniStack has nothing: what stacks make of it, kept, checked and listed. No image is made."""

from __future__ import annotations

from . import api, checks, resource_types, store

_PARTS = (store, checks, api, resource_types)

NEEDS: dict[str, str | type] = {name: expected for part in _PARTS for name, expected in part.NEEDS.items()}


def install() -> None:
    for part in _PARTS:
        part.install()
