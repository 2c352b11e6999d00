"""EventBridge: what AWS services announce, schedules by the clock, and delivery to functions with a dead-letter queue."""

from __future__ import annotations

from . import announcements, delivery, schedules

_PARTS = (announcements, delivery, schedules)

NEEDS: dict[str, str | type] = {name: expected for part in _PARTS for name, expected in part.NEEDS.items()}


def install() -> None:
    for part in _PARTS:
        part.install()
