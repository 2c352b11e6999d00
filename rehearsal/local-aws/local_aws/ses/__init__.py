"""SES: identities that are verified when their records stand in public DNS, one store for both APIs."""

from __future__ import annotations

from . import authorization, identities, query_api, resource_types, rest_api, sending

_PARTS = (identities, sending, query_api, rest_api, resource_types, authorization)

NEEDS: dict[str, str | type] = {name: expected for part in _PARTS for name, expected in part.NEEDS.items()}


def install() -> None:
    for part in _PARTS:
        part.install()
