"""EC2's networks: what is made is checked as EC2 checks it, and nothing that is in use goes."""

from __future__ import annotations

from . import addresses, dependencies, endpoints, flow_logs, gateways, interfaces, reachability, security_groups, subnets

_PARTS = (interfaces, reachability, dependencies, subnets, security_groups, gateways, addresses, flow_logs, endpoints)

NEEDS: dict[str, str | type] = {name: expected for part in _PARTS for name, expected in part.NEEDS.items()}


def install() -> None:
    for part in _PARTS:
        part.install()
