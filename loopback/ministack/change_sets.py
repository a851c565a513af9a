"""Change sets whose resources can't be made: CreateChangeSet looks at properties and names, as AWS has since late 2025.

Such a change set is FAILED and can't be executed; DescribeEvents has the reason for each resource. The words are those
that users of AWS report: aws/aws-cdk-cli#1000, aws-cloudformation/rain#744.
"""

import importlib
import uuid
from collections.abc import Iterator, Mapping
from typing import Any

from loopback.engines.cloudformation.properties import property_faults
from loopback.ministack import taken
from loopback.ministack.stack_properties import Fault, Surroundings, fault, known_resources

HOOKS: dict[str, tuple[str, ...]] = {
    "ministack.services.cloudformation": ("_stacks", "_change_sets"),
    "ministack.services.cloudformation.stacks": ("_operation_event", "_evaluate_conditions"),
    "ministack.services.cloudformation.handlers": ("_ACTION_HANDLERS",),
}
CREATE, EVENTS = "CreateChangeSet", "DescribeEvents"
NAME_CONFLICT = "NAME_CONFLICT_VALIDATION"
REASON = (
    "The following hook(s)/validation failed: [{hooks}]. To troubleshoot Early Validation errors, use the "
    "DescribeEvents API for detailed failure information."
)


def install() -> None:
    """Once, before the base serves."""
    state, engine, dispatch = (importlib.import_module(name) for name in HOOKS)
    sets: Any = state
    handlers: dict[str, Any] = dispatch._ACTION_HANDLERS
    create, describe = handlers[CREATE], handlers[EVENTS]

    def create_change_set(request: Mapping[str, Any]) -> Any:
        answer = create(request)
        made = next(reversed(sets._change_sets.values()), None) if answer[0] < 400 else None
        looks = made and made["ExecutionStatus"] == "AVAILABLE" and not made.get("_disable_validation")
        if made and looks and (faults := list(_faults(made, engine))):
            made.update(Status="FAILED", ExecutionStatus="UNAVAILABLE", StatusReason=_reason(faults))
            sets._stacks[made["StackName"]]["_operation_events"] = _events(made, faults, engine)
        return answer

    def describe_events(request: Mapping[str, Any]) -> Any:
        """Those of a change set are kept with its stack."""
        named = str(next(iter(request.get("ChangeSetName") or [""])))
        found = [
            one for one in sets._change_sets.values() if named and named in (one["ChangeSetId"], one["ChangeSetName"])
        ]
        return describe({**request, "StackName": [found[-1]["StackName"]]} if found else request)

    handlers.update({CREATE: create_change_set, EVENTS: describe_events})


def _faults(made: Mapping[str, Any], engine: Any) -> Iterator[Fault]:
    template, parameters = made["_template"], made["_resolved_params"]
    conditions = engine._evaluate_conditions(template, parameters)
    around = Surroundings(parameters, conditions, template.get("Mappings", {}), made["StackName"], made["StackId"])
    changes = [change["ResourceChange"] for change in made["Changes"]]
    added = {change["LogicalResourceId"] for change in changes if change["Action"] == "Add"}
    resources = template.get("Resources", {})
    for logical_id, kind, properties in known_resources(resources, resources, around):
        yield from (fault(logical_id, kind, text) for text in property_faults(kind, properties))
        if logical_id in added:
            try:
                taken.check(kind, properties)
            except taken.AlreadyExists as found:
                reason = str(found).partition(" (HandlerErrorCode")[0]
                yield logical_id, kind, NAME_CONFLICT, f"/Resources/{logical_id}", reason


def _reason(faults: list[Fault]) -> str:
    checks = {"ResourceExistenceCheck" if one[2] == NAME_CONFLICT else "PropertyValidation" for one in faults}
    return REASON.format(hooks=", ".join(f"AWS::EarlyValidation::{name}" for name in sorted(checks)))


def _events(made: Mapping[str, Any], faults: list[Fault], engine: Any) -> list[Any]:
    operation = str(uuid.uuid4())
    return [
        engine._operation_event(
            made["StackId"],
            operation,
            "VALIDATION_ERROR",
            "CREATE_CHANGESET",
            LogicalResourceId=logical_id,
            ResourceType=kind,
            ValidationFailureMode="FAIL",
            ValidationName=name,
            ValidationStatus="FAILED",
            ValidationStatusReason=reason,
            ValidationPath=path,
        )
        for logical_id, kind, name, path, reason in faults
    ]
