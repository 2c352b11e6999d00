"""What whoever runs the local AWS may ask of it, besides AWS: `/_local_aws/clock`.

`GET` tells the time; `POST {"advance": seconds}` moves the clock and answers when what was due has happened.
"""

from __future__ import annotations

import asyncio
import datetime
import json
import math

from .clock import clock

CLOCK_PATH = "/_local_aws/clock"

# Longer than anything AWS lets a server wait; a typing error should not end every session there is.
MOST_SECONDS = 60 * 24 * 3600


class _Refused(Exception):
    """The request makes no sense; said with status 400."""


def serves(path: str) -> bool:
    return path == CLOCK_PATH


def _seconds(body: bytes) -> float:
    try:
        seconds = json.loads(body)["advance"]
    except (ValueError, KeyError, TypeError):
        raise _Refused('a JSON object was expected, such as {"advance": 60}') from None
    if isinstance(seconds, bool) or not isinstance(seconds, (int, float)) or not math.isfinite(seconds):
        raise _Refused("`advance` must be a number of seconds")
    if not 0 <= seconds <= MOST_SECONDS:
        raise _Refused(f"`advance` must be between 0 and {MOST_SECONDS} seconds: the clock is never moved back")
    return seconds


async def _body(receive) -> bytes:
    body = b""
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            return body
        body += message.get("body", b"")
        if not message.get("more_body"):
            return body


async def handle(scope, receive, send) -> None:
    body = await _body(receive)
    status, answer = 200, {}
    if scope["method"] == "POST":
        try:
            await asyncio.to_thread(clock.advance, _seconds(body))
        except _Refused as refused:
            status, answer = 400, {"error": str(refused)}
    elif scope["method"] != "GET":
        status, answer = 405, {"error": "GET or POST"}
    if status == 200:
        answer = {"now": datetime.datetime.now(datetime.timezone.utc).isoformat(), "ahead": clock.ahead}
    content = json.dumps(answer).encode()
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(content)).encode())]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": content})
