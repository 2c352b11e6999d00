"""Stores the certificate on standard input as certbot would: `store_certificate.py HOST FOLDER`.

{"certificate": "<the chain as PEM, the server's first>", "key": "<as PEM>"}. It must be the host's, valid, and belong to the
key.
"""

from __future__ import annotations

import json
import ssl
import subprocess
import sys
import time
from pathlib import Path

from everywhere import write


def openssl(*arguments: str, text: str) -> str:
    run = subprocess.run(["openssl", *arguments], input=text, capture_output=True, text=True, check=False)
    if run.returncode:
        sys.exit(f"failed: the own certificate: openssl {arguments[0]}: it cannot be read")
    return run.stdout


host, folder = sys.argv[1], Path(sys.argv[2])
try:
    given = json.load(sys.stdin)
    chain, key = given["certificate"].strip() + "\n", given["key"].strip() + "\n"
except (ValueError, KeyError, TypeError, AttributeError):
    # Not the exception's text, which may quote what it could not read.
    sys.exit('failed: the own certificate is not {"certificate": "...", "key": "..."}')

if openssl("x509", "-noout", "-pubkey", text=chain) != openssl("pkey", "-pubout", text=key):
    sys.exit("failed: the own certificate and its key do not belong together")
if "does match certificate" not in openssl("x509", "-noout", "-checkhost", host, text=chain):
    sys.exit(f"failed: the own certificate is not for {host}")
end = openssl("x509", "-noout", "-enddate", text=chain).strip().removeprefix("notAfter=")
if ssl.cert_time_to_seconds(end) < time.time():
    sys.exit(f"failed: the own certificate ended on {end}")
write(folder / "privkey.pem", key.encode(), 0o600)
write(folder / "fullchain.pem", chain.encode(), 0o644)
