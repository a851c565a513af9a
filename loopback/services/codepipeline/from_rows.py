"""Rows of the store as the facts that the engine plans from."""

from typing import Any

from loopback.core.errors import ResourceNotFound
from loopback.core.kinds import DELIVERY, DELIVERY_ACTION, DELIVERY_RULE, DELIVERY_STAGE
from loopback.core.queries import Selection, equals, member
from loopback.core.store import Resource, Store
from loopback.engines.codepipeline.model import Structure, parse
from loopback.engines.codepipeline.plan import PipelineFacts, RunningExecution, shut_stages
from loopback.services.registry import Context

UNSEEN = ("ConfigurationError", "PermissionError", "InternalError")  # a rule that ended so said neither yes nor no


def begun(name: str, store: Store) -> Resource:
    """The action or the rule of that id. Raises ResourceNotFound."""
    try:
        return store.get(DELIVERY_ACTION, name)
    except ResourceNotFound:
        return store.get(DELIVERY_RULE, name)


def actions_of(execution: str, store: Store) -> list[Resource]:
    """The newest run of every action of an execution, oldest first; those that a retry replaced are left out."""
    rows = store.find(DELIVERY_ACTION, parent=execution)
    return [row for row in rows if not row.result.get("replaced")]


def rules_of(execution: str, stage: str, store: Store) -> list[Resource]:
    """The newest run of every rule of a stage, as they were begun."""
    rows = sorted(store.find(DELIVERY_RULE, parent=execution), key=lambda row: row.doc["order"])
    return [row for row in rows if row.doc["stage"] == stage and not row.result.get("replaced")]


def conditions_of(stage: Resource) -> dict[str, dict[str, Any]]:
    """How the conditions of a stage execution stand, by kind."""
    found: dict[str, dict[str, Any]] = stage.result.get("conditions", {})
    return found


def run_of(row: Resource, store: Store) -> RunningExecution:
    """A running execution."""
    structure = parse(row.doc["declaration"])
    at = row.result["at"]
    name = structure.stages[at].name
    key = f"{row.name}/{name}"
    stage = store.get(DELIVERY_STAGE, key) if store.exists(DELIVERY_STAGE, key) else None
    inside = stage is not None and stage.status in ("InProgress", "Stopping")
    return RunningExecution(
        id=row.name,
        order=row.doc["order"],
        structure=structure,
        at=at,
        stage=stage.status if inside and stage else "",
        actions={a.doc["action"]: a.status for a in actions_of(row.name, store) if a.doc["stage"] == name},
        stopping=row.result.get("stopping", "") if row.status == "Stopping" else "",
        rollback=row.doc["type"] == "ROLLBACK",
        auto_retries=stage.result.get("auto_retries", 0) if stage else 0,
        conditions={kind: each["status"] for kind, each in conditions_of(stage).items()} if stage else {},
        rules=_rules(row.name, name, store) if inside else {},
    )


def _rules(execution: str, stage: str, store: Store) -> dict[str, dict[str, str]]:
    found: dict[str, dict[str, str]] = {}
    for rule in rules_of(execution, stage, store):
        unseen = rule.result.get("error_code") in UNSEEN
        found.setdefault(rule.doc["condition"], {})[rule.doc["action"]] = "Errored" if unseen else rule.status
    return found


def running(pipeline: str, store: Store) -> list[Resource]:
    """The executions that are InProgress or Stopping, in the order of their starts."""
    rows = store.scan(Selection(DELIVERY, pipeline, ("InProgress", "Stopping")))
    return sorted(rows, key=lambda row: row.doc["order"])


def entries(pipeline: str, stage: str) -> Selection:
    """The executions of a stage, in the order in which they entered it."""
    of_stage = (equals("pipeline", pipeline), equals("name", stage))
    return Selection(DELIVERY_STAGE, equal=of_stage, order=member("entered", "result"))


def facts_of(pipeline: Resource, store: Store) -> PipelineFacts:
    """All that matters for what happens next in a pipeline."""
    structure: Structure = parse(pipeline.doc)
    runs = [run_of(row, store) for row in running(pipeline.name, store)]
    return PipelineFacts(runs, structure.mode, shut_stages(structure, pipeline.result.get("transitions", {})))


def produced(execution: Resource, context: Context) -> dict[str, Any]:
    """What the actions of an execution have made: `artifacts` by name, `variables` by namespace."""
    inherited = execution.doc.get("inherited") or {"artifacts": {}, "variables": {}}
    artifacts, variables = dict(inherited["artifacts"]), dict(inherited["variables"])
    for row in actions_of(execution.name, context.store):
        if row.status != "Succeeded":
            continue
        artifacts |= {each["name"]: each for each in row.result.get("outputs", row.doc["outputs"])}
        if row.doc["namespace"]:
            variables[row.doc["namespace"]] = row.result.get("variables", {})
    return {"artifacts": artifacts, "variables": variables}
