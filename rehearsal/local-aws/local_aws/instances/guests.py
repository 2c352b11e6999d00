"""Telling whoever plays the instances what became of each: nothing runs in them here.

`INSTANCE_HOOK` names a URL on loopback. It gets a POST for every change of an instance's state, one after another and
in order: the state, the addresses, the user data, the tags, and credentials of its instance profile's role.
"""

from __future__ import annotations

import json
import logging
import os
import queue
import threading
import urllib.request

from ministack.core import lambda_runtime
from ministack.core.responses import AccountRegionScopedDict, AccountScopedDict, get_account_id, get_region
from ministack.services import ec2, iam

from ..clock import clock

NEEDS: dict[str, str | type] = {
    "ministack.core.lambda_runtime:execution_credentials": "config",
    "ministack.services.ec2:_tags": AccountRegionScopedDict,
    "ministack.services.iam:_lookup_instance_profile": "name, arn",
    "ministack.services.iam:_roles": AccountScopedDict,
}

logger = logging.getLogger("local_aws.instances")

_TIMEOUT_SECONDS = 30

# A proxy that the environment names for others does not lead to loopback.
_opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))


class _Messenger:
    def __init__(self) -> None:
        self._messages: queue.Queue[dict] = queue.Queue()

    def start(self) -> None:
        clock.busy_while(lambda: self._messages.unfinished_tasks > 0)
        threading.Thread(target=self._run, name="local-aws-guests", daemon=True).start()

    def send(self, message: dict) -> None:
        self._messages.put(message)

    def _run(self) -> None:
        while True:
            message = self._messages.get()
            request = urllib.request.Request(
                os.environ["INSTANCE_HOOK"], data=json.dumps(message).encode(), method="POST",
                headers={"content-type": "application/json"})
            try:
                with _opener.open(request, timeout=_TIMEOUT_SECONDS):
                    pass
            except OSError as error:
                logger.error("%s was not told of %s: %s", request.full_url, message["instanceId"], error)
            finally:
                self._messages.task_done()


_messenger = _Messenger()


def _credentials(instance: dict) -> dict | None:
    """Credentials of the role in the instance's profile, as the metadata service would give them."""
    arn = (instance.get("IamInstanceProfile") or {}).get("Arn")
    profile = iam._lookup_instance_profile(arn=arn) if arn else None
    if not profile or not profile.get("Roles"):
        return None
    # The session is named after the instance, as on AWS. An instance has no function's ARN, but this one is as unique.
    made = lambda_runtime.execution_credentials({
        "Role": iam._roles[profile["Roles"][0]]["Arn"], "FunctionName": instance["InstanceId"],
        "FunctionArn": f"arn:aws:lambda:{get_region()}:{get_account_id()}:function:{instance['InstanceId']}",
    })
    return {"accessKeyId": made["AWS_ACCESS_KEY_ID"], "secretAccessKey": made["AWS_SECRET_ACCESS_KEY"],
            "sessionToken": made["AWS_SESSION_TOKEN"]}


def tell(instance: dict) -> None:
    """Tell of an instance as it is now."""
    if not os.environ.get("INSTANCE_HOOK"):
        return
    _messenger.send({
        "instanceId": instance["InstanceId"],
        "state": instance["State"]["Name"],
        "imageId": instance["ImageId"],
        "instanceType": instance["InstanceType"],
        "privateIpAddress": instance["PrivateIpAddress"] or None,
        "publicIpAddress": instance["PublicIpAddress"] or None,
        "ipv6Address": instance.get("Ipv6Address") or None,
        "userData": instance.get("UserData") or None,
        "tags": {tag["Key"]: tag["Value"] for tag in ec2._tags.get(instance["InstanceId"], [])},
        "credentials": _credentials(instance) if instance["State"]["Name"] == "running" else None,
    })


def install() -> None:
    if os.environ.get("INSTANCE_HOOK"):
        _messenger.start()
