"""The public port's gate: what `core.callers` says, carried out on every request before the base sees it.

The base asks for a signature only where IAM is enforced, and not everywhere then. Here a request without one gets as
far as AWS would let it, and what is in a query, a form or a path in place of a header is compared with what was given
out. The base's answers lose the header with which it lets every page read them.
"""

import asyncio
import contextvars
import importlib
import json
from collections.abc import Callable, Iterable, Mapping
from typing import Any
from urllib.parse import parse_qs
from xml.sax.saxutils import escape

from loopback.core.callers import ONE_TIME, Access, access, websocket
from loopback.core.faults import Faults
from loopback.ministack.server import Application, Scope, plain_answer, refuse, refuse_handshake
from loopback.ministack.signatures import Refusal, Signatures
from loopback.wire.documents import LEVELS, is_too_deep

HOOKS: dict[str, tuple[str, ...]] = {
    "ministack.app": ("_dispatch_service_request", "_routing_params", "_s3_cors_target", "detect_service"),
    "ministack.core.iam_actions": ("extract_iam_action",),
    "ministack.core.iam_evaluator": ("_served_unsigned",),
    "ministack.services.s3": (
        "_bucket_owner_account",
        "_foreign_bucket_allows",
        "_post_object",
        "_parse_multipart_form",
    ),
    "ministack.services.cloudformation.custom_resource": ("_pending",),
    "ministack.services.cloudformation.wait_conditions": ("has_handle",),
}
MISSING: Refusal = ("MissingAuthenticationToken", "Request is missing Authentication Token")
TOO_DEEP: Refusal = ("SerializationException", f"A document is nested more than {LEVELS} levels deep")
DENIED: Refusal = ("AccessDenied", "Access Denied")
# A page out of a bucket gets an origin of its own, so that its scripts are no caller of this AWS.
SANDBOX = b"sandbox allow-scripts allow-downloads allow-popups allow-forms"
SIGNATURES = frozenset({"x-amz-signature", "signature"})  # fields of an upload form
_access: contextvars.ContextVar[Access] = contextvars.ContextVar("loopback_access", default=Access.SIGNED)


Answer = tuple[int, dict[str, str], bytes]


class Gate:
    """An ASGI application around another. Made once, before the base serves."""

    def __init__(self, inner: Application, port: int, signatures: Signatures, faults: Faults) -> None:
        self._inner, self._port, self._signatures, self._faults = inner, port, signatures, faults
        modules: list[Any] = [importlib.import_module(name) for name in HOOKS]
        self._app, self._actions, self._evaluator, self._s3, self._answers, self._signals = modules
        self._dispatch: Callable[..., Any] = self._app._dispatch_service_request
        self._app._dispatch_service_request = self._dispatch_permitted
        post = self._s3._post_object

        def post_object(bucket: str, body: bytes, headers: dict[str, str]) -> Any:
            if _access.get() is Access.FORM and not self._holds_signature(body, headers):
                return _xml(*DENIED)
            return post(bucket, body, headers)

        self._s3._post_object = post_object

    async def __call__(self, scope: Scope, receive: Any, send: Any) -> None:
        """Answer one request, or let it through."""
        if scope["type"] not in ("http", "websocket"):
            await self._inner(scope, receive, send)
            return
        headers = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in scope["headers"]}
        if why := refuse(scope, self._port):
            await (plain_answer(send, 403, why) if scope["type"] == "http" else refuse_handshake(receive, send))
            return
        if scope["type"] == "websocket":
            if websocket(scope["path"], headers) is Access.NONE:
                await refuse_handshake(receive, send)
                return
            await self._inner(scope, receive, send)
            return
        query = parse_qs(scope.get("query_string", b"").decode("utf-8", "replace"), keep_blank_values=True)
        found = access(scope["method"], scope["path"], query, headers)
        if answer := self._refuse(found, scope, query, headers):
            await _send(answer, send)
            return
        token = _access.set(found)
        try:
            await self._inner(scope, receive, _without_wildcard(send, navigates=_navigates(headers)))
        finally:
            _access.reset(token)

    def _refuse(
        self, found: Access, scope: Scope, query: Mapping[str, list[str]], headers: Mapping[str, str]
    ) -> Answer | None:
        """The answer to what may not go on. What depends on the body or the operation is looked at later."""
        path: str = scope["path"]
        if found is Access.CLOSED:
            return _json("AccessDeniedException", f"{path} is a path of the emulator underneath and nobody's to use")
        if found is Access.NONE:
            return _json(*MISSING) if "json" in headers.get("content-type", "") else _xml(*MISSING)
        if found is Access.ONE_TIME and not self._is_awaited(path):
            return _xml("AccessDenied", "Nobody waits for an answer at this address")
        if found is Access.PUBLIC and not self._is_public(scope["method"], path, query, headers):
            return _xml(*DENIED)
        if found is Access.PRESIGNED and (fault := self._signatures.query_fault(scope, query, headers)):
            return _xml(*fault)
        return None

    def _is_awaited(self, path: str) -> bool:
        """Whether a stack waits for what is sent to this address, which ends in a UUID that only the sender knows."""
        answers, signals = ONE_TIME
        if path.startswith(answers):
            return path.removeprefix(answers) in self._answers._pending
        return bool(self._signals.has_handle(path.removeprefix(signals)))

    def _is_public(self, method: str, path: str, query: Mapping[str, list[str]], headers: Mapping[str, str]) -> bool:
        """Whether the owner of a bucket lets everybody read this, by its policy or its ACLs."""
        target = self._app._s3_cors_target(headers.get("host", ""), path)
        if target is None or self._app.detect_service(method, path, dict(headers), dict(query)) != "s3":
            return False
        owner = self._s3._bucket_owner_account(target[0])
        return bool(self._s3._foreign_bucket_allows(owner, *target, method, dict(query), "", dict(headers)))

    async def _dispatch_permitted(
        self, method: str, path: str, headers: dict[str, str], body: bytes, query: dict[str, Any], request_id: str
    ) -> Any:
        """The base's services, for requests that are signed or need not be."""
        found = _access.get()
        if found is Access.OPEN:  # an invocation of what does not exist: nothing else is meant
            return _xml("NotFound", "Not Found", 404)
        if found is Access.UNSIGNED_OPERATION and not self._is_served_unsigned(method, path, headers, body, query):
            return _json(*MISSING) if "json" in headers.get("content-type", "") else _xml(*MISSING)
        if _nests_too_deep(headers, body):
            return _refusal(headers, *TOO_DEEP, 400)
        if self._faults and (answer := await self._fault(method, path, headers, body, query)):
            return answer
        return await self._dispatch(method, path, headers, body, query, request_id)

    async def _fault(
        self, method: str, path: str, headers: dict[str, str], body: bytes, query: dict[str, Any]
    ) -> Answer | None:
        """Wait, and answer, as the fault says that a test has asked for; None where the call goes on."""
        action = self._action(method, path, headers, body, query)
        fault = self._faults.for_call(action) if action else None
        if fault is None:
            return None
        await asyncio.sleep(fault.seconds)
        if not fault.code:
            return None
        if str(action).startswith("s3:"):
            return _xml(fault.code, fault.message, fault.status)
        return _refusal(headers, fault.code, fault.message, fault.status)

    def _is_served_unsigned(
        self, method: str, path: str, headers: dict[str, str], body: bytes, query: dict[str, Any]
    ) -> bool:
        """Whether AWS takes the operation from anybody: AssumeRoleWithWebIdentity, SignUp, ConfirmSubscription."""
        action = self._action(method, path, headers, body, query)
        return bool(action and self._evaluator._served_unsigned(action.partition(":")[0], action))

    def _action(
        self, method: str, path: str, headers: dict[str, str], body: bytes, query: dict[str, Any]
    ) -> str | None:
        """The IAM action that a request asks for."""
        parameters = self._app._routing_params(method, path, headers, body, query)
        service = self._app.detect_service(method, path, headers, parameters)
        found: str | None = self._actions.extract_iam_action(service, method, path, headers, body, parameters)
        return found

    def _holds_signature(self, body: bytes, headers: dict[str, str]) -> bool:
        parts = self._s3._parse_multipart_form(headers.get("content-type", ""), body)
        return any(name.lower() in SIGNATURES and value for name, _, _, value in parts)


def _nests_too_deep(headers: Mapping[str, str], body: bytes) -> bool:
    """Whether a document in a request would exhaust the stack of what reads it. Objects of S3 are not looked into."""
    if "form-urlencoded" in headers.get("content-type", ""):
        values = parse_qs(body.decode("utf-8", "replace")).values() if body.count(b"%") > LEVELS else ()
        return any(is_too_deep(value) for members in values for value in members)
    return "x-amz-target" in headers and is_too_deep(body.decode("utf-8", "replace"))


def _refusal(headers: Mapping[str, str], code: str, message: str, status: int) -> Answer:
    """An error in XML for services of the query protocol, in JSON for the others, those by method and path too."""
    is_query = "form-urlencoded" in headers.get("content-type", "")
    return (_xml if is_query else _json)(code, message, status)


def _json(code: str, message: str, status: int = 403) -> Answer:
    headers = {"content-type": "application/x-amz-json-1.1", "x-amzn-errortype": code}
    return status, headers, json.dumps({"__type": code, "message": message, "Message": message}).encode()


def _xml(code: str, message: str, status: int = 403) -> Answer:
    text = (
        '<?xml version="1.0" encoding="UTF-8"?>\n<ErrorResponse><Error><Type>Sender</Type>'
        f"<Code>{escape(code)}</Code><Message>{escape(message)}</Message></Error></ErrorResponse>"
    )
    return status, {"content-type": "application/xml", "x-amzn-errortype": code}, text.encode()


async def _send(answer: Answer, send: Any) -> None:
    status, headers, body = answer
    pairs = [(name.encode(), value.encode()) for name, value in headers.items()]
    pairs.append((b"content-length", str(len(body)).encode()))
    await send({"type": "http.response.start", "status": status, "headers": pairs})
    await send({"type": "http.response.body", "body": body})


def _navigates(headers: Mapping[str, str]) -> bool:
    """Whether a browser is about to show the answer as a page."""
    return "text/html" in headers.get("accept", "") or headers.get("sec-fetch-mode") == "navigate"


def _without_wildcard(send: Any, *, navigates: bool) -> Any:
    """An ASGI `send` that takes the base's CORS headers for everybody out of an answer, and sandboxes pages."""

    async def send_without_wildcard(message: dict[str, Any]) -> None:
        if message["type"] == "http.response.start":
            message = {**message, "headers": closed_to_pages(message.get("headers", []), navigates=navigates)}
        await send(message)

    return send_without_wildcard


def closed_to_pages(headers: Iterable[tuple[bytes, bytes]], *, navigates: bool) -> list[tuple[bytes, bytes]]:
    """The headers of an answer without CORS for everybody; with `navigates` also those that sandbox a page."""
    kept = [(name, value) for name, value in headers]
    if any(name.lower() == b"access-control-allow-origin" and value.strip() == b"*" for name, value in kept):
        kept = [(name, value) for name, value in kept if not name.lower().startswith(b"access-control-")]
    return [*kept, (b"content-security-policy", SANDBOX)] if navigates else kept
