"""CloudWatch: alarms on expressions, alarms that reach their topics, dashboards that can be drawn, keys of log groups."""

from __future__ import annotations

from . import alarms, dashboards, log_groups

_PARTS = (alarms, dashboards, log_groups)

NEEDS: dict[str, str | type] = {name: expected for part in _PARTS for name, expected in part.NEEDS.items()}


def install() -> None:
    for part in _PARTS:
        part.install()
