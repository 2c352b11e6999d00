"""Lets Greenlight send mail with the SMTP credentials on standard input; ends with 1 if nothing changed.
`greenlight_mail.py ENV-FILE SENDER`.
"""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path

from everywhere import write

file, sender = Path(sys.argv[1]), sys.argv[2]
try:
    given = json.load(sys.stdin)
    settings = {
        "SMTP_SENDER_EMAIL": sender,
        "SMTP_SERVER": given["endpoint"],
        "SMTP_PORT": str(given["port"]),
        "SMTP_USERNAME": given["username"],
        "SMTP_PASSWORD": given["password"],
        "SMTP_AUTH": "plain",
        "SMTP_STARTTLS": "true",
    }
except (ValueError, KeyError, TypeError):
    print("failed: the SMTP credentials are not {endpoint, port, username, password}", file=sys.stderr)
    sys.exit(2)
before = file.read_text()
lines = [line for line in before.splitlines() if not re.match(r"\s*#?\s*(" + "|".join(settings) + r")=", line)]
after = "\n".join([*lines, *(f"{key}={value}" for key, value in settings.items())]) + "\n"
if after == before:
    sys.exit(1)
write(file, after.encode(), 0o600)
