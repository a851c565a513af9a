"""Conditions of stages: how they stand, their rules, and letting an execution past one that holds it."""

from typing import Any

from loopback.core.errors import ResourceNotFound
from loopback.core.kinds import DELIVERY, DELIVERY_RULE, DELIVERY_STAGE
from loopback.core.store import Resource, Store
from loopback.engines.codepipeline.model import MEMBERS, Stage, parse
from loopback.engines.codepipeline.plan import UNMET
from loopback.engines.codepipeline.rules import RULES
from loopback.services.codepipeline import control, executions, pipelines, starting
from loopback.services.codepipeline.errors import ConditionNotOverridableException
from loopback.services.codepipeline.from_rows import conditions_of, rules_of
from loopback.services.codepipeline.providers import give_up
from loopback.services.registry import Context, Request, Response, handles


def states(stage: Resource, declared: Stage, store: Store) -> dict[str, Any]:
    """The condition states of a stage execution, as GetPipelineState shows them."""
    rules = rules_of(stage.parent, stage.doc["name"], store)
    found = conditions_of(stage)
    return {
        f"{MEMBERS[kind]}ConditionState": _state(found.get(kind), [r for r in rules if r.doc["condition"] == kind])
        for kind in declared.conditions
    }


def _state(found: dict[str, Any] | None, rules: list[Resource]) -> dict[str, Any]:
    if found is None:
        return {"conditionStates": []}
    latest = {"status": found["status"], "summary": found.get("summary") or None}
    own = {"latestExecution": latest | {"lastStatusChange": found["at"]}, "ruleStates": [_rule(row) for row in rules]}
    return {"latestExecution": latest, "conditionStates": [own]}


def _rule(row: Resource) -> dict[str, Any]:
    latest = {
        "ruleExecutionId": row.name,
        "status": row.status,
        "summary": row.result.get("summary") or None,
        "lastStatusChange": row.changed,
        "externalExecutionId": row.result.get("external_id"),
        "errorDetails": executions.error_view(row),
    }
    return {"ruleName": row.doc["action"], "latestExecution": latest}


@handles("ListRuleExecutions", pipelines.SERVICE)
def list_rules(request: Request, context: Context) -> Response:
    """Newest first, of one execution or of all of a pipeline."""
    return executions.begun(DELIVERY_RULE, "ruleExecutionDetails", _rule_view, request, context)


def _rule_view(row: Resource, version: int) -> dict[str, Any]:
    doc = row.doc
    return executions.begun_view(row, version) | {
        "ruleExecutionId": row.name,
        "ruleName": doc["action"],
        "input": {
            "ruleTypeId": doc["type"],
            "configuration": doc["configuration"],
            "resolvedConfiguration": doc["resolved"],
            "roleArn": doc["role"],
            "inputArtifacts": executions.located(doc["inputs"]),
        },
        "output": {"executionResult": executions.outcome_view(row)},
    }


@handles("ListRuleTypes", pipelines.SERVICE)
def list_types(request: Request, context: Context) -> Response:
    """Those that loopback runs."""
    region = request.get("regionFilter", context.place.region)
    shown = [] if region != context.place.region else [_type(name) for name in sorted(RULES)]
    return {"ruleTypes": shown}


def _type(name: str) -> dict[str, Any]:
    provider = RULES[name]
    (least, most), keys = provider.inputs, [(key, True) for key in provider.required]
    keys += [(key, False) for key in provider.optional]
    return {
        "id": {"category": "Rule", "owner": "AWS", "provider": name, "version": "1"},
        "ruleConfigurationProperties": [
            {"name": key, "required": required, "key": False, "secret": False, "type": "String"}
            for key, required in keys
        ],
        "inputArtifactDetails": {"minimumCount": least, "maximumCount": most},
    }


@handles("OverrideStageCondition", pipelines.SERVICE)
def override(request: Request, context: Context) -> Response:
    """The execution goes on as if the condition were met: it is being looked at, or has made the stage fail."""
    store, kind, name = context.store, request["conditionType"], request["stageName"]
    with store.transaction():
        pipeline = pipelines.get(request["pipelineName"], context)
        pipelines.valid_stage(parse(pipeline.doc), name)
        row = executions.get(pipeline.name, request["pipelineExecutionId"], context)
        stage = _held(row, name, kind, store)
        control.refuse_overtaken(pipeline, stage, store)
        by = pipelines.caller(context)
        given_up = [
            store.fire(
                DELIVERY_RULE, rule.name, "abandon", {"summary": "The condition was overridden", "updated_by": by}
            )
            for rule in rules_of(row.name, name, store)
            if rule.doc["condition"] == kind and rule.status == "InProgress"
        ]
        found = conditions_of(stage)[kind]
        overridden = found | {"status": "Overridden", "summary": f"Overridden by {by}"}
        noted = {"conditions": conditions_of(stage) | {kind: overridden}}
        if stage.status == "Failed":
            starting.refuse_full(pipeline.name, context)
            control.resume(row.name, stage.name, noted, store)
        else:
            store.amend(DELIVERY_STAGE, stage.name, "override", result=noted)
    for rule in given_up:
        give_up(rule, context)
    context.changed(DELIVERY.slug, row.name)
    return {}


def _held(row: Resource, name: str, kind: str, store: Store) -> Resource:
    """The stage execution that a condition holds. Raises ConditionNotOverridableException."""
    try:
        stage = store.get(DELIVERY_STAGE, f"{row.name}/{name}")
    except ResourceNotFound:
        raise ConditionNotOverridableException(
            f"Pipeline execution '{row.name}' has not been in stage '{name}'"
        ) from None
    status = conditions_of(stage).get(kind, {}).get("status", "not there")
    looking = status == "InProgress" and stage.status == "InProgress"
    if not looking and not (status in UNMET and stage.status == "Failed"):
        raise ConditionNotOverridableException(
            f"The {kind} condition of stage '{name}' is {status}, the stage {stage.status}; only a condition that is "
            "InProgress, or that has made its stage fail, can be overridden"
        )
    return stage
