"""ECR beside a registry that really holds images.

`CONTAINER_REGISTRY` says where it is, `CONTAINER_REGISTRY_PASSWORD` what it lets the user AWS in with.
"""

from __future__ import annotations

import base64
import os
import time

from ministack.core.responses import json_response
from ministack.services import ecr

from .patching import replace

NEEDS: dict[str, str | type] = {
    "ministack.services.ecr:_get_authorization_token": "data",
    "ministack.services.ecr:_repo_uri": "name",
}

# As long as AWS's.
_SECONDS = 12 * 3600


def install() -> None:
    """Without a registry beside it, addresses stay those of AWS, where nothing of this answers."""
    address, password = os.environ.get("CONTAINER_REGISTRY"), os.environ.get("CONTAINER_REGISTRY_PASSWORD")
    if not address or not password:
        return

    def authorization_token(data):
        return json_response({"authorizationData": [{
            "authorizationToken": base64.b64encode(f"AWS:{password}".encode()).decode(),
            "expiresAt": int(time.time()) + _SECONDS,
            "proxyEndpoint": f"http://{address}",
        }]})

    replace(ecr, "_get_authorization_token", authorization_token)
    replace(ecr, "_repo_uri", lambda name: f"{address}/{name}")
