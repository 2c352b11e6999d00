"""The Query protocol of Auto Scaling: parameters in, answers in pages out."""

from __future__ import annotations

import base64
from collections.abc import Callable
from typing import Any
from xml.sax.saxutils import escape

from ministack.services import autoscaling

from . import settings
from .model import Refused, lock

NEEDS: dict[str, str | type] = {
    "ministack.services.autoscaling:_ACTION_MAP": dict,
    "ministack.services.autoscaling:_error": "code, message, status",
    "ministack.services.autoscaling:_member_xml": "value",
    "ministack.services.autoscaling:_xml": "status, root_tag, inner",
}

Handler = Callable[[dict[str, Any]], "dict[str, Any] | None"]


def parsed(params: dict) -> dict[str, Any]:
    """The parameters of a Query request as nested dicts and lists."""
    tree: dict = {}
    for name, value in params.items():
        *path, last = [int(part) if part.isdigit() else part for part in name.split(".") if part != "member"]
        node = tree
        for part in path:
            node = node.setdefault(part, {})
        node[last] = value[0] if isinstance(value, list) else value

    def listed(node):
        if not isinstance(node, dict):
            return node
        if node and all(isinstance(key, int) for key in node):
            return [listed(node[key]) for key in sorted(node)]
        return {key: listed(value) for key, value in node.items()}

    return listed(tree)


def _answer(action: str, result: dict[str, Any] | None):
    inner = "" if result is None else f"<{action}Result>{autoscaling._member_xml(result)}</{action}Result>"
    return autoscaling._xml(200, f"{action}Response", inner)


def handled(action: str, handle: Handler):
    def act(params):
        try:
            with lock:
                return _answer(action, handle(parsed(params)))
        except Refused as refused:
            return autoscaling._error(refused.code, escape(str(refused)))
    return act


def page(fields: dict, found: list, most: int, default: int) -> tuple[list, dict[str, str]]:
    size = settings.number(fields, "MaxRecords")
    size = default if size is None else size
    if not 1 <= size <= most:
        raise Refused(f"The value of MaxRecords must be between 1 and {most}.")
    start = 0
    if token := fields.get("NextToken"):
        try:
            start = int(base64.urlsafe_b64decode(token))
        except ValueError:
            raise Refused("The token is not valid.", "InvalidNextToken") from None
    end = start + size
    more = {"NextToken": base64.urlsafe_b64encode(str(end).encode()).decode()} if end < len(found) else {}
    return found[start:end], more


def serve(handlers: dict[str, Handler]) -> None:
    """Put handlers in the place of MiniStack's."""
    autoscaling._ACTION_MAP.update({action: handled(action, handle) for action, handle in handlers.items()})
