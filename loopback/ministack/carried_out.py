"""What of the base is carried out: its services by operation, its resource types. All else is refused by name.

The base answers much that it does not do: a Glue job is SUCCEEDED without a script, a database is available without a
server. `carried_out.json` lists what was looked at and found to be done; `docs/base-services.md` shows it.
"""

import asyncio
import importlib
import json
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs
from xml.sax.saxutils import escape

from loopback.ministack.request_faults import RequestFault, list_fault, request_fault, stumble_fault
from loopback.wire import model

HOOKS: dict[str, tuple[str, ...]] = {
    "ministack.app": ("SERVICE_HANDLERS", "_get_module"),
    "ministack.core.iam_actions": ("_load_botocore_routes",),
    "ministack.services.stepfunctions": ("_SERVICE_DISPATCH", "_ExecutionError"),
    "ministack.services.cloudformation.provisioners": ("_RESOURCE_HANDLERS",),
}
LIST = "docs/base-services.md has the list of what is"
NONE = "loopback does not carry out {}"
CODE, STATUS = "NotImplemented", 501
CALLED = "/_user_request_"  # in the path of a call of an API
SMITHY = "/operation/"  # in the path of a request of the protocol rpc-v2-cbor
INTEGRATIONS = ("sqs:", "sns:", "events:", "dynamodb:")  # of a state machine, besides those of the base's engine
FREQUENT = frozenset({"logs", "monitoring"})  # of the work here itself, thousands at a time
BESIDE = frozenset({"rds_data", "s3tables", "ses_v2"})  # modules that paths lead to
LISTS = {"/": "ListBuckets"}  # the one that no query names
CANARIES = (b'"canarySettings"', b"/canarySettings", b'"deploymentCanarySettings"')
Answer = tuple[int, dict[str, str], bytes]
Handler = Callable[[str, str, dict[str, str], bytes, dict[str, Any]], Awaitable[Answer]]
Route = tuple[str, Any, str, int, Mapping[str, str]]  # method, pattern, operation, how specific, query


@cache
def table() -> dict[str, Any]:
    """`services`: by the base's name, the service models and the operations; `types`: of resources."""
    found: dict[str, Any] = json.loads(Path(__file__).with_name("carried_out.json").read_text())
    return found


class Refused:
    """In place of a module of the base that answers requests beside its table of services."""

    def __init__(self, name: str) -> None:
        self._name = name

    async def handle_request(
        self, _method: str, path: str, headers: dict[str, str], body: bytes, _query: Any, *_more: Any
    ) -> Answer:
        """By name."""
        return refusal(self._name, "", headers, path, body)


class Handlers(dict[str, Handler]):
    """The base's table of services; one that is not in it is refused by name, too."""

    def get(self, service: str, default: Any = None) -> Any:
        """See dict."""
        return super().get(service) or (default if default is not None else Refused(service).handle_request)


class CarriedOut:
    """Made once, before our own services are added."""

    def __init__(self) -> None:
        app, _, states, provisioners = (importlib.import_module(name) for name in HOOKS)
        modules: list[Any] = [app, states, provisioners]
        base = modules[0]
        found = {service: _gate(service, handler) for service, handler in base.SERVICE_HANDLERS.items()}
        base.SERVICE_HANDLERS = Handlers(found)
        get_module = base._get_module
        base._get_module = lambda name: Refused(name) if name in BESIDE else get_module(name)
        self._name_integrations(modules[1])
        self._types = modules[2]._RESOURCE_HANDLERS

    def refused_types(self, types: Iterable[str]) -> list[str]:
        """Those that the base would only pretend to make."""
        known = table()["types"]
        return sorted({one for one in types if one in self._types and "ours" not in self._types[one]} - {*known})

    def _name_integrations(self, states: Any) -> None:
        """State machines call only what is carried out, and say in our words what is not."""
        for name in list(states._SERVICE_DISPATCH):
            if not name.rpartition(":::")[2].startswith(INTEGRATIONS):
                del states._SERVICE_DISPATCH[name]
        base = states._ExecutionError

        class ExecutionError(base):  # type: ignore[misc, valid-type]
            def __init__(self, error: str, cause: Any) -> None:
                text = str(cause)
                if "is not yet implemented in MiniStack" in text:
                    cause = f"loopback does not carry out {text.partition(' is not yet')[0]} of a state machine"
                super().__init__(error, cause)

        states._ExecutionError = ExecutionError


def _gate(service: str, answer: Handler) -> Handler:
    known = table()["services"].get(service)

    async def answer_or_refuse(
        method: str, path: str, headers: dict[str, str], body: bytes, query: dict[str, Any]
    ) -> Answer:
        """Answer what is carried out, and refuse the rest by name."""
        asked = operation(service, method, path, headers, body, query)
        if known is None or (asked and asked not in known["operations"]):
            return refusal(service, asked, headers, path, body)
        if service == "apigateway" and asked and any(word in body for word in CANARIES):
            return refusal(service, f"{asked} with canarySettings", headers, path, body)
        looks = "x-amz-target" in headers and service not in FREQUENT
        if looks and (fault := await asyncio.to_thread(_fault, known["model"], asked, body)):
            return unfit(fault)
        try:
            found = await answer(method, path, headers, body, query)
        except Exception:
            stumbled = stumble_fault(known["model"], asked, path, query, body)
            if stumbled is None:
                raise
            return unfit(stumbled, is_xml=_is_xml(service, headers, body))
        garbled = list_fault(asked or LISTS.get(path, ""), found[2]) if service == "s3" and found[0] == 200 else None
        return unfit(garbled, is_xml=True) if garbled else found

    return answer_or_refuse


def operation(
    service: str, method: str, path: str, headers: Mapping[str, str], body: bytes, query: Mapping[str, Any]
) -> str:
    """The operation that a request asks for; "" where it is one of no service model, such as a call of an API."""
    if target := headers.get("x-amz-target", ""):
        return target.rpartition(".")[2]
    if SMITHY in path:
        return path.rpartition("/")[2]
    if action := _action(query, headers, body):
        return action
    if CALLED in path or (service == "s3" and not query):
        return ""
    models = table()["services"].get(service, {}).get("model", [])
    return match_route(_routes(tuple(models)), method, path, query, by_path=service != "s3")


def _fault(models: Sequence[str], asked: str, body: bytes) -> RequestFault | None:
    """By the service model that has the operation."""
    found = next((name for name in models if asked in model.service(name).operation_names), None)
    return request_fault(found, asked, body) if found else None


def unfit(fault: RequestFault, *, is_xml: bool = False) -> Answer:
    """The answer to a request that does not fit its service model."""
    if is_xml:
        text = f"<Error><Code>{fault.code}</Code><Message>{escape(fault.message)}</Message></Error>"
        return 400, {"Content-Type": "application/xml"}, f'<?xml version="1.0" encoding="UTF-8"?>{text}'.encode()
    content = json.dumps({"__type": fault.code, "message": fault.message, "Message": fault.message}).encode()
    return 400, {"Content-Type": "application/x-amz-json-1.1", "x-amzn-errortype": fault.code}, content


@cache
def _routes(models: tuple[str, ...]) -> list[Route]:
    actions: Any = importlib.import_module("ministack.core.iam_actions")
    return [route for model in models for route in actions._load_botocore_routes(model)]


def _action(query: Mapping[str, Any], headers: Mapping[str, str], body: bytes) -> str:
    """The Action of a Query request."""
    found = query.get("Action", "")
    if not found and "form-urlencoded" in headers.get("content-type", ""):
        found = parse_qs(body.decode(errors="replace")).get("Action", "")
    return str(found[0] if isinstance(found, list) and found else found or "")


def refused_properties(kind: str, properties: Mapping[str, Any]) -> list[str]:
    """The properties of a resource that the base would leave out in silence."""
    return [name for name in table()["refused properties"].get(kind, ()) if name in properties]


def match_route(routes: Iterable[Route], method: str, path: str, query: Mapping[str, Any], *, by_path: bool) -> str:
    """The operation of the most specific route, or "". In S3 the query alone decides: a path has its bucket or not."""
    best, most = "", -1
    for way, pattern, name, specific, wanted in routes:
        needed = {key for key in wanted if key != "x-id"}
        if way != method or not needed <= query.keys() or not (needed or by_path):
            continue
        if by_path and not pattern.match(path.rstrip("/") or "/"):
            continue
        score = specific + 100 * len(needed)
        if score > most:
            best, most = name, score
    return best


def refusal(service: str, asked: str, headers: Mapping[str, str], path: str, body: bytes) -> Answer:
    """The answer in the protocol of the request."""
    message = f"{NONE.format(f'{service}:{asked}' if asked else service)}; {LIST}"
    if headers.get("smithy-protocol") == "rpc-v2-cbor" or SMITHY in path:
        return STATUS, {"Content-Type": "application/cbor", "smithy-protocol": "rpc-v2-cbor"}, _cbor(message)
    if "x-amz-target" in headers or "json" in headers.get("content-type", "") or not _is_xml(service, headers, body):
        content = json.dumps({"__type": CODE, "message": message, "Message": message}).encode()
        return STATUS, {"Content-Type": "application/json", "x-amzn-errortype": CODE}, content
    text = f"<Code>{CODE}</Code><Message>{escape(message)}</Message>"
    if service == "s3":
        made = f"<Error>{text}</Error>"
    elif service == "ec2":
        made = f"<Response><Errors><Error>{text}</Error></Errors><RequestID>0</RequestID></Response>"
    else:
        made = f"<ErrorResponse><Error><Type>Sender</Type>{text}</Error><RequestId>0</RequestId></ErrorResponse>"
    return STATUS, {"Content-Type": "text/xml"}, f'<?xml version="1.0" encoding="UTF-8"?>{made}'.encode()


def _is_xml(service: str, headers: Mapping[str, str], body: bytes) -> bool:
    """Query requests are forms; S3, CloudFront and Route 53 speak XML."""
    form = "form-urlencoded" in headers.get("content-type", "") or b"Action=" in body[:4096]
    return form or service in ("s3", "s3files", "cloudfront", "route53")


def _cbor(message: str) -> bytes:
    """A map of two texts."""
    return b"\xa2" + b"".join(_cbor_text(text) for text in ("__type", CODE, "message", message))


def _cbor_text(text: str) -> bytes:
    content = text.encode()
    return b"\x79" + len(content).to_bytes(2, "big") + content
