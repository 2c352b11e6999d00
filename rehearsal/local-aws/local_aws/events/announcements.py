"""Events that AWS services announce on the default bus."""

from __future__ import annotations

import json

from ministack.services import eventbridge

NEEDS: dict[str, str | type] = {
    "ministack.services.eventbridge:_ensure_default_bus": "",
    "ministack.services.eventbridge:_put_events": "data, allow_aws_source",
}


def install() -> None:
    """Nothing is patched: other parts announce."""


def announce(source: str, kind: str, detail: dict, resources: list[str]) -> None:
    """Put an event of a service (`aws.ec2`) on the default bus of this account and region."""
    eventbridge._ensure_default_bus()
    eventbridge._put_events({"Entries": [{
        "Source": source, "DetailType": kind, "Detail": json.dumps(detail), "Resources": resources,
    }]}, allow_aws_source=True)
