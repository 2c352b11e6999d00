"""Where data is kept: databases, caches and buckets as strict as a stack has to expect."""

from __future__ import annotations

from . import buckets, caches, database_events, database_instances, databases, keys

_PARTS = (keys, buckets, databases, database_instances, database_events, caches)

NEEDS: dict[str, str | type] = {name: expected for part in _PARTS for name, expected in part.NEEDS.items()}


def install() -> None:
    for part in _PARTS:
        part.install()
