"""IAM for what the base does not ask it about: the resources of our operations, and work that is done with a role.

The base checks signatures and one action a request, of the caller. Here its evaluator gets the right resource of our
operations, is asked for what goes with an operation (iam:PassRole, tags), for operations that our services carry out
for a role in this process, and for requests that never reach the base's router. All of it only with AUTH=true.
"""

import importlib
import json
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from typing import Any
from urllib.parse import parse_qs

from loopback.core.arn import Place
from loopback.core.cloudwatch_resources import request_of, resources
from loopback.core.errors import AccessDeniedException, ServiceError
from loopback.core.permissions import PASS_ROLE, PASSED_TO, PermissionCheck, checks
from loopback.ministack.iam_usage import IamUsageLog
from loopback.ministack.trust import Trust

HOOKS: dict[str, tuple[str, ...]] = {
    "ministack.core.iam_actions": ("extract_resource_arn", "identity_denial_message", "request_tag_context"),
    "ministack.core.iam_evaluator": (
        "AuthError",
        "CredentialResolutionError",
        "EvalContext",
        "_gather_role_policies",
        "_permissions_boundary",
        "authenticate",
        "caller_arn",
        "evaluate",
        "evaluate_resource_policy",
        "pin_signed_body",
        "pin_signed_request",
        "resolve_credential",
    ),
    "ministack.core.responses": ("set_request_account_id", "set_request_region"),
    "ministack.core.router": ("extract_access_key_id",),
    "ministack.services.iam": ("_roles",),
    "ministack.app": ("SERVICE_HANDLERS", "pin_request_origin"),
    "ministack.services.lambda_svc": ("_functions",),
}
REMEMBERED_SECONDS = 1.0  # how long an answer about an invocation counts
SESSION = "loopback"
# What EventBridge does with the role of a target, and the services whose targets are nothing without a role.
DELIVERIES = {
    "codebuild": "codebuild:StartBuild",
    "codepipeline": "codepipeline:StartPipelineExecution",
    "events": "events:PutEvents",
    "lambda": "lambda:InvokeFunction",
    "sagemaker": "sagemaker:StartPipelineExecution",
    "sns": "sns:Publish",
    "sqs": "sqs:SendMessage",
    "states": "states:StartExecution",
}
EVENTBRIDGE = "events.amazonaws.com"
NEED_ROLE = frozenset({"codebuild", "codepipeline", "sagemaker", "states"})
Refusal = tuple[str, str]  # code, message
Answer = tuple[int, dict[str, str], bytes]
Front = Callable[[dict[str, Any], Any, Any], Awaitable[None]]  # an ASGI application


class Permissions:
    """Made once, before the base serves."""

    def __init__(
        self, place: Place, services: Sequence[str], asked: IamUsageLog, now: Callable[[], float] = time.monotonic
    ) -> None:
        self._place, self._services, self._now = place, services, now
        self._trust = Trust(place)
        self._trust.guard_services(self.permit_caller)
        modules: list[Any] = [importlib.import_module(name) for name in HOOKS]
        self._actions, self._evaluator, self._responses, self._router, self._iam, app, self._functions = modules
        pin = app.pin_request_origin
        # Policies refuse what does not come over TLS; here the port on 127.0.0.1 stands for AWS's TLS endpoints.
        app.pin_request_origin = lambda address, _secure: pin(address, True)  # as the base calls it
        self._known: dict[tuple[str, PermissionCheck], tuple[Refusal | None, float]] = {}
        evaluate = self._evaluator.evaluate

        def evaluate_context(context: Any, *policies: Any) -> Any:
            asked.note(context.principal_arn, context.action, context.resource_arn)
            return evaluate(context, *policies)

        self._evaluator.evaluate = evaluate_context  # the base calls it by this name, too
        extract = self._actions.extract_resource_arn

        def resource(service: str, *rest: Any) -> str:
            headers, body = rest[2], rest[3]
            if service in self._services:
                return self.of_request(service, headers, body)[0].resource
            if service == "monitoring" and (found := resources(*request_of(headers, body, rest[4]), place)):
                return found[0]
            arn: str = extract(service, *rest)
            return arn.replace(":rule/default/", ":rule/") if service == "events" else arn

        tags = self._actions.request_tag_context

        def keys(service: str, action: str, body: bytes, parameters: dict[str, Any]) -> dict[str, Any]:
            found: dict[str, Any] = tags(service, action, body, parameters)
            return found | metric_keys(action, body, parameters)

        self._actions.extract_resource_arn, self._actions.request_tag_context = resource, keys
        handle = app.SERVICE_HANDLERS["monitoring"]

        async def answer_monitoring(
            method: str, path: str, headers: dict[str, str], body: bytes, query: dict[str, Any]
        ) -> Any:
            """Ask IAM for each alarm that a request names, then answer."""
            form = {**parse_qs(body.decode("utf-8", "replace")), **query}
            operation, request = request_of(headers, body, form)
            try:  # the base has asked about the first
                others = resources(operation, request, place)[1:]
                self.permit_caller([PermissionCheck(f"cloudwatch:{operation}", other) for other in others])
            except AccessDeniedException as fault:
                return _answer(403, fault.code, str(fault))
            return await handle(method, path, headers, body, query)

        app.SERVICE_HANDLERS["monitoring"] = answer_monitoring

    def of_request(self, service: str, headers: Mapping[str, str], body: bytes) -> tuple[PermissionCheck, ...]:
        """The checks of a request to one of our services; a body that is not JSON is refused later, by its service."""
        operation = headers.get("x-amz-target", "").rpartition(".")[2]
        request: Any = {}
        with suppress(ValueError):
            request = json.loads(body or b"{}")
        return checks(service, operation, request if isinstance(request, dict) else {}, self._place)

    def refusal_answer(self, service: str, headers: Mapping[str, str], body: bytes) -> Answer | None:
        """What the caller of one of our services is told who may not do all that goes with the operation."""
        try:
            self.permit_caller(self.of_request(service, headers, body)[1:])
        except ServiceError as fault:
            return _answer(403 if isinstance(fault, AccessDeniedException) else 400, fault.code, str(fault))
        return None

    def of_target(self, target: Mapping[str, Any], rule: Mapping[str, Any]) -> str:
        """Why a rule may not deliver to a target: its role's policies, or without a role the function's own; or ""."""
        arn, role = target.get("Arn", ""), target.get("RoleArn", "")
        service = (arn.split(":") + [""] * 3)[2]
        if not role and service == "lambda":
            return self._of_function(arn, rule)
        if not role:
            return f"a target of {service} needs a RoleArn" if service in NEED_ROLE else ""
        action = DELIVERIES.get(service)
        try:
            self.permit(role, [PermissionCheck(action, arn)] if action else [])
        except AccessDeniedException as fault:
            return str(fault)
        return ""

    def _of_function(self, arn: str, rule: Mapping[str, Any]) -> str:
        """Whether the policy of a function lets EventBridge call it for this rule."""
        name = arn.rsplit(":function:", maxsplit=1)[-1].partition(":")[0]
        policy = (self._functions._functions.get(name) or {}).get("policy") or {}
        action = DELIVERIES["lambda"]
        context = self._evaluator.EvalContext(
            principal_arn="",
            principal_type="Service",
            principal_account="",
            action=action,
            resource_arn=arn,
            region=self._place.region,
            secure_transport=True,
            service_context={"aws:sourcearn": rule.get("Arn", ""), "aws:sourceaccount": self._place.account},
        )
        found = self._evaluator.evaluate_resource_policy(policy, context, service=EVENTBRIDGE)
        if found.decision == "Allow":
            return ""
        return f"{EVENTBRIDGE} is not authorized to perform: {action} on resource: {arn}; its policy does not allow it"

    def guard(self, front: Front, asks: Callable[[str, str], PermissionCheck | None]) -> Front:
        """An ASGI application that signed requests of callers get to whose policies allow what `asks` says."""

        async def guard(scope: dict[str, Any], receive: Any, send: Any) -> None:
            """Refuse who may not, and hand the others' requests on."""
            check, body = asks(scope["method"], scope["path"]), await _body(receive)
            if check is not None and (refusal := self.refusal(scope, body, check)):
                status, headers, text = _answer(403, *refusal)
                pairs = [(key.lower().encode(), value.encode()) for key, value in headers.items()]
                await send({"type": "http.response.start", "status": status, "headers": pairs})
                await send({"type": "http.response.body", "body": text})
                return

            async def again() -> dict[str, Any]:
                return {"type": "http.request", "body": body, "more_body": False}

            await front(scope, again, send)

        return guard

    def credential(self, key: str, token: str) -> tuple[str, str] | None:
        """The secret of an access key and the ARN that it acts as, "" for the account; None for an unknown one."""
        found = self._evaluator.resolve_credential(key, self._place.account, token) if key else None
        if found is None or isinstance(found, self._evaluator.CredentialResolutionError):
            return None
        return found.secret_access_key, "" if found.principal_type == "Root" else found.principal_arn

    def permit_caller(self, asked: Sequence[PermissionCheck]) -> None:
        """Whether the caller of the request that is being served may do all this. Raises as `permit` does."""
        self.permit(self.caller(), asked)

    def caller(self) -> str:
        """The ARN of the caller of the request that is being served; "" for the account itself."""
        arn: str = self._evaluator.caller_arn()
        return "" if arn.endswith(":root") else arn

    def permit(self, principal: str, asked: Sequence[PermissionCheck]) -> None:
        """Whether a role, or a session of one, may do all this; "" is the account, which may do everything.

        Raises AccessDeniedException, and RoleCannotBeAssumed for a role that cannot do what it is handed over for.
        """
        for check in asked:
            if principal and (refusal := self._refusal(principal, check)):
                raise AccessDeniedException(refusal[1])
            if check.action == PASS_ROLE:
                self._trust.require(check.resource, check.context.get(PASSED_TO, ""))

    def _refusal(self, principal: str, check: PermissionCheck) -> Refusal | None:
        parts = principal.split(":")
        is_session = parts[5].startswith("assumed-role/")
        name = parts[5].split("/")[1] if is_session else parts[5].rpartition("/")[2]
        role = self._iam._roles.get_scoped(parts[4], None, name) if is_session else self._trust.role(principal)
        if role is None:
            return "AccessDenied", f"{principal} cannot be assumed: there is no role {name}"
        session = principal.replace(":iam:", ":sts:").partition(":role/")[0]
        arn = principal if ":assumed-role/" in principal else f"{session}:assumed-role/{name}/{SESSION}"
        context = self._evaluator.EvalContext(
            principal_arn=arn,
            principal_type="AssumedRole",
            principal_account=parts[4],
            action=check.action,
            resource_arn=check.resource,
            region=self._place.region,
            secure_transport=True,
            service_context=dict(check.context),
        )
        policies = self._evaluator._gather_role_policies(name, parts[4])
        limits = self._evaluator._permissions_boundary(self._iam._roles, name, parts[4])
        found = self._evaluator.evaluate(context, policies, *limits)
        if found.decision == "Allow":
            return None
        explicit = found.decision == "Deny"
        return "AccessDenied", self._actions.identity_denial_message(check.action, arn, check.resource, explicit)

    def refusal(self, scope: Mapping[str, Any], body: bytes, check: PermissionCheck) -> Refusal | None:
        """Why a request that the base's router does not see is refused: its signature, or its caller's policies."""
        headers = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in scope["headers"]}
        query = parse_qs(scope.get("query_string", b"").decode("latin-1"), keep_blank_values=True)
        key = self._router.extract_access_key_id(headers, query)
        if not key:
            return "MissingAuthenticationToken", "Missing Authentication Token"
        self._responses.set_request_account_id(self._place.account)
        self._responses.set_request_region(self._place.region)
        self._evaluator.pin_signed_request(scope["method"], scope["raw_path"].decode(), query, scope["headers"])
        self._evaluator.pin_signed_body(body)
        found = self._evaluator.authenticate(key, self._place.account)
        if isinstance(found, self._evaluator.AuthError):
            return found.code, found.message
        if found is None:
            return "UnrecognizedClientException", "The security token included in the request is invalid."
        return None if found.principal_type == "Root" else self._cached_refusal(found.principal_arn, check)

    def _cached_refusal(self, principal: str, check: PermissionCheck) -> Refusal | None:
        known = (principal, check)
        refusal, until = self._known.get(known, (None, 0.0))
        if self._now() >= until:
            refusal = self._refusal(principal, check)
            if len(self._known) > 1000:
                self._known.clear()
            self._known[known] = refusal, self._now() + REMEMBERED_SECONDS
        return refusal


def metric_keys(action: str, body: bytes, parameters: Mapping[str, Any]) -> dict[str, str]:
    """The condition key of PutMetricData, from a JSON body or a form: the only thing that confines a metric."""
    if action != "cloudwatch:PutMetricData":
        return {}
    found = parameters.get("Namespace")
    with suppress(ValueError):
        found = json.loads(body)["Namespace"] if body[:1] == b"{" else found
    value = found[0] if isinstance(found, list) and found else found
    return {"cloudwatch:namespace": str(value)} if value else {}


async def _body(receive: Any) -> bytes:
    parts, more = [], True
    while more:
        event = await receive()
        more = event.get("more_body", False)
        parts.append(event.get("body", b""))
    return b"".join(parts)


def _answer(status: int, code: str, message: str) -> Answer:
    code = "AccessDeniedException" if code == "AccessDenied" else code
    headers = {"Content-Type": "application/x-amz-json-1.1", "x-amzn-ErrorType": code}
    return status, headers, json.dumps({"__type": code, "message": message, "Message": message}).encode()
