"""Prints coturn's configuration, with the secret on standard input: `turn_configuration.py HOST PUBLIC PRIVATE
CERTIFICATES`.
"""

from __future__ import annotations

import re
import sys

host, public, private, certificates = sys.argv[1:]
secret = sys.stdin.read().strip()
if not re.fullmatch(r"[A-Za-z0-9]{16,128}", secret):
    sys.exit("failed: the TURN secret is not 16 to 128 letters and digits")
# Relaying into these would let everyone with a link into a meeting reach the network that this server is in. No range of IPv6:
# it relays from an IPv4 address only, and coturn takes every IPv4 address for a part of a range that is all of IPv6.
DENIED = (
    "0.0.0.0-0.255.255.255",
    "10.0.0.0-10.255.255.255",
    "100.64.0.0-100.127.255.255",
    "127.0.0.0-127.255.255.255",
    "169.254.0.0-169.254.255.255",
    "172.16.0.0-172.31.255.255",
    "192.0.0.0-192.0.0.255",
    "192.168.0.0-192.168.255.255",
    "198.18.0.0-198.19.255.255",
    "224.0.0.0-255.255.255.255",
)
lines = [
    "listening-port=3478",
    "tls-listening-port=443",
    f"listening-ip={private}",
    "listening-ip=127.0.0.1",
    f"relay-ip={private}",
    f"external-ip={public}/{private}",
    "min-port=32769",
    "max-port=65535",
    f"realm={host}",
    "fingerprint",
    "use-auth-secret",
    f"static-auth-secret={secret}",
    f"cert={certificates}/fullchain.pem",
    f"pkey={certificates}/privkey.pem",
    "no-tlsv1",
    "no-tlsv1_1",
    "no-cli",
    "no-multicast-peers",
    "log-file=/var/log/turnserver/turnserver.log",
    "simple-log",
    *(f"denied-peer-ip={addresses}" for addresses in DENIED),
]
print("\n".join(lines))
