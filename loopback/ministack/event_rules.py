"""Rules and events as EventBridge checks them: the base takes events without their parts, and drops targets' rules.

The words are AWS's: the user guide's "PutEvents" failures, and what AWS's SDKs are reported to be answered.
"""

import importlib
import json
from collections.abc import Mapping
from typing import Any

ON_A_BUS = (
    "_delete_rule",
    "_describe_rule",
    "_disable_rule",
    "_enable_rule",
    "_list_rules",
    "_list_targets_by_rule",
    "_put_rule",
    "_put_targets",
    "_remove_targets",
)
HOOKS: dict[str, tuple[str, ...]] = {
    "ministack.services.eventbridge": (
        *ON_A_BUS,
        "_put_events",
        "_rule_key",
        "_targets",
    ),
    "ministack.core.responses": ("error_response_json",),
}
REQUIRED = ("Source", "DetailType", "Detail")
MOST_BYTES = 256 * 1024  # of all entries together
TOO_LARGE = "Total size of the entries in the request is over the limit."
HAS_TARGETS = "Rule can't be deleted since it has targets."


def install() -> None:
    """Once, before the base serves and before its events are ours."""
    events, responses = _modules()
    put, delete = events._put_events, events._delete_rule

    def check_and_put(data: Mapping[str, Any], **options: Any) -> Any:
        """Put the events that are whole; each of the others has its fault in the answer, in its place."""
        entries = data.get("Entries", [])
        if not options and sum(map(entry_size, entries)) >= MOST_BYTES:
            return responses.error_response_json("ValidationException", TOO_LARGE, 400)
        faults = [entry_fault(entry) for entry in entries]
        good = [entry for entry, fault in zip(entries, faults, strict=True) if fault is None]
        status, headers, body = put({**data, "Entries": good}, **options)
        if status >= 400 or len(good) == len(entries):
            return status, headers, body
        answer = json.loads(body)
        taken = iter(answer["Entries"])
        answer["Entries"] = [next(taken) if fault is None else fault for fault in faults]
        answer["FailedEntryCount"] += len(entries) - len(good)
        return status, headers, json.dumps(answer).encode()

    def check_and_delete(data: Mapping[str, Any]) -> Any:
        key = events._rule_key(data.get("Name"), data.get("EventBusName", "default"))
        if events._targets.get(key):
            return responses.error_response_json("ValidationException", HAS_TARGETS, 400)
        return delete(data)

    events._put_events, events._delete_rule = check_and_put, check_and_delete
    for name in ON_A_BUS:
        setattr(events, name, _by_name(getattr(events, name)))


def _modules() -> list[Any]:
    return [importlib.import_module(name) for name in HOOKS]


def _by_name(operation: Any) -> Any:
    def call_by_name(data: Mapping[str, Any]) -> Any:
        bus = str(data.get("EventBusName", ""))
        _, found, name = bus.partition(":event-bus/")
        return operation({**data, "EventBusName": name} if found else data)

    return call_by_name


def entry_size(entry: Mapping[str, Any]) -> int:
    """The bytes of an entry as EventBridge counts them: User Guide, "Calculating PutEvents event entry size".

    >>> entry_size({"Source": "a", "DetailType": "bc", "Detail": "{}", "Resources": ["d"], "Time": 0})
    20
    """
    texts = [*(entry.get(name) for name in REQUIRED), *(entry.get("Resources") or [])]
    time = 14 if entry.get("Time") is not None else 0
    return time + sum(len(text.encode()) for text in texts if isinstance(text, str))


def entry_fault(entry: Mapping[str, Any]) -> dict[str, str] | None:
    """What PutEvents answers for an entry that it does not take, or None.

    >>> entry_fault({"Source": "a", "DetailType": "b", "Detail": "{}"})
    """
    for name in REQUIRED:
        if not entry.get(name):
            reason = f"Parameter {name} is not valid. Reason: {name} is a required argument."
            return {"ErrorCode": "InvalidArgument", "ErrorMessage": reason}
    try:
        detail = json.loads(entry["Detail"])
    except (ValueError, TypeError, RecursionError):
        detail = None
    if isinstance(detail, dict):
        return None
    return {"ErrorCode": "MalformedDetail", "ErrorMessage": "Detail is malformed."}
