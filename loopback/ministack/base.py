"""ministack 1.5.33, the base, in this process: what our services ask of it, and our services on its port.

The other modules of this package hold one part of it each; every private name of the base that one uses is in its
HOOKS and checked at start-up. Of the control plane, only this and what sits on the public port is `async`, because
the base is one asyncio loop.
"""

import asyncio
import json
import socket
import sys
import types
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from urllib.parse import quote

from loopback.core.damage import DamagedState
from loopback.core.errors import ServiceError
from loopback.core.faults import Faults
from loopback.core.permissions import PermissionCheck
from loopback.core.settings import Settings
from loopback.ministack import (
    acknowledge,
    aliases,
    bucket_policies,
    carried_out,
    change_sets,
    conditions,
    encryption,
    event_rules,
    events,
    exports,
    functions,
    gate,
    identities,
    identity_providers,
    loading,
    log_filter,
    metric_queries,
    modules,
    nested_stacks,
    object_events,
    object_files,
    parallel_deletions,
    parallel_stacks,
    permissions,
    programs,
    queue_names,
    records,
    row_file,
    rows,
    s3,
    schedules,
    server,
    sessions,
    signatures,
    stack_properties,
    stack_recovery,
    stack_requests,
    stack_roles,
    stacks,
    state,
    taken,
    template_checks,
    template_urls,
    templates,
    temporary,
    trust,
    update_policies,
    uploads,
    waiting,
    web_identity,
)
from loopback.ministack.file_body import Staging
from loopback.ministack.iam_usage import IamUsageLog

Answer = tuple[int, dict[str, str], bytes]
Serve = Callable[[Mapping[str, str], bytes], Answer]  # (headers, in lower case; body) -> answer
OpenDoor = Callable[[], socket.socket]
Asks = Callable[[str, str], PermissionCheck | None]  # (method, path) -> what a front's caller must be allowed

UNHURRIED = frozenset({"logs", "monitoring"})  # lines and figures of our own work: written within seconds
THREADS = 64  # requests at a time: some ask this same port while they are answered
HOOKS = {
    "ministack.app": (
        "app",
        "SERVICE_REGISTRY",
        "SERVICE_HANDLERS",
        "_loaded_modules",
        "_reset_all_state",
        "call_service_handler_sync",
    ),
    "ministack.core.router": ("SERVICE_PATTERNS",),
    "ministack.core.iam_actions": ("SERVICE_TO_IAM_NAMESPACE",),
}
PARTS = (
    carried_out,
    records,
    rows,
    state,
    loading,
    s3,
    event_rules,
    events,
    functions,
    stacks,
    stack_properties,
    exports,
    nested_stacks,
    stack_recovery,
    stack_requests,
    stack_roles,
    permissions,
    signatures,
    trust,
    identities,
    identity_providers,
    web_identity,
    gate,
    conditions,
    aliases,
    update_policies,
    object_events,
    log_filter,
    sessions,
    encryption,
    template_urls,
    taken,
    templates,
    template_checks,
    waiting,
    temporary,
    object_files,
    uploads,
    programs,
    queue_names,
    schedules,
    metric_queries,
    bucket_policies,
    change_sets,
    parallel_deletions,
    parallel_stacks,
)


class Ministack:
    """The base emulator in this process. Make one, before anything else imports ministack."""

    def __init__(self, settings: Settings, faults: Faults | None = None) -> None:
        self._settings = settings
        modules.prepare(settings)
        records.install()
        with loading.note_sidecars(settings.objects_folder) as damage:
            self._modules = modules.load((HOOKS, *(part.HOOKS for part in PARTS)))
        if damage and not settings.accept_loss:
            raise DamagedState(damage)
        for found in damage:
            found.move_aside()
        file = row_file.RowFile(settings.base_database)
        loading.import_files(settings.base_folder, file, settings.accept_loss)
        self._app = self._modules["ministack.app"]
        self._touched: Callable[[], None] = lambda: None
        self._loop: asyncio.AbstractEventLoop
        self._fronts: dict[str, server.Application] = {}
        self._services: list[str] = []
        self.state = state.SavedState(self._modules, file, settings.autosave_seconds)
        self._loading = loading.Loading(self._modules, file, settings.base_database, self.state, settings.accept_loss)
        staging, module = Staging(settings.state / "s3-staged"), self._modules["ministack.services.s3"]
        self._files = object_files.ObjectFiles(module, self._modules["ministack.core.responses"], staging)
        self.objects = s3.S3(module, self._files, staging, self.state)
        self._carried = carried_out.CarriedOut()
        for part in (
            event_rules,
            conditions,
            aliases,
            object_events,
            log_filter,
            sessions,
            encryption,
            functions,
            identities,
            queue_names,
        ):
            part.install()
        identity_providers.IdentityProviders()
        web_identity.WebIdentity(settings.place, settings.issuers)
        temporary.install(settings.state)
        programs.install(settings)
        schedules.install()
        bucket_policies.install(settings.place.account, enforced=settings.enforce_iam)
        checked = signatures.Signatures(settings.place, enforced=settings.enforce_iam)
        template_urls.install(settings.place)
        templates.Templates(template_urls.reader(self.objects.read, settings.place))
        template_checks.install(self._carried.refused_types)
        stack_properties.install()
        stack_requests.install()
        change_sets.install()
        self.permissions: permissions.Permissions | None = None
        if settings.enforce_iam:
            self.permissions = permissions.Permissions(settings.place, self._services, IamUsageLog(settings.iam_usage))
            stack_roles.StackRoles(self.permissions)
        self._gate = gate.Gate(self._application, settings.port, checked, Faults() if faults is None else faults)
        self.events = events.Events(self._modules["ministack.services.eventbridge"], self.state, self.permissions)
        self.waiting = waiting.Waiting()
        parallel_stacks.ParallelStacks()
        deletions = parallel_deletions.ParallelDeletions()
        exports.Exports()
        deletions.watch_updates()
        nested_stacks.NestedStacks(lambda: self._loop)
        self._recovery = stack_recovery.Recovery(self.state)
        self._answer = acknowledge.Acknowledged(uploads.Uploads(self._app.app, staging), self.state)

    def add_service(self, name: str, target_prefix: str, serve: Serve) -> None:
        """Answer requests for `name` with `serve`, which runs on a thread of its own.

        `name` is the credential scope and the IAM namespace, for example `sagemaker`; `target_prefix` is what
        X-Amz-Target starts with, for example `SageMaker.`.
        """

        async def handle(_method: str, _path: str, headers: dict[str, str], body: bytes, _query: Any) -> Answer:
            if self.permissions and (refused := self.permissions.refusal_answer(name, headers, body)):
                return refused
            return await asyncio.to_thread(serve, headers, body)

        module = types.ModuleType(f"ministack.services.{name}")
        module.__dict__.update(handle_request=handle, get_state=lambda: None, reset=lambda: None)
        sys.modules[module.__name__] = module
        self._app.SERVICE_REGISTRY[name] = {"module": name}
        self._app.SERVICE_HANDLERS[name] = handle
        self._app._loaded_modules[name] = module
        self._modules["ministack.core.router"].SERVICE_PATTERNS[name] = {"target_prefixes": [target_prefix]}
        self._modules["ministack.core.iam_actions"].SERVICE_TO_IAM_NAMESPACE[name] = name
        self._services.append(name)

    def add_front(self, prefix: str, front: server.Application, asks: Asks | None = None) -> None:
        """Let an ASGI application answer every path that begins with `prefix`, before the base looks at it.

        With IAM enforced and `asks`, only requests that are signed, by a caller who may do what it says, get there.
        """
        self._fronts[prefix] = front
        if asks is not None and self.permissions:
            self._fronts[prefix] = self.permissions.guard(front, asks)

    def call(self, service: str, target: str, request: Mapping[str, Any]) -> dict[str, Any]:
        """Call a JSON operation of the base, for example `logs`, `Logs_20140328.PutLogEvents`.

        Raises ServiceError with the base's message when it answers with an error. Not for the loop's thread.
        """
        headers = {"x-amz-target": target, "content-type": "application/x-amz-json-1.1"}
        status, _, body = self.http(service, "POST", "/", headers, json.dumps(request).encode())
        answer: dict[str, Any] = json.loads(body or b"{}")
        if status >= 400:
            message = answer.get("message") or answer.get("Message") or body.decode(errors="replace")
            raise ServiceError(f"{target}: {answer.get('__type', status)}: {message}")
        return answer

    def call_unless_there(self, service: str, target: str, request: Mapping[str, Any]) -> None:
        """Call a Create operation; that the thing exists already is no error."""
        try:
            self.call(service, target, request)
        except ServiceError as fault:
            if "AlreadyExists" not in str(fault):
                raise

    def invoke(self, function: str, payload: Any) -> Any:
        """Call a Lambda function, by name or ARN, and return what it returns. Raises ServiceError when it fails."""
        path = f"/2015-03-31/functions/{quote(function, safe='')}/invocations"
        status, headers, body = self.http("lambda", "POST", path, {}, json.dumps(payload).encode())
        answer = json.loads(body or b"null")
        failed = {name.lower(): value for name, value in headers.items()}.get("x-amz-function-error")
        if status >= 400 or failed:
            raise ServiceError(str(answer.get("errorMessage") or answer.get("message") or answer))
        return answer

    def forget(self) -> None:
        """Delete everything that ministack keeps, in memory and on disk. Not for the loop's thread."""
        self.state.on_loop(self._app._reset_all_state)
        self.state.save()

    def http(self, service: str, method: str, path: str, headers: dict[str, str], body: bytes) -> Answer:
        """Call the base's handler of a service as its HTTP front would."""
        handler, request = self._app.SERVICE_HANDLERS[service], records.noting()
        uses = request or records.Uses()
        with self.state.note_uses(uses):
            answered = self._app.call_service_handler_sync(handler, method, path, headers, body, {})
        operation = headers.get("x-amz-target", "").rpartition(".")[2]
        if request is None and service not in UNHURRIED and method != "GET" and not acknowledge.reads(operation):
            self.state.save(uses)  # within a request, that one's answer waits
        status, answer_headers, answer = answered
        return status, answer_headers, answer.encode() if isinstance(answer, str) else answer

    def serve(self, open_door: OpenDoor, started: Callable[[], None], touched: Callable[[], None]) -> None:
        """Serve what comes in through the door until SIGTERM or SIGINT.

        `open_door` makes the listening socket, `started` is called once the port answers, `touched` with every request.
        """
        self._touched = touched
        asyncio.run(self._serve(open_door, started))

    async def _serve(self, open_door: OpenDoor, started: Callable[[], None]) -> None:
        async def on_start() -> None:
            await asyncio.to_thread(started)
            await self._recovery.resume()

        self._loop = loop = asyncio.get_running_loop()
        loop.set_default_executor(ThreadPoolExecutor(THREADS, thread_name_prefix="request"))
        self._loading.load()
        self._files.clear()
        self.state.enter_loop(loop)
        await server.serve(self._gate, open_door(), self._settings.port, on_start, self.waiting.end)
        self.state.leave_loop()
        temporary.clear(self._settings.state)

    async def _application(self, scope: server.Scope, receive: Any, send: Any) -> None:
        if scope["type"] == "http":
            self._touched()
            for prefix, front in self._fronts.items():
                if scope["path"].startswith(prefix):
                    await front(scope, receive, send)
                    return
        await self._answer(scope, receive, send)
