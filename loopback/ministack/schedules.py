"""EventBridge Scheduler of the base: looked at every second, and what it would take and not do is refused by name.

The base keeps when it has started a schedule last by the schedule's name: one that is changed begins anew.
"""

import importlib
import json
import re
import time
from collections.abc import Callable
from typing import Any

from loopback.core.errors import ServiceError, ValidationException
from loopback.engines.schedules import scheduler
from loopback.wire import model

HOOKS: dict[str, tuple[str, ...]] = {
    "ministack.app": ("SERVICE_HANDLERS",),
    "ministack.core.responses": ("get_account_id", "get_region"),
    "ministack.services.scheduler": ("_SCHEDULE_TICK_INTERVAL", "_schedule_last_fired"),
}
LOOK_SECONDS = 1
_PATH = re.compile(r"/schedules/([^/]+)")
_WRITES = {"POST": "CreateSchedule", "PUT": "UpdateSchedule"}
Answer = tuple[int, dict[str, str], bytes]


def install(now: Callable[[], float] = time.time) -> None:
    """Check requests before the base answers them. Once, before the base serves."""
    modules: list[Any] = [importlib.import_module(name) for name in HOOKS]
    app, responses, base = modules
    base._SCHEDULE_TICK_INTERVAL = LOOK_SECONDS
    answer = app.SERVICE_HANDLERS["scheduler"]

    async def handle(method: str, path: str, headers: dict[str, str], body: bytes, query: dict[str, Any]) -> Any:
        """Refuse what a schedule can't have; one that is new or changed begins to count from now."""
        found = _PATH.fullmatch(path)
        if not found or method not in (*_WRITES, "DELETE"):
            return await answer(method, path, headers, body, query)
        request: dict[str, Any] = {}
        if method in _WRITES:
            try:
                request = _request(found[1], body, _WRITES[method])
            except ServiceError as fault:
                return _refuse(fault)
        answered = await answer(method, path, headers, body, query)
        if answered[0] < 400:
            given = query.get("groupName", "default")
            group = request.get("GroupName") or (given[0] if isinstance(given, list) else given)
            key = (responses.get_account_id(), responses.get_region(), f"{group}/{found[1]}")
            base._schedule_last_fired.pop(key, None)
            if method == "PUT" and str(request["ScheduleExpression"]).strip().startswith("rate("):
                base._schedule_last_fired[key] = now()
        return answered

    app.SERVICE_HANDLERS["scheduler"] = handle


def _request(name: str, body: bytes, operation: str) -> dict[str, Any]:
    """The request, checked against botocore's model and by what is done here. Raises ValidationException."""
    try:
        request = json.loads(body or b"{}")
    except ValueError:
        raise ValidationException("The request is not JSON") from None
    if not isinstance(request, dict):
        raise ValidationException("The request is not a JSON object")
    model.check({**request, "Name": name}, model.operation("scheduler", operation).input_shape)
    if fault := scheduler.fault_in(request):
        raise ValidationException(fault)
    return request


def _refuse(fault: ServiceError) -> Answer:
    headers = {"Content-Type": "application/json", "x-amzn-errortype": fault.code}
    return 400, headers, json.dumps({"__type": fault.code, "Message": str(fault)}).encode()
