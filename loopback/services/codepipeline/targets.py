"""EventBridge rules whose target is a pipeline or a build project."""

import json
from typing import Any

from loopback.core.errors import ValidationException
from loopback.engines.eventbridge.inputs import target_input
from loopback.services import registry
from loopback.services.codepipeline import starting
from loopback.services.registry import Context
from loopback.wire import model


def start_pipeline(context: Context, target: dict[str, Any], event: str) -> None:
    """Start the pipeline that the target's ARN names. Its input may carry `variables` and `sourceRevisions`."""
    given = _input(target, event)
    strange = set(given) - {"variables", "sourceRevisions", "name"}
    if strange and ("Input" in target or "InputTransformer" in target):
        expected = "expected variables and sourceRevisions"
        raise ValidationException(f"The input of target {target['Arn']} has {', '.join(sorted(strange))}; {expected}")
    name = target["Arn"].rpartition(":")[2]
    request = {"name": name} | {key: given[key] for key in ("variables", "sourceRevisions") if key in given}
    model.check(request, model.operation("codepipeline", "StartPipelineExecution").input_shape)
    options = starting.Options(request.get("variables", ()), request.get("sourceRevisions", ()))
    cause = json.loads(event)
    detail = f"{cause.get('source', '')} {cause.get('detail-type', '')} {cause.get('id', '')}".strip()
    starting.start(name, context, starting.Trigger("CloudWatchEvent", detail), options)


def start_build(context: Context, target: dict[str, Any], event: str) -> None:
    """StartBuild for the project of the target's ARN. Its input may carry the other members of StartBuild."""
    given = {} if "InputPath" in target else _input(target, event)
    project = target["Arn"].rpartition("/")[2]
    registry.call("codebuild", "StartBuild", {**given, "projectName": project}, context)


def _input(target: dict[str, Any], event: str) -> dict[str, Any]:
    try:
        return target_input(target, event)
    except ValueError as fault:
        raise ValidationException(f"Target {target['Arn']}: {fault}") from None
