"""Elastic Load Balancing: load balancers, listeners, rules and target groups that AWS would refuse are refused."""

from __future__ import annotations

from . import balancers, listeners, rules, target_groups, web_acls

_PARTS = (balancers, target_groups, listeners, rules, web_acls)

NEEDS: dict[str, str | type] = {name: expected for part in _PARTS for name, expected in part.NEEDS.items()}


def install() -> None:
    for part in _PARTS:
        part.install()
