"""What an EventBridge target hands to what it starts: Input, InputPath or InputTransformer. Pure."""

import json
import re
from collections.abc import Mapping
from typing import Any

from loopback.wire import documents

_PLACE = re.compile(r"<([A-Za-z0-9_.-]+)>")


def target_input(target: Mapping[str, Any], event: str) -> dict[str, Any]:
    """The JSON object that the target makes of the event; {} where it leaves the event as it is.

    Raises ValueError, naming what is wrong, when the target writes something that is not a JSON object.
    """
    if "InputTransformer" in target:
        text = _apply_transformer(target["InputTransformer"], json.loads(event))
    elif "Input" in target:
        text = target["Input"]
    elif "InputPath" in target:
        text = json.dumps(path_of(target["InputPath"], json.loads(event)))
    else:
        return {}
    try:
        found = documents.json_value(text)
    except ValueError as fault:
        raise ValueError(f"the target's input is not JSON: {fault}: {text[:200]}") from None
    if not isinstance(found, dict):
        raise ValueError(  # noqa: TRY004 - the caller hears of one kind of fault
            f"the target's input is {type(found).__name__}; expected a JSON object"
        )
    return found


def path_of(path: str, document: Any) -> Any:
    """What `$.a.b` or `$.list[0]` points at, or None."""
    for key, index in re.findall(r"\.([^.\[\]]+)|\[(\d+)\]", path.removeprefix("$")):
        if key:
            document = document.get(key) if isinstance(document, dict) else None
        else:
            inside = isinstance(document, list) and int(index) < len(document)
            document = document[int(index)] if inside else None
    return document


def _apply_transformer(transformer: Mapping[str, Any], event: Any) -> str:
    """Text goes into a quoted template as it is and elsewhere as a JSON value, as EventBridge does.

    What the event does not have becomes nothing.
    """
    values = {name: path_of(path, event) for name, path in (transformer.get("InputPathsMap") or {}).items()}
    template: str = transformer.get("InputTemplate", "")

    def value_of(found: re.Match[str]) -> str:
        """What stands for a name of the template: as JSON, and within quotes without its own."""
        if found[1] not in values:
            return found[0]
        value = values[found[1]]
        if value is None:
            return ""
        if _is_quoted(template, found.start()):
            return json.dumps(value if isinstance(value, str) else json.dumps(value))[1:-1]
        return json.dumps(value)

    return _PLACE.sub(value_of, template)


def _is_quoted(template: str, at: int) -> bool:
    return len(re.findall(r'(?<!\\)"', template[:at])) % 2 == 1
