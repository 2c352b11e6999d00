"""Whether BigBlueButton is up: `health.py units` or `health.py api HOST`; says what is wrong and ends with 1 if something
is.
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
# An image converter of which one runs when it is needed.
NOT_ALWAYS = re.compile(r"bbb-libreoffice|imgprocess|pdfprocess")


def api_secret() -> str:
    match = re.search(r"^securitySalt=(.+)$", API_FILE.read_text(), re.MULTILINE)
    if not match:
        sys.exit(f"failed: {API_FILE} has no secret")
    return match.group(1).strip()


def units_down() -> list[str]:
    """What bbb-conf lists as not active. It knows which units this version has."""
    listing = subprocess.run(["bbb-conf", "--status"], capture_output=True, text=True, timeout=60, check=False)
    lines = [line for line in listing.stdout.splitlines() if re.search(r"\[. - \S+\]", line)]
    if listing.returncode or not lines:
        return [f"bbb-conf --status ended with {listing.returncode} and lists {len(lines)} units"]
    down = [line.split()[0] for line in lines if not re.search(r"\[. - active\]", line)]
    down = [f"{unit} is not active" for unit in down if not NOT_ALWAYS.search(unit)]
    for unit in ("haproxy", "coturn"):
        if subprocess.run(["systemctl", "is-active", "--quiet", unit], timeout=30, check=False).returncode:
            down.append(f"{unit} is not active")
    return down


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
    problems = units_down() if sys.argv[1] == "units" else [problem for problem in [api_problem(sys.argv[2])] if problem]
    if problems:
        sys.exit("; ".join(problems))
