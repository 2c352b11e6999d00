"""What a service refuses, as its API answers it and as CloudFormation reports it."""

from __future__ import annotations

import re
from typing import Any


class Refused(ValueError):
    """An error code of a service and its message. As the reason of a resource it reads as CloudFormation writes it."""

    def __init__(self, service: str, code: str, message: str, status: int = 400):
        super().__init__(f"{message} (Service: {service}, Status Code: {status}, Error Code: {code})")
        self.code, self.message, self.status = code, message, status


def called(service: str, operation: Any, request: dict) -> str:
    """Call an operation of a service with an XML protocol; the body, or its error raised as `Refused`."""
    status, _headers, body = operation(request)
    text = body.decode() if isinstance(body, bytes) else str(body)
    if status < 300:
        return text
    code = re.search(r"<Code>(.*?)</Code>", text, re.S)
    message = re.search(r"<Message>(.*?)</Message>", text, re.S)
    raise Refused(service, code[1].strip() if code else str(status), message[1].strip() if message else text, status)
