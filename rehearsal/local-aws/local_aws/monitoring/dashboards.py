"""Dashboards: bodies that CloudWatch can draw.

https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/CloudWatch-Dashboard-Body-Structure.html
"""

from __future__ import annotations

import json

from ministack.services import cloudwatch

from ..patching import replace
from ..refusals import Refused

NEEDS = {"ministack.services.cloudwatch:cloudformation_put_dashboard": "name, body"}

_WIDGETS = {"alarm", "custom", "explorer", "log", "metric", "text"}
_COLUMNS = 24
_ROWS = 1000


def _invalid(path: str, message: str) -> Refused:
    return Refused("CloudWatch", "InvalidParameterInput", f"The field DashboardBody must be valid: {path}: {message}")


def _metric(path: str, metric, before: list) -> list:
    """A metric in full: `.` repeats what stands at its place in the one before, `...` all up to its end."""
    parts = metric[:-1] if metric and isinstance(metric[-1], dict) else list(metric)
    if not parts and not (metric and "expression" in metric[-1]):
        raise _invalid(path, "it is empty")
    if parts[:1] == ["..."]:
        parts = before[:len(before) - len(parts) + 1] + parts[1:]
    full = []
    for place, part in enumerate(parts):
        if not isinstance(part, str):
            raise _invalid(path, "namespace, name and dimensions must be text")
        if part == ".":
            if place >= len(before):
                raise _invalid(path, "a dot repeats nothing")
            part = before[place]
        full.append(part)
    if full and (len(full) < 2 or len(full) % 2):
        raise _invalid(path, "a dimension has no value")
    if "" in full:
        raise _invalid(path, "a part is empty")
    return full


def check(body: str) -> None:
    try:
        widgets = json.loads(body)["widgets"]
    except (ValueError, KeyError, TypeError) as error:
        raise _invalid("/", f"it is no JSON object with widgets ({error})") from None
    for number, widget in enumerate(widgets):
        path = f"/widgets/{number}"
        if widget.get("type") not in _WIDGETS or not isinstance(widget.get("properties"), dict):
            raise _invalid(path, "a widget has a type and properties")
        for name, most in (("x", _COLUMNS - 1), ("width", _COLUMNS), ("y", 10**6), ("height", _ROWS)):
            if not 0 <= int(widget.get(name, 1)) <= most:
                raise _invalid(f"{path}/{name}", f"should be at most {most}")
        if int(widget.get("x", 0)) + int(widget.get("width", 6)) > _COLUMNS:
            raise _invalid(path, "it is wider than the dashboard")
        if widget["type"] != "metric":
            continue
        properties = widget["properties"]
        if not properties.get("region"):
            raise _invalid(f"{path}/properties", "should have required property 'region'")
        before: list = []
        for place, metric in enumerate(properties.get("metrics") or []):
            before = _metric(f"{path}/properties/metrics/{place}", metric, before) or before


def install() -> None:
    put = cloudwatch.cloudformation_put_dashboard

    def checked(name, body):
        check(body)
        put(name, body)

    replace(cloudwatch, "cloudformation_put_dashboard", checked)
