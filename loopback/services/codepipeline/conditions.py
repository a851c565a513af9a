"""Conditions of stages: how they stand, their rules, and letting an execution past one that holds it."""

from dataclasses import replace
from typing import Any

from loopback.core.errors import ResourceNotFound
from loopback.core.kinds import DELIVERY
from loopback.core.store import Store
from loopback.engines.codepipeline.model import MEMBERS, Stage, parse
from loopback.engines.codepipeline.plan import UNMET
from loopback.engines.codepipeline.rules import RULES
from loopback.rows.codepipeline import (
    ActionResult,
    CodePipelineExecutionRow,
    ConditionState,
    RuleRow,
    StageResult,
    StageRow,
)
from loopback.rows.row import changes
from loopback.services.codepipeline import control, executions, pipelines, starting
from loopback.services.codepipeline.errors import ConditionNotOverridableException
from loopback.services.codepipeline.from_rows import rules_of
from loopback.services.codepipeline.providers import give_up
from loopback.services.registry import Context, Request, Response, handles


def states(stage: StageRow, declared: Stage, store: Store) -> dict[str, Any]:
    """The condition states of a stage execution, as GetPipelineState shows them."""
    rules = rules_of(stage.parent, stage.stage, store)
    return {
        f"{MEMBERS[kind]}ConditionState": _state(
            stage.conditions.get(kind), [rule for rule in rules if rule.condition == kind]
        )
        for kind in declared.conditions
    }


def _state(found: ConditionState | None, rules: list[RuleRow]) -> dict[str, Any]:
    if found is None:
        return {"conditionStates": []}
    latest = {"status": found.status, "summary": found.summary or None}
    own = {"latestExecution": latest | {"lastStatusChange": found.at}, "ruleStates": [_rule(row) for row in rules]}
    return {"latestExecution": latest, "conditionStates": [own]}


def _rule(row: RuleRow) -> dict[str, Any]:
    latest = {
        "ruleExecutionId": row.name,
        "status": row.status,
        "summary": row.summary or None,
        "lastStatusChange": row.changed,
        "externalExecutionId": row.external_id,
        "errorDetails": executions.error_view(row),
    }
    return {"ruleName": row.action, "latestExecution": latest}


@handles("ListRuleExecutions", pipelines.SERVICE)
def list_rules(request: Request, context: Context) -> Response:
    """Newest first, of one execution or of all of a pipeline."""
    return executions.newest_page(RuleRow, "ruleExecutionDetails", _rule_view, request, context)


def _rule_view(row: RuleRow, version: int) -> dict[str, Any]:
    return executions.common_view(row, version) | {
        "ruleExecutionId": row.name,
        "ruleName": row.action,
        "input": {
            "ruleTypeId": row.type,
            "configuration": row.configuration,
            "resolvedConfiguration": row.resolved,
            "roleArn": row.role,
            "inputArtifacts": executions.locate(row.inputs),
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
        pipelines.valid_stage(parse(pipeline.declaration), name)
        row = executions.get(pipeline.name, request["pipelineExecutionId"], context)
        stage = _held_stage(row, name, kind, store)
        control.refuse_overtaken(pipeline, stage, store)
        by = pipelines.caller(context)
        abandoned = changes(ActionResult, summary="The condition was overridden", updated_by=by)
        given_up = [
            RuleRow.fire(store, rule.name, "abandon", abandoned)
            for rule in rules_of(row.name, name, store)
            if rule.condition == kind and rule.status == "InProgress"
        ]
        overridden = replace(stage.conditions[kind], status="Overridden", summary=f"Overridden by {by}")
        noted = changes(StageResult, conditions=stage.conditions | {kind: overridden})
        if stage.status == "Failed":
            starting.refuse_full(pipeline.name, context)
            control.resume(row.name, stage.name, noted, store)
        else:
            StageRow.amend(store, stage.name, "override", result=noted)
    for rule in given_up:
        give_up(rule, context)
    context.on_change(DELIVERY.slug, row.name)
    return {}


def _held_stage(row: CodePipelineExecutionRow, name: str, kind: str, store: Store) -> StageRow:
    """The stage execution that a condition holds. Raises ConditionNotOverridableException."""
    try:
        stage = StageRow.get(store, f"{row.name}/{name}")
    except ResourceNotFound:
        raise ConditionNotOverridableException(
            f"Pipeline execution '{row.name}' has not been in stage '{name}'"
        ) from None
    status = stage.conditions[kind].status if kind in stage.conditions else "not there"
    looking = status == "InProgress" and stage.status == "InProgress"
    if not looking and not (status in UNMET and stage.status == "Failed"):
        raise ConditionNotOverridableException(
            f"The {kind} condition of stage '{name}' is {status}, the stage {stage.status}; only a condition that is "
            "InProgress, or that has made its stage fail, can be overridden"
        )
    return stage
