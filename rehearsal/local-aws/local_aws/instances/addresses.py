"""Addresses of instances, each used once, from ranges that are never routed."""

from __future__ import annotations

import ipaddress
import itertools
import threading

NEEDS: dict[str, str | type] = {}

# For benchmarks of networks (RFC 2544), for private use, and for documentation (RFC 3849).
_PUBLIC = ipaddress.ip_network("198.18.0.0/15")
_PRIVATE = ipaddress.ip_network("10.0.0.0/8")
_PUBLIC_6 = ipaddress.ip_network("2001:db8::/32")

_lock = threading.Lock()
_numbers = {network: itertools.count(1) for network in (_PUBLIC, _PRIVATE, _PUBLIC_6)}


def install() -> None:
    """Nothing is patched: other parts take addresses."""


def _take(network) -> str:
    with _lock:
        return str(network[next(_numbers[network])])


def public() -> str:
    return _take(_PUBLIC)


def private() -> str:
    return _take(_PRIVATE)


def public_6() -> str:
    return _take(_PUBLIC_6)
