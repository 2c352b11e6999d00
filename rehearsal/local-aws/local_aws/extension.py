"""All patches: first everything is checked, then everything is installed."""

from __future__ import annotations

from types import ModuleType

from . import guard, server

PARTS: tuple[ModuleType, ...] = ()


def install() -> None:
    """Check every name that will be patched or used, then patch."""
    needs: dict[str, str | type] = dict(server.NEEDS)
    for part in PARTS:
        needs.update(part.NEEDS)
    guard.check(needs)
    for part in PARTS:
        part.install()
