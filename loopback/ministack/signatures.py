"""Signatures as the base checks them, and where it does not: a presigned URL of the account, with IAM enforced or not.

The account's key is its number, and its secret is made with the state folder. The base takes any twelve digits, `test`
and a request without a key for the account, whatever the secret; with IAM enforced only the account's own key is.
"""

import contextvars
import importlib
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from loopback.core.arn import Place

HOOKS: dict[str, tuple[str, ...]] = {
    "ministack.core.iam_evaluator": (
        "AuthError",
        "CredentialResolutionError",
        "SignedRequest",
        "_is_root_key",
        "_sigv2_check",
        "is_root_access_key",
        "pin_signed_request",
        "resolve_credential",
    ),
    "ministack.core.sigv4": (
        "header_signature_failure",
        "parse_query_signature",
        "presigned_request_is_expired",
    ),
    "ministack.core.responses": ("set_request_account_id", "set_request_region"),
    "ministack.app": ("pin_signed_request", "_s3_cors_target", "_extract_s3_vhost_bucket"),
    "ministack.services.s3": ("resolve_credential",),
    "ministack.services.sts": ("is_root_access_key", "resolve_credential"),
}
Refusal = tuple[str, str]  # code, message
LONGEST = 7 * 24 * 3600  # seconds that a presigned URL may be good for
FREE_KEY, FREE_SECRET = "test", "test"  # what people give an emulator; the account's where IAM is not enforced
_pinning: contextvars.ContextVar[bool] = contextvars.ContextVar("loopback_pinning", default=False)


class Signatures:
    """Made once, before the base serves."""

    def __init__(self, place: Place, *, enforced: bool) -> None:
        self._place = place
        modules: list[Any] = [importlib.import_module(name) for name in HOOKS]
        self._evaluator, self._sigv4, self._responses, self._app, s3, sts = modules
        resolve = self._evaluator.resolve_credential

        def resolve_key(key: str, *rest: Any, **more: Any) -> Any:
            found = resolve(key, *rest, **more)
            free = key == FREE_KEY and not isinstance(found, self._evaluator.CredentialResolutionError)
            return replace(found, secret_access_key=FREE_SECRET) if free else found

        for module in (self._evaluator, s3, sts):
            module.resolve_credential = resolve_key
        if enforced:
            self._check_the_account_too(sts)

    def _check_the_account_too(self, sts: Any) -> None:
        """Only the account's own key is root, and its signature is checked as everybody's."""
        evaluator, account = self._evaluator, self._place.account

        def is_root(key: str) -> bool:
            return not key or key == account  # no key: what needs no signature, which the gate has seen to

        def skips_check(key: str) -> bool:
            return False if _pinning.get() else is_root(key)

        pin = evaluator.pin_signed_request

        def check_account(*arguments: Any, **more: Any) -> None:
            token = _pinning.set(True)
            try:
                pin(*arguments, **more)
            finally:
                _pinning.reset(token)

        evaluator.is_root_access_key = sts.is_root_access_key = is_root
        evaluator._is_root_key = skips_check
        evaluator.pin_signed_request = self._app.pin_signed_request = check_account

    def query_fault(
        self, scope: Mapping[str, Any], query: Mapping[str, list[str]], headers: Mapping[str, str]
    ) -> Refusal | None:
        """Why a presigned URL is not good for this request: its end, its key, its secret, the method or the path."""
        self._responses.set_request_account_id(self._place.account)
        self._responses.set_request_region(self._place.region)
        if _value(query, "X-Amz-Signature"):
            return self._sigv4_fault(scope, query, headers)
        return self._sigv2_fault(scope, query, headers)

    def _sigv4_fault(
        self, scope: Mapping[str, Any], query: Mapping[str, list[str]], headers: Mapping[str, str]
    ) -> Refusal | None:
        signature = self._sigv4.parse_query_signature(query)
        if isinstance(signature, tuple):
            return signature[0], signature[1]
        if signature.service != "s3" and scope["method"] != "GET":
            return "SignatureDoesNotMatch", "Only S3 takes a presigned request that is no GET; sign its headers instead"
        if fault := lifetime_fault(_value(query, "X-Amz-Expires")):
            return fault
        try:
            if self._sigv4.presigned_request_is_expired(signature.amz_date, _value(query, "X-Amz-Expires")):
                return "AccessDenied", "Request has expired"
        except ValueError:
            return "AuthorizationQueryParametersError", "X-Amz-Date must be in the ISO8601 Long Format"
        token = _value(query, "X-Amz-Security-Token")
        credential = self._evaluator.resolve_credential(signature.access_key_id, self._place.account, token)
        if isinstance(credential, self._evaluator.CredentialResolutionError):
            return "InvalidAccessKeyId", "The AWS Access Key Id you provided does not exist in our records."
        found: Refusal | None = self._sigv4.header_signature_failure(
            signature,
            credential.secret_access_key,
            scope["method"],
            _raw_path(scope),
            query,
            headers,
            b"",
            presigned=True,
        )
        return found

    def _sigv2_fault(
        self, scope: Mapping[str, Any], query: Mapping[str, list[str]], headers: Mapping[str, str]
    ) -> Refusal | None:
        bucket, path = self._app._extract_s3_vhost_bucket(headers.get("host", "")), _raw_path(scope)
        request = self._evaluator.SignedRequest(
            _value(query, "AWSAccessKeyId"),
            scope["method"],
            path,
            query,
            dict(headers),
            sigv2=True,
            auth_path=f"/{bucket}{path}" if bucket else path,
        )
        found = self._evaluator._sigv2_check(request, self._place.account)
        if not isinstance(found, self._evaluator.AuthError):
            return None
        expired = found.message == "Request has expired"
        return "AccessDenied" if expired else found.code, found.message


def lifetime_fault(seconds: str) -> Refusal | None:
    """Why X-Amz-Expires is none that S3 takes."""
    if not seconds.isdigit():
        return "AuthorizationQueryParametersError", "X-Amz-Expires should be a number"
    if int(seconds) > LONGEST:
        return "AuthorizationQueryParametersError", f"X-Amz-Expires must be less than a week ({LONGEST} seconds)"
    return None


def _value(query: Mapping[str, list[str]], name: str) -> str:
    values = query.get(name) or query.get(name.lower()) or [""]
    return values[0]


def _raw_path(scope: Mapping[str, Any]) -> str:
    raw: bytes = scope["raw_path"]
    return raw.decode("latin-1")
