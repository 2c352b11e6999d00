"""Lambda: execution environments, logs, and asynchronous invocation."""

from __future__ import annotations

from . import asynchronous, environments, logs

_PARTS = (environments, logs, asynchronous)

NEEDS: dict[str, str | type] = {name: expected for part in _PARTS for name, expected in part.NEEDS.items()}


def install() -> None:
    for part in _PARTS:
        part.install()
