"""SSM: Canonical's public parameters, which hold the newest of the seeded images."""

from __future__ import annotations

import re

from ministack.core.responses import get_region
from ministack.services import ssm

from . import images, patching

NEEDS = {
    "ministack.services.ssm:_public_parameter": "name",
}

_CURRENT = re.compile(
    r"/aws/service/canonical/ubuntu/server/(?P<release>jammy|noble|22\.04|24\.04)/stable/current/"
    r"(?P<architecture>amd64|arm64)/hvm/(?P<volume>ebs-gp2|ebs-gp3)/ami-id"
)
_RELEASES = {"22.04": "jammy", "24.04": "noble"}


def _current(name: str) -> str | None:
    match = _CURRENT.fullmatch(name)
    if not match:
        return None
    release = _RELEASES.get(match["release"], match["release"])
    # As Canonical does: jammy is published on gp2, noble on gp3, and no release on the other.
    if match["volume"] != {"jammy": "ebs-gp2", "noble": "ebs-gp3"}[release]:
        return None
    fitting = [
        image for image in images.published(get_region())
        if image["Name"].startswith("ubuntu/images/")
        and f"/ubuntu-{release}-" in image["Name"]
        and f"-{match['architecture']}-server-" in image["Name"]
        and (image["RootDeviceType"], image["State"]) == ("ebs", "available")
    ]
    newest = max(fitting, key=lambda image: (image["CreationDate"], image["Name"], image["ImageId"]), default=None)
    return newest and newest["ImageId"]


def install() -> None:
    """Answer for Canonical's parameters, and leave the others as they are."""
    known = ssm._public_parameter

    def public_parameter(name):
        image = _current(name)
        if image is None:
            return known(name)
        arn = f"arn:aws:ssm:{get_region()}::parameter{name}"
        return {"Name": name, "Type": "String", "DataType": "aws:ec2:image", "Value": image, "Version": 1,
                "LastModifiedDate": 1728518400, "ARN": arn}

    patching.replace(ssm, "_public_parameter", public_parameter)
