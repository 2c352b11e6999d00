"""EC2 instances: states that take a moment, addresses that change with a stop, launch templates, and who is told."""

from __future__ import annotations

from . import addresses, api, guests, states, tags, templates

_PARTS = (addresses, guests, states, tags, templates, api)

NEEDS: dict[str, str | type] = {name: expected for part in _PARTS for name, expected in part.NEEDS.items()}


def install() -> None:
    for part in _PARTS:
        part.install()
