"""Rules between the sections of a stage's file, most of them SageMaker's own. Pure."""

import math
from collections.abc import Iterator
from collections.abc import Set as AbstractSet
from typing import Any

Place = tuple[str, ...]
Disagreement = tuple[Place, str]

NEEDS_INSTANCES = {
    "instances": "a serverless endpoint has no instances",
    "autoscaling": "a serverless endpoint scales by itself, up to serverless.max_concurrency",
    "capture": "SageMaker captures no requests of a serverless endpoint",
    "asynchronous": "an endpoint is either serverless or asynchronous",
    "ab": "a serverless endpoint has one variant only",
    "shadow": "a serverless endpoint has no shadow variant",
    "vpc": "a serverless endpoint has no VPC",
}
NEEDS_ANSWERS = {
    "capture": "SageMaker captures requests of real-time endpoints only",
    "ab": "an asynchronous endpoint has one variant only",
    "shadow": "an asynchronous endpoint has no shadow variant",
}
MONITORS = ("data_quality", "model_quality", "bias", "explainability")
LABELLED = ("model_quality", "bias")
OWN_ENGINE = "slipway"
NEEDS_CAPTURE = "needs capture: without it there is nothing to monitor; allowed: off, or sampling_percent above 0"
NEEDS_LABELS = "needs monitor.ground_truth; allowed: off, or the labels' folder in the artifact bucket or s3:// URI"
WHOLE = 100
RESERVED = ("aws:", "sagemaker:")


def disagreements(stage: dict[str, Any], given: AbstractSet[str]) -> Iterator[Disagreement]:
    """What is wrong, each with its place. `stage` is without what is None; `given` are the sections of the file."""
    yield from _kinds(stage, given)
    yield from _scaling(stage)
    yield from _shift(stage)
    yield from _waits(stage)
    yield from _keys(stage)
    yield from _names(stage)


def fleet(stage: dict[str, Any]) -> int:
    """The fewest instances that an update may meet."""
    scaling = stage.get("autoscaling")
    return int(scaling["min"] if scaling else stage.get("instances", {}).get("count", 1))


def captures(stage: dict[str, Any]) -> bool:
    """Whether any request is captured."""
    return bool(stage.get("capture", {}).get("sampling_percent"))


def _kinds(stage: dict[str, Any], given: AbstractSet[str]) -> Iterator[Disagreement]:
    if "serverless" in stage:
        yield from _excluded_columns_faults(stage, "serverless", NEEDS_INSTANCES)
        yield from _serverless(stage, given)
    elif "asynchronous" in stage:
        yield from _excluded_columns_faults(stage, "asynchronous", NEEDS_ANSWERS)
    if "ab" in stage and "shadow" in stage:
        yield ("shadow",), "not with ab: a shadow variant stands beside exactly one production variant"
    yield from _monitors(stage)


def _excluded_columns_faults(stage: dict[str, Any], kind: str, sections: dict[str, str]) -> Iterator[Disagreement]:
    for section, why in sections.items():
        if section in stage and (section != "capture" or captures(stage)):
            yield (section,), f"not with {kind}: {why}"


def _serverless(stage: dict[str, Any], given: AbstractSet[str]) -> Iterator[Disagreement]:
    traffic, serverless = stage["traffic"], stage["serverless"]
    if "traffic" in given and (traffic["shift"] != "all_at_once" or traffic["wait_seconds"]):
        yield ("traffic",), "not with serverless: SageMaker shifts traffic between instances only"
    if serverless["provisioned_concurrency"] > serverless["max_concurrency"]:
        yield ("serverless", "provisioned_concurrency"), "must not be above max_concurrency"


def _scaling(stage: dict[str, Any]) -> Iterator[Disagreement]:
    scaling = stage.get("autoscaling")
    if scaling is None:
        return
    low, high = scaling["min"], scaling["max"]
    if low > high:
        yield ("autoscaling", "min"), f"{low} is above max, {high}"
    count = stage.get("instances", {}).get("count")
    if count is not None and low <= high and not low <= count <= high:
        yield ("instances", "count"), f"{count} is not between autoscaling.min, {low}, and autoscaling.max, {high}"
    targets = [name for name in ("invocations_per_instance", "cpu_percent", "backlog_per_instance") if name in scaling]
    if not targets and "schedule" not in scaling:
        yield ("autoscaling",), "needs invocations_per_instance, cpu_percent, backlog_per_instance or schedule"
    if "backlog_per_instance" in targets and "asynchronous" not in stage:
        yield ("autoscaling", "backlog_per_instance"), "only asynchronous endpoints have a backlog"
    if "ab" in stage and ("invocations_per_instance" not in targets or "schedule" in scaling):
        yield ("autoscaling",), "with ab: both variants scale by invocations_per_instance, and not by schedule"
    schedule = scaling.get("schedule")
    if schedule and schedule["peak_min"] > schedule["peak_max"]:
        yield ("autoscaling", "schedule", "peak_min"), f"{schedule['peak_min']} is above peak_max"


def _shift(stage: dict[str, Any]) -> Iterator[Disagreement]:
    traffic = stage["traffic"]
    shift, percent = traffic["shift"], traffic.get("percent")
    if shift == "all_at_once":
        if percent is not None:
            yield ("traffic", "percent"), "not with all_at_once: choose canary, linear or rolling"
        return
    if percent is None:
        yield ("traffic",), f"{shift} needs percent, 5 to 50"
    elif shift == "linear" and percent < 10:
        yield ("traffic", "percent"), f"found {percent}; a linear step is 10 to 50"
    if "serverless" not in stage and fleet(stage) < 2:
        yield ("traffic", "shift"), f"{shift} moves part of a fleet: it needs 2 instances or more, found {fleet(stage)}"
    if shift == "rolling" and {"ab", "shadow"} & set(stage):
        yield ("traffic", "shift"), "rolling works for one variant only"
    if shift == "rolling" and traffic["termination_wait_seconds"]:
        yield ("traffic", "termination_wait_seconds"), "not with rolling: no old fleet is left to wait for"


def _waits(stage: dict[str, Any]) -> Iterator[Disagreement]:
    traffic, alarms = stage["traffic"], stage["alarms"]
    shift, wait = traffic["shift"], traffic["wait_seconds"]
    shifts = {"all_at_once": 1, "canary": 1}.get(shift) or math.ceil(WHOLE / (traffic.get("percent") or WHOLE))
    total = shifts * wait + traffic["termination_wait_seconds"]
    if total >= traffic["timeout_seconds"]:
        found = f"found {traffic['timeout_seconds']}, and the waits alone are {total}"
        yield ("traffic", "timeout_seconds"), f"must be above the sum of all waits; {found}"
    needed = alarms["period_seconds"] * alarms["periods"]
    if shift != "all_at_once" and traffic["rollback"] and wait < needed:
        yield (
            ("traffic", "wait_seconds"),
            f"found {wait}; the alarms need {needed} (alarms.period_seconds x periods) before they can roll back",
        )
    if alarms["period_seconds"] * alarms["periods"] > 86400:
        yield ("alarms", "periods"), "period_seconds x periods must be one day at most"


def _monitors(stage: dict[str, Any]) -> Iterator[Disagreement]:
    monitor = stage["monitor"]
    for name in MONITORS:
        found = monitor[name]
        if found == "off":
            continue
        if not captures(stage):
            yield ("monitor", name), f"found {found}, {NEEDS_CAPTURE}"
        if name in LABELLED and "ground_truth" not in monitor:
            yield ("monitor", name), f"found {found}, {NEEDS_LABELS}"
    if monitor["estimated_performance"] and (monitor["engine"] != OWN_ENGINE or monitor["data_quality"] == "off"):
        yield ("monitor", "estimated_performance"), f"data_quality with engine: {OWN_ENGINE} estimates it; switch it on"


def _names(stage: dict[str, Any]) -> Iterator[Disagreement]:
    for name in stage["tags"]:
        if name.lower().startswith(RESERVED):
            yield ("tags", name), "names that start with aws: or sagemaker: are reserved"


def _keys(stage: dict[str, Any]) -> Iterator[Disagreement]:
    kms = stage["kms"]
    if "volume" in kms and "serverless" in stage:
        yield ("kms", "volume"), "not with serverless: there is no volume to encrypt"
    if "capture" in kms and not captures(stage):
        yield ("kms", "capture"), "nothing is captured"
    if "asynchronous" in kms and "asynchronous" not in stage:
        yield ("kms", "asynchronous"), "the endpoint is not asynchronous"
