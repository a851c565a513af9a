"""Rows of the store as the facts that the engine plans from."""

from loopback.core.errors import ResourceNotFound
from loopback.core.kinds import DELIVERY, DELIVERY_STAGE
from loopback.core.queries import Selection
from loopback.core.store import Store
from loopback.engines.codepipeline.model import Structure, parse
from loopback.engines.codepipeline.plan import PipelineFacts, RunningExecution, shut_stages
from loopback.rows.codepipeline import ActionRow, CodePipelineExecutionRow, CodePipelineRow, Produced, RuleRow, StageRow
from loopback.services.registry import Context

UNSEEN = ("ConfigurationError", "PermissionError", "InternalError")  # a rule that ended so said neither yes nor no


def action_or_rule(name: str, store: Store) -> ActionRow:
    """The action or the rule of that id. Raises ResourceNotFound."""
    try:
        return ActionRow.get(store, name)
    except ResourceNotFound:
        return RuleRow.get(store, name)


def actions_of(execution: str, store: Store) -> list[ActionRow]:
    """The newest run of every action of an execution, oldest first; those that a retry replaced are left out."""
    return [row for row in ActionRow.find(store, parent=execution) if not row.replaced]


def rules_of(execution: str, stage: str, store: Store) -> list[RuleRow]:
    """The newest run of every rule of a stage, as they were begun."""
    rows = sorted(RuleRow.find(store, parent=execution), key=lambda row: row.order)
    return [row for row in rows if row.stage == stage and not row.replaced]


def run_of(row: CodePipelineExecutionRow, store: Store) -> RunningExecution:
    """A running execution."""
    structure = parse(row.declaration)
    name = structure.stages[row.at].name
    key = f"{row.name}/{name}"
    stage = StageRow.get(store, key) if store.exists(DELIVERY_STAGE, key) else None
    inside = stage is not None and stage.status in ("InProgress", "Stopping")
    return RunningExecution(
        id=row.name,
        order=row.order,
        structure=structure,
        at=row.at,
        stage=stage.status if inside and stage else "",
        actions={each.action: each.status for each in actions_of(row.name, store) if each.stage == name},
        stopping=(row.stopping or "") if row.status == "Stopping" else "",
        rollback=row.type == "ROLLBACK",
        auto_retries=(stage.auto_retries or 0) if stage else 0,
        conditions={kind: each.status for kind, each in stage.conditions.items()} if stage else {},
        rules=_rules(row.name, name, store) if inside else {},
    )


def _rules(execution: str, stage: str, store: Store) -> dict[str, dict[str, str]]:
    found: dict[str, dict[str, str]] = {}
    for rule in rules_of(execution, stage, store):
        unseen = rule.error_code in UNSEEN
        found.setdefault(rule.condition, {})[rule.action] = "Errored" if unseen else rule.status
    return found


def running(pipeline: str, store: Store) -> list[CodePipelineExecutionRow]:
    """The executions that are InProgress or Stopping, in the order of their starts."""
    rows = CodePipelineExecutionRow.scan(store, Selection(DELIVERY, pipeline, ("InProgress", "Stopping")))
    return sorted(rows, key=lambda row: row.order)


def facts_of(pipeline: CodePipelineRow, store: Store) -> PipelineFacts:
    """All that matters for what happens next in a pipeline."""
    structure: Structure = parse(pipeline.declaration)
    runs = [run_of(row, store) for row in running(pipeline.name, store)]
    return PipelineFacts(runs, structure.mode, shut_stages(structure, pipeline.transitions))


def produced_by(execution: CodePipelineExecutionRow, context: Context) -> Produced:
    """What the actions of an execution have made."""
    artifacts, variables = dict(execution.inherited.artifacts), dict(execution.inherited.variables)
    for row in actions_of(execution.name, context.store):
        if row.status != "Succeeded":
            continue
        artifacts |= {each.name: each for each in row.artifacts}
        if row.namespace:
            variables[row.namespace] = row.variables
    return Produced(artifacts, variables)
