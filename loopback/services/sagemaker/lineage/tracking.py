"""What SageMaker makes of lineage by itself: of jobs, of model packages and their approval, and of endpoints.

Source: AWS Developer Guide, Amazon SageMaker-Created Tracking Entities. Each is written in the transaction of its
cause.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from loopback.core.errors import ResourceNotFound
from loopback.core.kinds import ACTION, CONTEXT
from loopback.core.queries import Selection, equals
from loopback.engines.lineage.job_artifacts import IMAGE, MODEL, job_artifacts
from loopback.rows.endpoints import FleetSpec
from loopback.rows.lineage import LineageActionRow, LineageArtifactRow, LineageContextRow
from loopback.rows.models import ModelRow, PackageRow
from loopback.services.registry import Context
from loopback.services.sagemaker.experiments import job_component
from loopback.services.sagemaker.lineage.associations import associate
from loopback.services.sagemaker.lineage.entities import artifact_id
from loopback.services.sagemaker.lineage.vertices import COMPONENT_TYPE

GROUP, ENDPOINT, APPROVAL, DEPLOYMENT = "ModelGroup", "Endpoint", "Approval", "ModelDeployment"
LONGEST_NAME = 120
LONGEST_URI = 2048

Entity = tuple[str, str]  # its ARN, and its type as associations say it


def track_job(kind: str, job: str, request: Mapping[str, Any], model: str, context: Context) -> None:
    """The trial component of a job, what it reads, and what it makes; `model` is a training job's, "" for none."""
    row = job_component(kind, job, context)
    arn = context.place.arn(f"experiment-trial-component/{row.name}")
    component = (arn, row.source.get("SourceType", COMPONENT_TYPE))
    for found in job_artifacts(kind, request, model):
        artifact = _artifact(found.uri, found.type, context)
        if artifact and found.produced:
            _associate(component, artifact, "Produced", context)
        elif artifact:
            _associate(artifact, component, "ContributedTo", context)


def track_group(group: str, at: float, context: Context) -> Entity:
    """The context of a model package group, made where there is none yet."""
    arn = context.place.arn(f"model-package-group/{group}")
    return _newest_context(arn, context) or _new_context(arn, GROUP, group, at, "aws-model-group", context)


def track_package(row: PackageRow, context: Context) -> None:
    """The artifact of a model package, what it is made of, its group, and the approval that it begins with."""
    package = _package(row.name, context)
    for container in (row.request.get("InferenceSpecification") or {}).get("Containers") or ():
        for part in _parts(container, context):
            _associate(part, package, "ContributedTo", context)
    if row.parent:
        _associate(package, track_group(row.parent, row.created, context), "AssociatedWith", context)
    track_approval(row, context)


def track_approval(row: PackageRow, context: Context) -> None:
    """The action that has given a model package its ModelApprovalStatus; nothing where it has none."""
    if status := row.request.get("ModelApprovalStatus"):
        package = _package(row.name, context)
        base = f"{row.name.replace('/', '-')}-{status}"
        action = _action(_package_arn(row.name, context), APPROVAL, base, row.changed, "aws-model-package", context)
        _associate(action, package, "ContributedTo", context)


def track_deployment(
    endpoint: str, arn: str, fleet: FleetSpec, at: float, context: Context, *, is_new: bool = False
) -> None:
    """The context of an endpoint, a new one of a new endpoint, and the action that brings models to it."""
    shown = None if is_new else _newest_context(arn, context)
    shown = shown or _new_context(arn, ENDPOINT, endpoint, at, "aws-endpoint", context)
    action = _action(arn, DEPLOYMENT, endpoint, at, "aws-endpoint", context)
    models = {variant.given["ModelName"] for variant in (*fleet.variants.values(), *fleet.shadows.values())}
    for part in (part for model in sorted(models) for part in _parts_of_model(model, context)):
        _associate(part, action, "ContributedTo", context)
    _associate(action, shown, "AssociatedWith", context)


def _parts_of_model(model: str, context: Context) -> Iterable[Entity]:
    """The packages that a model names, and the images and data of its containers."""
    row = ModelRow.get(context.store, model)
    given = [row.request["PrimaryContainer"]] if "PrimaryContainer" in row.request else row.request["Containers"]
    for container in given:
        if named := container.get("ModelPackageName"):
            yield _package(context.place.name_in(named, "model-package"), context)
    for container in row.containers:
        yield from _parts(container, context)


def _parts(container: Mapping[str, Any], context: Context) -> Iterable[Entity]:
    """The image and the model data of a container."""
    source = ((container.get("ModelDataSource") or {}).get("S3DataSource") or {}).get("S3Uri", "")
    for uri, kind in ((container.get("Image", ""), IMAGE), (container.get("ModelDataUrl") or source, MODEL)):
        if uri and (found := _artifact(uri, kind, context)):
            yield found


def _package_arn(name: str, context: Context) -> str:
    return context.place.arn(f"model-package/{name}")


def _package(name: str, context: Context) -> Entity:
    arn = _package_arn(name, context)
    return _artifact(arn, MODEL, context) or (arn, MODEL)


def _artifact(uri: str, kind: str, context: Context) -> Entity | None:
    """The artifact of a URI, made where there is none yet; None where the URI is longer than an artifact's may be."""
    if len(uri) > LONGEST_URI:
        return None
    source = {"SourceUri": uri}
    name = artifact_id(source)
    arn = context.place.arn(f"artifact/{name}")
    try:
        return arn, LineageArtifactRow.get(context.store, name).artifact_type
    except ResourceNotFound:
        request = {"Source": source, "ArtifactType": kind}
        LineageArtifactRow(request=request, artifact_type=kind, source=source).create(context.store, name)
        return arn, kind


def _newest_context(uri: str, context: Context) -> Entity | None:
    of_source = Selection(CONTEXT, descending=True, equal=(equals("Source.SourceUri", uri),))
    found = LineageContextRow.first(context.store, of_source)
    return (context.place.arn(f"context/{found.name}"), found.context_type) if found else None


def _new_context(uri: str, kind: str, base: str, at: float, suffix: str, context: Context) -> Entity:
    """A new context; the one of the same second where there is one."""
    name = _name(base, at, suffix)
    request = {"ContextName": name, "Source": {"SourceUri": uri, "SourceType": "ARN"}, "ContextType": kind}
    if not context.store.exists(CONTEXT, name):
        LineageContextRow(request=request).create(context.store, name)
    return context.place.arn(f"context/{name}"), kind


def _action(uri: str, kind: str, base: str, at: float, suffix: str, context: Context) -> Entity:
    """A new action; the one of the same second where there is one."""
    name = _name(base, at, suffix)
    request = {"ActionName": name, "Source": {"SourceUri": uri, "SourceType": "ARN"}, "ActionType": kind}
    if not context.store.exists(ACTION, name):
        LineageActionRow(request=request).create(context.store, name)
    return context.place.arn(f"action/{name}"), kind


def _name(base: str, at: float, suffix: str) -> str:
    end = f"-{int(at)}-{suffix}"
    return f"{base[: LONGEST_NAME - len(end)]}{end}"


def _associate(source: Entity, destination: Entity, how: str, context: Context) -> None:
    associate(source[0], destination[0], how, (source[1], destination[1]), context)
