"""Policies of buckets, by PutBucketPolicy and in stacks: the base keeps any text."""

import importlib
import json
from collections.abc import Mapping
from typing import Any

from loopback.engines.s3.bucket_policies import Exists, policy_fault

HOOKS: dict[str, tuple[str, ...]] = {
    "ministack.services.s3": ("_put_bucket_policy", "_buckets", "_error"),
    "ministack.services.iam": ("_roles", "_users"),
    "ministack.services.cloudformation.provisioners": ("_RESOURCE_HANDLERS",),
}
KIND = "AWS::S3::BucketPolicy"


def install(account: str, *, enforced: bool) -> None:
    """Once, before the base serves. With IAM enforced, users and roles of this account must be there."""
    s3, iam, provisioners = (importlib.import_module(name) for name in HOOKS)
    buckets: Any = s3
    keep, handlers = buckets._put_bucket_policy, provisioners._RESOURCE_HANDLERS[KIND]
    create, update = handlers["create"], handlers["update"]
    exists = _identities(iam, account) if enforced else None

    def put_bucket_policy(name: str, body: bytes) -> Any:
        if name in buckets._buckets and (fault := policy_fault(body.decode("utf-8", "replace"), name, exists)):
            return buckets._error("MalformedPolicy", fault, 400)
        return keep(name, body)

    def check(properties: Mapping[str, Any]) -> None:
        document, bucket = properties.get("PolicyDocument"), str(properties.get("Bucket") or "")
        if bucket not in buckets._buckets:
            raise ValueError(f"The specified bucket does not exist: {bucket}")
        text = document if isinstance(document, str) else json.dumps(document)
        if fault := policy_fault(text, bucket, exists):
            raise ValueError(f"{fault} (Service: S3, Status Code: 400)")

    def create_checked(logical_id: str, properties: Any, stack: str) -> Any:
        check(properties)
        return create(logical_id, properties, stack)

    def update_checked(physical_id: str, old: Any, new: Any, stack: str) -> Any:
        check(new)
        return update(physical_id, old, new, stack)

    buckets._put_bucket_policy = put_bucket_policy
    handlers.update(create=create_checked, update=update_checked)


def _identities(iam: Any, account: str) -> Exists:
    def exists(principal: str) -> bool:
        """Whether a user or role of this account is there; of another account it is believed."""
        kind, _, path = principal.partition(f":iam::{account}:")[2].partition("/")
        store = {"role": iam._roles, "user": iam._users}.get(kind)
        return store is None or path.rpartition("/")[2] in store

    return exists
