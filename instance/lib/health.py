"""Whether BigBlueButton is up: `health.py units` or `health.py api HOST` say what is wrong and end with 1 if something is.

`health.py list` names the units that have to run.
"""

from __future__ import annotations

import hashlib
import re
import subprocess
import sys
import urllib.error
import urllib.request
from pathlib import Path

API_FILE = Path("/etc/bigbluebutton/bbb-web.properties")
# As bbb-conf marks a unit.
STATE = re.compile(r"\[. - (\S+)\]")
# An image converter of which one runs when it is needed.
NOT_ALWAYS = re.compile(r"bbb-libreoffice|imgprocess|pdfprocess")


def api_secret() -> str:
    match = re.search(r"^securitySalt=(.+)$", API_FILE.read_text(), re.MULTILINE)
    if not match:
        sys.exit(f"failed: {API_FILE} has no secret")
    return match.group(1).strip()


def listed() -> list[tuple[str, bool]]:
    """BigBlueButton's units, and whether each runs. bbb-conf knows which ones this version has."""
    listing = subprocess.run(["bbb-conf", "--status"], capture_output=True, text=True, timeout=60, check=False)
    found = [
        (line.split()[0], state.group(1) == "active") for line in listing.stdout.splitlines() if (state := STATE.search(line))
    ]
    if listing.returncode or not found:
        sys.exit(f"bbb-conf --status ended with {listing.returncode} and lists {len(found)} units")
    return [(unit, runs) for unit, runs in found if not NOT_ALWAYS.search(unit)]


def down(units: list[str]) -> list[str]:
    """Which of the units do not run, by one question to systemd."""
    answer = subprocess.run(["systemctl", "is-active", *units], capture_output=True, text=True, timeout=30, check=False)
    states = answer.stdout.split()
    if len(states) != len(units):
        return [f"systemctl knows {len(states)} of {len(units)} units"]
    return [f"{unit} is not active" for unit, state in zip(units, states, strict=True) if state != "active"]


def units_down() -> list[str]:
    """Which of BigBlueButton's units do not run, and of those that carry its traffic."""
    return [f"{unit} is not active" for unit, runs in listed() if not runs] + down(["haproxy", "coturn"])


def api_problem(host: str) -> str | None:
    """Asks for the meetings, as the pool's function will. Neither the request's URL nor its answer is ever printed."""
    checksum = hashlib.sha256(("getMeetings" + api_secret()).encode()).hexdigest()
    try:
        with urllib.request.urlopen(f"https://{host}/bigbluebutton/api/getMeetings?checksum={checksum}", timeout=10) as answer:
            text = answer.read(65536).decode(errors="replace")
    except urllib.error.HTTPError as problem:
        return f"https://{host}: status {problem.code}"
    except OSError as problem:
        return f"https://{host}: {getattr(problem, 'reason', problem)}"
    if "<returncode>SUCCESS</returncode>" in text:
        return None
    key = re.search(r"<messageKey>(\w+)</messageKey>", text)
    return f"https://{host}: the API answered {key.group(1) if key else 'something else than its answer'}"


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["units"]:
            problems = units_down()
        case ["list"]:
            print("\n".join([*(unit for unit, _ in listed()), "haproxy", "coturn"]))
            problems = []
        case ["api", host]:
            problems = [problem for problem in [api_problem(host)] if problem]
        case _:
            problems = ["what is asked?"]
    if problems:
        sys.exit("; ".join(problems))
