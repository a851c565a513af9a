"""Pipelines: made, which runs them once, and deleted with what runs."""

from loopback.core.errors import ResourceInUse
from loopback.core.kinds import DELIVERY, DELIVERY_PIPELINE, DELIVERY_STAGE
from loopback.engines.codepipeline import structure
from loopback.rows.codepipeline import ActionRow, CodePipelineRow, RuleRow
from loopback.services.codepipeline import pipelines, starting
from loopback.services.codepipeline.errors import PipelineNameInUseException
from loopback.services.codepipeline.providers import give_up
from loopback.services.registry import Context, Request, Response, handles


@handles("CreatePipeline", pipelines.SERVICE)
def create(request: Request, context: Context) -> Response:
    """A new pipeline runs once at once, as on AWS."""
    declaration = pipelines.add_defaults(request["pipeline"]) | {"version": 1}
    structure.check(declaration, context.place.region)
    name = declaration["name"]
    with context.store.transaction():
        try:
            CodePipelineRow(declaration=declaration, versions=[declaration]).create(context.store, name)
        except ResourceInUse:
            raise PipelineNameInUseException(
                f"A pipeline with the name '{name}' already exists in account '{context.place.account}'"
            ) from None
        tags = {tag["key"]: tag.get("value", "") for tag in request.get("tags") or ()}
        context.store.tag(pipelines.arn_of(name, context), tags)
        starting.start(name, context, starting.Trigger("CreatePipeline", pipelines.caller(context)))
    return {"pipeline": declaration, "tags": request.get("tags") or []}


@handles("DeletePipeline", pipelines.SERVICE)
def delete(request: Request, context: Context) -> Response:
    """With its executions; what runs is given up. A pipeline that is not there is no error, as on AWS."""
    store, name = context.store, request["name"]
    running: list[ActionRow] = []
    with store.transaction():
        if not store.exists(DELIVERY_PIPELINE, name):
            return {}
        for execution in store.find(DELIVERY, parent=name):
            for of in (ActionRow, RuleRow):
                for begun in of.find(store, parent=execution.name):
                    running += [begun] if begun.status == "InProgress" else []
                    store.delete(of.KIND, begun.name)
            for stage in store.find(DELIVERY_STAGE, parent=execution.name):
                store.delete(DELIVERY_STAGE, stage.name)
            store.delete(DELIVERY, execution.name)
        store.delete(DELIVERY_PIPELINE, name)
        store.untag(pipelines.arn_of(name, context))
    for begun in running:
        give_up(begun, context)
    return {}
