"""Buckets of stacks: one that holds anything, older versions included, is not deleted."""

from __future__ import annotations

from ministack.core.responses import AccountScopedDict
from ministack.services import s3
from ministack.services.cloudformation import provisioners

from ..refusals import called

NEEDS = {
    "ministack.services.cloudformation.provisioners:_RESOURCE_HANDLERS": dict,
    "ministack.services.s3:_buckets": AccountScopedDict,
    "ministack.services.s3:_delete_bucket": "name",
}


def _delete(physical_id, _properties):
    if physical_id in s3._buckets:
        called("S3", s3._delete_bucket, physical_id)


def install() -> None:
    provisioners._RESOURCE_HANDLERS["AWS::S3::Bucket"]["delete"] = _delete
