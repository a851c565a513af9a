"""A parsed pipeline definition: parameters, steps, and what planning derives from them once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

STEP_TYPES = (
    "Processing",
    "Training",
    "Transform",
    "Tuning",
    "Model",
    "RegisterModel",
    "Condition",
    "Fail",
    "Lambda",
    "Callback",
    "QualityCheck",
    "ClarifyCheck",
    "ForEach",
    "Cleanup",
    "EndpointConfig",
    "Endpoint",
)
# AWS's other types (the SDK's StepTypeEnum), and what to do in their place.
REFUSED_TYPES = {
    "EMR": "there is no cluster here; run the script in a Processing step",
    "EMRServerless": "there is no Spark application here; run the script in a Processing step",
    "AutoML": "there is no Autopilot here; use a Tuning step",
    "InferenceComponent": "endpoints have no inference components here; use an EndpointConfig and an Endpoint step",
    "Lineage": "there is no lineage here; call what is there from a Lambda step",
    "Job": "CreateJob's families do not run here; use a Training or a Processing step",
}
NESTED_KEYS = ("IfSteps", "ElseSteps", "ForEachBody")


class InvalidDefinition(ValueError):
    """The pipeline definition cannot run; the message names the step, what was found and what is allowed."""


@dataclass(frozen=True)
class Parameter:
    """One declared pipeline parameter; `default` is typed and means nothing when `required`."""

    name: str
    type: str
    required: bool
    default: Any
    enum: tuple[str, ...]


@dataclass(frozen=True)
class Step:
    """One step at any nesting level.

    `raw` is the whole envelope as written; `parent` the Condition or ForEach that holds the step, under its
    key `branch`; `dependencies` maps a step name to the outcome that is waited for: Succeeded, Failed,
    Stopped or Any.
    """

    name: str
    type: str
    arguments: Mapping[str, Any]
    raw: Mapping[str, Any]
    parent: str | None
    branch: str | None
    dependencies: Mapping[str, str]


@dataclass(frozen=True)
class Definition:
    """A definition that passed every check of `definition.parse`; steps of all levels in document order."""

    parameters: Mapping[str, Parameter]
    steps: Mapping[str, Step]
    experiment_config: Mapping[str, Any] | None
    raw: Mapping[str, Any]

    @cached_property
    def bodies(self) -> Mapping[str, tuple[Step, ...]]:
        """The body steps of every ForEach, by its name."""
        found: dict[str, list[Step]] = {}
        for step in self.steps.values():
            if step.branch == "ForEachBody" and step.parent:
                found.setdefault(step.parent, []).append(step)
        return {name: tuple(steps) for name, steps in found.items()}

    @cached_property
    def scheduled(self) -> tuple[Step, ...]:
        """Steps that run at most once: all but the body steps of a ForEach."""
        return tuple(step for step in self.steps.values() if step.branch != "ForEachBody")

    @cached_property
    def property_files(self) -> Mapping[str, Sequence[Mapping[str, Any]]]:
        """The PropertyFiles entries of every step that declares some."""
        return {name: step.raw["PropertyFiles"] for name, step in self.steps.items() if step.raw.get("PropertyFiles")}

    @cached_property
    def handlers(self) -> Mapping[str, tuple[tuple[str, str], ...]]:
        """For a step: (dependent, trigger) of those that wait for it to fail or to stop."""
        found: dict[str, list[tuple[str, str]]] = {}
        for step in self.steps.values():
            for upstream, trigger in step.dependencies.items():
                if trigger != "Succeeded":
                    found.setdefault(upstream, []).append((step.name, trigger))
        return {name: tuple(pairs) for name, pairs in found.items()}
