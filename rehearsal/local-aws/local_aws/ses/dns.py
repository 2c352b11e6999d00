"""What SES looks for in public DNS, and how it judges what it finds there."""

from __future__ import annotations

import re
import time
from dataclasses import dataclass, field

from .. import route53

# Nothing is looked up before this; on AWS it is minutes.
FIRST_LOOK_SECONDS = 0.3
# After this without the records AWS gives up.
_GIVE_UP_SECONDS = 72 * 3600

HOST_NOT_FOUND, TYPE_NOT_FOUND, INVALID_VALUE = "HOST_NOT_FOUND", "TYPE_NOT_FOUND", "INVALID_VALUE"


@dataclass
class Check:
    """A verification that was asked for, with SES v2's name for its state."""

    since: float = field(default_factory=time.time)
    status: str = "PENDING"
    checked: float = 0.0
    succeeded: float = 0.0
    error: str = ""

    def look(self, problems: list[str]) -> None:
        """Take in what DNS answered: one problem, or none, for each record that is needed."""
        now = time.time()
        if now - self.since < FIRST_LOOK_SECONDS:
            return
        self.checked = now
        self.error = next((problem for problem in problems if problem), "")
        if not self.error:
            self.status, self.succeeded = "SUCCESS", now
        elif now - (self.succeeded or self.since) >= _GIVE_UP_SECONDS:
            self.status = "FAILED"
        elif self.status == "SUCCESS":
            self.status = "TEMPORARY_FAILURE"


def _text(value: str) -> str:
    """The character strings of a TXT value, as one."""
    return "".join(re.findall(r'"((?:[^"\\]|\\.)*)"', value))


def _values(name: str, record_type: str) -> tuple[list[str], str]:
    """The values of a name, and what is wrong when there are none."""
    records = route53.public_records(name)
    if not records:
        return [], HOST_NOT_FOUND
    values = [value for one in records if one["Type"] == record_type for value in one.get("ResourceRecords", [])]
    return values, "" if values else TYPE_NOT_FOUND


def cname_problem(name: str, target: str) -> str:
    values, problem = _values(name, "CNAME")
    if problem:
        return problem
    # Weighted records answer one at a time, so every one of them has to be right.
    return "" if all(value.lower().rstrip(".") == target for value in values) else INVALID_VALUE


def text_problem(name: str, fits) -> str:
    """`fits` is asked for every text."""
    values, problem = _values(name, "TXT")
    if problem:
        return problem
    return "" if any(fits(_text(value)) for value in values) else INVALID_VALUE


def exchange_problem(name: str, value: str) -> str:
    """SES wants exactly one MX record."""
    values, problem = _values(name, "MX")
    if problem:
        return problem
    return "" if [one.lower().rstrip(".") for one in values] == [value] else INVALID_VALUE
