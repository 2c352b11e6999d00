"""The presigned S3 URL to which a custom resource PUTs its answer."""

from __future__ import annotations

import base64
import logging
import os
import secrets
import threading
import time
import uuid
from dataclasses import dataclass, field
from urllib.parse import parse_qsl, quote, urlencode
from xml.sax.saxutils import escape

_BUCKET = "cloudformation-custom-resource-response-"
_LIFETIME_SECONDS = 2 * 3600  # as AWS signs it: longer than the longest ServiceTimeout

logger = logging.getLogger("local_aws.cloudformation")


@dataclass
class Slot:
    """One URL and the first body PUT to it."""

    path: str
    query: dict[str, str]
    url: str
    _arrived: threading.Event = field(default_factory=threading.Event)
    _body: bytes = b""

    def put(self, body: bytes) -> None:
        if self._arrived.is_set():
            logger.info("a second answer to the same ResponseURL is ignored")
            return
        self._body = body
        self._arrived.set()

    def wait(self, seconds: float) -> bytes | None:
        """The first body, or None when none came in time."""
        return self._body if self._arrived.wait(seconds) else None


_slots: dict[str, Slot] = {}


def open_slot(region: str, stack_id: str, logical_id: str, request_id: str) -> Slot:
    """A URL of its own for one request, known until the process ends, as an object in a bucket would be."""
    key = f"{stack_id}|{logical_id}|{request_id}"
    bucket = _BUCKET + region.replace("-", "")
    query = {
        "AWSAccessKeyId": "AKIA" + base64.b32encode(secrets.token_bytes(10)).decode(),
        "Expires": str(int(time.time()) + _LIFETIME_SECONDS),
        "Signature": base64.b64encode(secrets.token_bytes(20)).decode(),
    }
    url = f"{os.environ['AWS_ENDPOINT_URL']}/{bucket}/{quote(key, safe='')}?{urlencode(query)}"
    slot = Slot(path=f"/{bucket}/{key}", query=query, url=url)
    _slots[slot.path] = slot
    return slot


def serves(path: str) -> bool:
    """Whether a request's path is that of a ResponseURL."""
    return path.startswith("/" + _BUCKET)


async def handle(scope, receive, send) -> None:
    """Answer as S3 does: 200 for exactly the signed request, 403 for any other."""
    body = bytearray()
    while True:
        message = await receive()
        if message["type"] != "http.request":
            return
        body += message.get("body", b"")
        if not message.get("more_body"):
            break
    refusal = _refusal(scope)
    if refusal is None:
        _slots[scope["path"]].put(bytes(body))
        await _respond(send, 200, b"")
    else:
        await _respond(send, 403, _error(*refusal))


def _refusal(scope) -> tuple[str, str] | None:
    slot = _slots.get(scope["path"])
    query = parse_qsl(scope["query_string"].decode("latin-1"), keep_blank_values=True)
    content_type = b"".join(value for name, value in scope["headers"] if name.lower() == b"content-type")
    if slot is None or sorted(query) != sorted(slot.query.items()) or scope["method"] != "PUT" or content_type:
        return (
            "SignatureDoesNotMatch",
            "The request signature we calculated does not match the signature you provided. "
            "Check your key and signing method.",
        )
    if time.time() > int(slot.query["Expires"]):
        return "AccessDenied", "Request has expired"
    return None


def _error(code: str, message: str) -> bytes:
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        f"<Error><Code>{code}</Code><Message>{escape(message)}</Message>"
        f"<RequestId>{uuid.uuid4().hex[:16].upper()}</RequestId></Error>"
    ).encode()


async def _respond(send, status: int, body: bytes) -> None:
    headers = [(b"content-length", str(len(body)).encode()), (b"server", b"AmazonS3")]
    if body:
        headers.append((b"content-type", b"application/xml"))
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
