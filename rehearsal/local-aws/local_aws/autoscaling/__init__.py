"""Auto Scaling: groups whose instances are launched, waited for, scaled, retained and terminated as on AWS."""

from __future__ import annotations

from . import api, capacity, lifecycle, lifecycle_api, protocol, resource_types, scaling, settings, victims

_PARTS = (settings, victims, capacity, lifecycle, protocol, api, lifecycle_api, scaling, resource_types)

NEEDS: dict[str, str | type] = {
    name: expected for part in _PARTS for name, expected in getattr(part, "NEEDS", {}).items()}


def install() -> None:
    for part in (lifecycle, capacity, api, lifecycle_api, scaling, resource_types):
        part.install()
