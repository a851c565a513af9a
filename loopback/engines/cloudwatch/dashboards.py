"""What PutDashboard refuses: the structure of a dashboard's body. Pure.

AWS: CloudWatch API Reference, "Dashboard body structure and syntax". The words are those that CloudWatch is reported
to answer (aws-samples/aws-eda-slurm-cluster#116), which are a JSON schema validator's.
"""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

WIDTH = 24  # of the grid
MOST_WIDGETS = 500
NAME = re.compile(r"[A-Za-z0-9_-]{1,255}")
_COLOUR = re.compile(r"#[0-9a-fA-F]{3}([0-9a-fA-F]{3})?")
_NO_SOURCE = "The metric widget should have specified a region and a data source or an alarm annotation"
_REQUIRED: Mapping[str, tuple[str, ...]] = {
    "metric": (),
    "text": ("markdown",),
    "log": ("region", "query"),
    "alarm": ("alarms",),
    "custom": ("endpoint",),
    "explorer": ("metrics",),
}


@dataclass(frozen=True)
class BodyFault:
    """Where in a body something is wrong, and what."""

    path: str
    message: str


def name_fault(name: str) -> str:
    """Why a dashboard can't be called so; "" where it can."""
    if NAME.fullmatch(name):
        return ""
    return f"The field DashboardName {name[:80]!r} must have letters, digits, - and _ only, 1 to 255 of them"


def body_fault(body: str) -> str:
    """What CloudWatch says of a body that it does not take; "" of one that it does."""
    try:
        document = json.loads(body)
    except (ValueError, RecursionError):
        document = None
    if not isinstance(document, dict):
        return "The field DashboardBody must be a valid JSON object"
    if not (faults := [*_faults(document)]):
        return ""
    told = [{"dataPath": fault.path, "message": fault.message} for fault in faults]
    return f"The dashboard body is invalid, there are {len(told)} validation errors:\n{json.dumps(told, indent=2)}"


def _faults(document: Mapping[str, Any]) -> Iterator[BodyFault]:
    widgets = document.get("widgets")
    if widgets is None:
        yield BodyFault("", "Should have required property 'widgets'")
        return
    if not isinstance(widgets, list):
        yield BodyFault("/widgets", "Should be array")
        return
    if len(widgets) > MOST_WIDGETS:
        yield BodyFault("/widgets", f"Should NOT have more than {MOST_WIDGETS} items")
    for index, widget in enumerate(widgets):
        yield from _widget_faults(widget, f"/widgets/{index}")


def _widget_faults(widget: Any, path: str) -> Iterator[BodyFault]:
    if not isinstance(widget, dict):
        yield BodyFault(path, "Should be object")
        return
    for name, least, most in (("x", 0, WIDTH - 1), ("y", 0, None), ("width", 1, WIDTH), ("height", 1, 1000)):
        yield from _number_faults(widget.get(name), f"{path}/{name}", least, most)
    kind, properties = widget.get("type"), widget.get("properties")
    if kind is None:
        yield BodyFault(path, "Should have required property 'type'")
    elif kind not in _REQUIRED:
        yield BodyFault(f"{path}/type", f"Should be equal to one of the allowed values: {', '.join(_REQUIRED)}")
    elif properties is None:
        yield BodyFault(path, "Should have required property 'properties'")
    elif not isinstance(properties, dict):
        yield BodyFault(f"{path}/properties", "Should be object")
    else:
        for name in _REQUIRED[kind]:
            if name not in properties:
                yield BodyFault(f"{path}/properties", f"Should have required property '{name}'")
        if kind == "metric":
            yield from _metric_faults(properties, f"{path}/properties")


def _number_faults(value: Any, path: str, least: int, most: int | None) -> Iterator[BodyFault]:
    if value is None:
        return
    if not isinstance(value, int) or isinstance(value, bool):
        yield BodyFault(path, "Should be integer")
    elif value < least:
        yield BodyFault(path, f"Should be >= {least}")
    elif most is not None and value > most:
        yield BodyFault(path, f"Should be <= {most}")


def _metric_faults(properties: Mapping[str, Any], path: str) -> Iterator[BodyFault]:
    metrics, annotations = properties.get("metrics"), properties.get("annotations")
    if metrics is None and annotations is None:
        yield BodyFault(path, "Should have required property 'metrics'")
        yield BodyFault(path, _NO_SOURCE)
        yield BodyFault(path, "Should have required property 'annotations'")
        return
    if metrics is not None and not properties.get("region"):
        yield BodyFault(path, _NO_SOURCE)
    if metrics is None:
        return
    if not isinstance(metrics, list):
        yield BodyFault(f"{path}/metrics", "Should be array")
        return
    for index, metric in enumerate(metrics):
        yield from _series_faults(metric, f"{path}/metrics/{index}")


def _series_faults(metric: Any, path: str) -> Iterator[BodyFault]:
    """One line of a graph: namespace, name, dimensions in pairs, options; or the options of an expression alone."""
    if not isinstance(metric, list):
        yield BodyFault(path, "Should be array")
        return
    if not metric:
        yield BodyFault(path, "Should NOT have fewer than 1 items")
        return
    *texts, options = metric if isinstance(metric[-1], dict) else [*metric, {}]
    if not all(isinstance(text, str) for text in texts):
        yield BodyFault(path, "Should be string")
    elif texts and texts != ["..."] and "..." not in texts and (len(texts) < 2 or len(texts) % 2):
        yield BodyFault(
            path, 'Invalid metric field type, only "String" type is allowed; dimensions have a name and a value'
        )
    elif not texts and "expression" not in options:
        yield BodyFault(f"{path}/0", "Should have required property 'expression'")
    colour = options.get("color")
    if colour is not None and not (isinstance(colour, str) and _COLOUR.fullmatch(colour)):
        yield BodyFault(f"{path}/{len(texts)}/color", f"Should match pattern {_COLOUR.pattern}")
