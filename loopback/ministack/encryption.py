"""S3 writes with `aws:kms` and no key: they take the account's AWS managed key `aws/s3`, which the base has not.

Nothing is encrypted on this machine: what a write asks for is kept and shown, as with a key of one's own.
"""

import importlib
import json
from collections.abc import Mapping
from typing import Any

HOOKS: dict[str, tuple[str, ...]] = {
    "ministack.services.s3": ("_resolve_sse_write_headers", "_bucket_default_sse_headers"),
    "ministack.services.kms": (
        "_alias_arn",
        "_aliases",
        "_create_alias",
        "_create_key",
        "_key_metadata",
        "_keys",
    ),
}
ALGORITHM, KEY = "x-amz-server-side-encryption", "x-amz-server-side-encryption-aws-kms-key-id"
KMS = ("aws:kms", "aws:kms:dsse")
ALIAS = "alias/aws/s3"
DESCRIPTION = "Default key that protects my S3 objects when no other key is defined"


def install() -> None:
    """Let the base find the key. Once, before the base serves."""
    modules: list[Any] = [importlib.import_module(name) for name in HOOKS]
    s3, kms = modules
    of_request, of_bucket, metadata = s3._resolve_sse_write_headers, s3._bucket_default_sse_headers, kms._key_metadata

    def read_request(headers: Mapping[str, str], bucket: str) -> Any:
        algorithm = headers.get(ALGORITHM, "")
        if algorithm not in KMS:
            return of_request(headers, bucket)
        named = {**headers, ALGORITHM: "aws:kms", KEY: headers.get(KEY) or managed_key(kms)}
        kept, refusal = of_request(named, bucket)
        return (kept | {ALGORITHM: algorithm} if kept else kept), refusal

    def default(bucket: str) -> dict[str, str]:
        kept: dict[str, str] = of_bucket(bucket)
        return kept if kept.get(ALGORITHM) not in KMS or kept.get(KEY) else {**kept, KEY: managed_key(kms)}

    def describe(record: Mapping[str, Any]) -> dict[str, Any]:
        return {**metadata(record), "KeyManager": record.get("KeyManager", "CUSTOMER")}

    s3._resolve_sse_write_headers, s3._bucket_default_sse_headers, kms._key_metadata = read_request, default, describe


def managed_key(kms: Any) -> str:
    """The ARN of the account's `aws/s3`; the first write that needs the key makes it, as on AWS."""
    alias = kms._alias_arn(ALIAS)
    if alias not in kms._aliases:
        _, _, body = kms._create_key({"Description": DESCRIPTION})
        identity = json.loads(body)["KeyMetadata"]["KeyId"]
        kms._keys[identity]["KeyManager"] = "AWS"
        kms._create_alias({"AliasName": ALIAS, "TargetKeyId": identity})
    return str(kms._keys[kms._aliases[alias]]["Arn"])
