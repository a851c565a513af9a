"""STS's AssumeRoleWithWebIdentity: the base gives credentials for any text, here for a token that its provider signed.

The keys are fetched from the issuer at each request, as its `openid-configuration` says. Nothing outside this machine
is asked: an issuer is fetched from the address that LOOPBACK_ISSUERS has for it.
"""

import asyncio
import importlib
import json
import time
import urllib.error
import urllib.request
from collections.abc import Awaitable, Callable, Mapping
from typing import Any
from urllib.parse import parse_qs
from xml.sax.saxutils import escape

from loopback.core.arn import Place
from loopback.core.errors import ServiceError, UnknownOperationException, ValidationException
from loopback.core.settings import ISSUERS
from loopback.engines.sts.identity_tokens import (
    IdentityToken,
    IDPCommunicationError,
    InvalidIdentityToken,
    read_token,
    require_audience,
    require_current,
    require_signature,
)
from loopback.wire import model

HOOKS: dict[str, tuple[str, ...]] = {
    "ministack.app": ("SERVICE_HANDLERS",),
    "ministack.core.iam_evaluator": ("EvalContext", "evaluate_trust_policy"),
    "ministack.services.iam": ("_oidc_providers", "_roles"),
    "ministack.services.sts": (
        "_assumed_role_arn",
        "_error",
        "_future",
        "_gen_secret",
        "_gen_session_access_key",
        "_gen_session_token",
        "_session_policies",
        "_xml",
        "register_session",
    ),
}
OPERATION = "AssumeRoleWithWebIdentity"
DENIED = f"Not authorized to perform sts:{OPERATION}"
FETCH_SECONDS, LARGEST = 5, 1 << 20
Answer = tuple[int, dict[str, str], bytes]
Handler = Callable[[str, str, dict[str, str], bytes, dict[str, Any]], Awaitable[Answer]]
Fetch = Callable[[str], Any]  # the JSON document at an address; raises OSError, ValueError


class AccessDenied(ServiceError):
    """The role's trust policy does not let the token's bearer in, or there is no such role."""

    status = 403


class WebIdentity:
    """Made once, before the base serves. `issuers` has where the keys of an issuer are on this machine."""

    def __init__(self, place: Place, issuers: Mapping[str, str], fetch: Fetch | None = None) -> None:
        self._place, self._issuers, self._fetch = place, issuers, fetch or fetch_json
        modules: list[Any] = [importlib.import_module(name) for name in HOOKS]
        self._app, self._evaluator, self._iam, self._sts = modules
        self._rest: Handler = self._app.SERVICE_HANDLERS["sts"]
        self._app.SERVICE_HANDLERS["sts"] = self._answer

    async def _answer(
        self, method: str, path: str, headers: dict[str, str], body: bytes, query: dict[str, Any]
    ) -> Answer:
        if headers.get("x-amz-target", "").endswith(f".{OPERATION}"):
            return self._refusal(UnknownOperationException(f"{OPERATION} is asked with a form, as STS's model says"))
        asked = {**query, **parse_qs(body.decode("utf-8", "replace"))} if method == "POST" else dict(query)
        if (asked.get("Action") or [""])[0] != OPERATION:
            return await self._rest(method, path, headers, body, query)
        try:
            request = _request(asked)
            token = read_token(request["WebIdentityToken"])
            require_audience(token, self._provider(token)["ClientIDList"])
            require_signature(token, await asyncio.to_thread(self._keys, token.issuer))
            require_current(token, time.time())
            self._require_trust(request, token)
        except ServiceError as fault:
            return self._refusal(fault)
        return self._session(request, token, asked)

    def _refusal(self, fault: ServiceError) -> Answer:
        code = {"ValidationException": "ValidationError"}.get(fault.code, fault.code)
        answer: Answer = self._sts._error(fault.status, code, escape(str(fault)), ns="sts")
        return answer

    def _provider(self, token: IdentityToken) -> Mapping[str, Any]:
        found: Mapping[str, Any] | None = self._iam._oidc_providers.get(self._arn(token))
        if found is None or not token.issuer.startswith("https://"):
            raise InvalidIdentityToken(f"No OpenIDConnect provider found in your account for {token.issuer}")
        return found

    def _arn(self, token: IdentityToken) -> str:
        return f"arn:aws:iam::{self._place.account}:oidc-provider/{token.host}"

    def _keys(self, issuer: str) -> Any:
        """The key set of an issuer. Raises IDPCommunicationError, and InvalidIdentityToken for a wrong document."""
        issuer = issuer.rstrip("/")
        address = self._issuers.get(issuer)
        if address is None:
            raise IDPCommunicationError(
                f"loopback asks nothing outside this machine: where the keys of {issuer} are here is said with "
                f"{ISSUERS}={issuer}=http://127.0.0.1:PORT, before it is started"
            )
        try:
            document = self._fetch(f"{address}/.well-known/openid-configuration")
            named, place = str(document["issuer"]).rstrip("/"), str(document["jwks_uri"])
        except OSError as fault:
            raise IDPCommunicationError(f"{issuer}, at {address}, can't be reached: {fault}") from None
        except (ValueError, KeyError, TypeError) as fault:
            raise InvalidIdentityToken(
                f"The openid-configuration of {issuer} has no issuer and jwks_uri: {fault!r}"
            ) from None
        if named != issuer:
            raise InvalidIdentityToken(f"The openid-configuration of {issuer} is of another issuer, {named}")
        if not place.startswith((f"{issuer}/", f"{address}/")):
            raise IDPCommunicationError(
                f"the keys of {issuer} are elsewhere, at {place}; loopback asks {address} alone"
            )
        try:
            return self._fetch(place.replace(issuer, address, 1))
        except OSError as fault:
            raise IDPCommunicationError(f"{place}, at {address}, can't be reached: {fault}") from None
        except ValueError as fault:
            raise InvalidIdentityToken(f"{place} is no JSON document: {fault}") from None

    def _require_trust(self, request: Mapping[str, Any], token: IdentityToken) -> None:
        """Raises AccessDenied, or ValidationException for longer than the role has sessions."""
        arn = request["RoleArn"]
        role = self._iam._roles.get_scoped(self._place.account, None, arn.rpartition("/")[2])
        if role is None or role.get("Arn") != arn:
            raise AccessDenied(DENIED)
        context = self._evaluator.EvalContext(
            principal_arn=self._arn(token),
            principal_type="WebIdentityUser",
            principal_account=self._place.account,
            action=f"sts:{OPERATION}",
            resource_arn=arn,
            region=self._place.region,
            service_context={**token.condition_keys(), "sts:rolesessionname": request["RoleSessionName"]},
        )
        if not self._evaluator.evaluate_trust_policy(role["AssumeRolePolicyDocument"], self._arn(token), context):
            raise AccessDenied(DENIED)
        if request["DurationSeconds"] > int(role.get("MaxSessionDuration") or 3600):
            raise ValidationException("The requested DurationSeconds exceeds the MaxSessionDuration set for this role.")

    def _session(self, request: Mapping[str, Any], token: IdentityToken, asked: Mapping[str, Any]) -> Answer:
        sts, name, arn = self._sts, request["RoleSessionName"], request["RoleArn"]
        policies, fault = sts._session_policies(asked, self._place.account, check=True)
        assumed, absent = sts._assumed_role_arn(arn, name)
        if fault or absent:
            refused: Answer = fault or absent
            return refused
        seconds = request["DurationSeconds"]
        identity = f"{self._iam._roles[arn.rpartition('/')[2]]['RoleId']}:{name}"
        key, secret, session = sts._gen_session_access_key(), sts._gen_secret(), sts._gen_session_token()
        sts.register_session(
            key,
            {
                "Arn": assumed,
                "UserId": identity,
                "SecretAccessKey": secret,
                "SessionToken": session,
                "Expiration": time.time() + seconds,
                "AccountId": self._place.account,
                "PrincipalType": "AssumedRole",
                "SessionPolicies": policies if any(policies.values()) else None,
            },
        )
        credentials = {"AccessKeyId": key, "SecretAccessKey": secret, "SessionToken": session}
        credentials["Expiration"] = sts._future(seconds)
        result = {
            "Credentials": _elements(credentials),
            "AssumedRoleUser": _elements({"AssumedRoleId": identity, "Arn": assumed}),
            "SubjectFromWebIdentityToken": escape(token.subject),
            "Audience": escape(token.audience),
            "Provider": escape(self._arn(token)),
        }
        inside = "".join(f"<{member}>{value}</{member}>" for member, value in result.items())
        answer: Answer = sts._xml(
            200, f"{OPERATION}Response", f"<{OPERATION}Result>{inside}</{OPERATION}Result>", ns="sts"
        )
        return answer


def _elements(values: Mapping[str, str]) -> str:
    return "".join(f"<{name}>{escape(value)}</{name}>" for name, value in values.items())


def _request(asked: Mapping[str, Any]) -> dict[str, Any]:
    """The members of a form, checked against STS's model. Raises ValidationException."""
    names = ("RoleArn", "RoleSessionName", "WebIdentityToken", "ProviderId", "Policy")
    found: dict[str, Any] = {name: asked[name][0] for name in names if asked.get(name)}
    text = (asked.get("DurationSeconds") or ["3600"])[0]
    if not text.isdecimal():
        raise ValidationException(f"DurationSeconds is {text!r}; expected a number of seconds")
    found["DurationSeconds"] = int(text)
    model.check(found, model.operation("sts", OPERATION).input_shape)
    if "ProviderId" in found:
        raise ValidationException("loopback does not carry out OAuth 2.0 access tokens, which ProviderId is for")
    return found


def fetch_json(url: str) -> Any:
    """The JSON document at an address of this machine; what it sends on to is not followed."""

    class Stay(urllib.request.HTTPRedirectHandler):
        def redirect_request(self, *_: Any) -> None:
            """Follow nothing."""

    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}), Stay)
    with opener.open(url, timeout=FETCH_SECONDS) as answer:
        body = answer.read(LARGEST + 1)
    if len(body) > LARGEST:
        raise ValueError(f"more than {LARGEST} bytes")
    return json.loads(body)
