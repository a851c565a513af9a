"""The version of an object in the events that S3 sends to EventBridge: the base has it, and leaves it out."""

import importlib
import json
from contextvars import ContextVar
from typing import Any

HOOKS: dict[str, tuple[str, ...]] = {
    "ministack.services.s3": ("_fire_s3_event",),
    "ministack.services.eventbridge": ("_dispatch_event",),
}
_version: ContextVar[str] = ContextVar("loopback_object_version", default="")


def install() -> None:
    """Let what is dispatched while S3 tells of an object carry its version. Once, before the base serves."""
    modules: list[Any] = [importlib.import_module(name) for name in HOOKS]
    s3, bridge = modules
    fire, dispatch = s3._fire_s3_event, bridge._dispatch_event

    def fire_event(*arguments: Any, version_id: str | None = None, **named: Any) -> None:
        token = _version.set(version_id or "")
        try:
            fire(*arguments, version_id=version_id, **named)
        finally:
            _version.reset(token)

    def dispatch_event(event: dict[str, Any], view: Any = None) -> Any:
        return dispatch(add_version(event, _version.get()), view)

    s3._fire_s3_event, bridge._dispatch_event = fire_event, dispatch_event


def add_version(event: dict[str, Any], version: str) -> dict[str, Any]:
    """The event with the version of its object; as it is where there is none."""
    if not version or event.get("Source") != "aws.s3":
        return event
    detail = json.loads(event["Detail"])
    detail["object"] = detail["object"] | {"version-id": version}
    return event | {"Detail": json.dumps(detail)}
