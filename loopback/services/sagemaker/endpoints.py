"""Endpoints: Create, Describe, List, Update and Delete. `loopback.runtimes.endpoints` brings up what is written here.

A row has what answers requests now (`serving`) and what is being brought up (`pending`): see `rows.endpoints`.
"""

import math
import time
import uuid
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from loopback.core.errors import ResourceLimitExceeded, ResourceNotFound, ValidationException
from loopback.core.kinds import ENDPOINT, SCALABLE_TARGET
from loopback.engines.endpoints.guardrails import DeploymentPlan
from loopback.rows.endpoints import EndpointResult, EndpointRow, FleetSpec, Variants, VariantSpec
from loopback.rows.models import ModelRow
from loopback.rows.row import changes, view_of
from loopback.services.listing import Listing, select
from loopback.services.registry import Context, Request, Response, handles
from loopback.services.sagemaker import endpoint_configs, quotas
from loopback.services.sagemaker.deployments import alarms_of, plan_of, require_alarms
from loopback.services.sagemaker.lineage.tracking import track_deployment
from loopback.services.sagemaker.patched_images import warn_of_image
from loopback.services.sagemaker.tags import keep_tags

LISTING = Listing("Endpoints", ENDPOINT)
MOST_INSTANCES = 20  # that this loopback runs for one endpoint


@handles("CreateEndpoint")
def create(request: Request, context: Context) -> Response:
    """Write the endpoint down; its instances come up meanwhile."""
    arn = arn_of(request["EndpointName"], context)
    if context.store.exists(ENDPOINT, key(request["EndpointName"])):
        raise ValidationException(f'Cannot create already existing endpoint "{arn}".')
    pending = _fleet(request["EndpointConfigName"], context)
    config = request.get("DeploymentConfig")
    _plan_deployment(pending, config, context)
    new = EndpointRow(request=request, endpoint=request["EndpointName"], pending=pending, deployment=config)
    with context.store.transaction():
        quotas.require_for_endpoint(pending, _new_instances(pending), context, is_new=True)
        created = new.create(context.store, key(request["EndpointName"])).created
        keep_tags(arn, request, context)
        track_deployment(request["EndpointName"], arn, pending, created, context, is_new=True)
    context.on_change(ENDPOINT.slug, key(request["EndpointName"]))
    return {"EndpointArn": arn}


def _fleet(config_name: str, context: Context) -> FleetSpec:
    config = endpoint_configs.find(config_name, context).request
    variants: Variants = {}
    shadows: Variants = {}
    for variant in (*config["ProductionVariants"], *config.get("ShadowProductionVariants", [])):
        try:
            model = ModelRow.get(context.store, variant["ModelName"])
        except ResourceNotFound:
            arn = context.place.arn(f"model/{variant['ModelName']}")
            raise ValidationException(f'Could not find model "{arn}".') from None
        warn_of_image(model.containers[0].get("Image"), context)
        (variants if variant in config["ProductionVariants"] else shadows)[variant["VariantName"]] = VariantSpec(
            count=_count(variant),
            weight=variant["InitialVariantWeight"],
            container=model.containers[0],
            role=model.role,
            isolated=bool(model.isolated or config.get("EnableNetworkIsolation")),
            given=variant,
        )
    _check_count(variants | shadows)
    return FleetSpec(
        generation=uuid.uuid4().hex[:12],
        config=config_name,
        variants=variants,
        shadows=shadows,
        capture=config.get("DataCaptureConfig"),
        queue=config.get("AsyncInferenceConfig"),
        started=time.time(),
    )


def _count(variant: Mapping[str, Any]) -> int:
    """A serverless variant keeps its ProvisionedConcurrency; more instances come with requests."""
    if "ServerlessConfig" in variant:
        return int(variant["ServerlessConfig"].get("ProvisionedConcurrency", 0))
    return int(variant["InitialInstanceCount"])


def _check_count(variants: Variants) -> None:
    count = sum(variant.count for variant in variants.values())
    if count > MOST_INSTANCES:
        raise ResourceLimitExceeded(
            f"The endpoint would have {count} instances; this loopback runs at most {MOST_INSTANCES} for one"
        )


def _plan_deployment(pending: FleetSpec, config: Mapping[str, Any] | None, context: Context) -> FleetSpec:
    """With the plan of its deployment. Raises ValidationException."""
    plan = plan_of(config, [variant.count for variant in pending.variants.values()])
    require_alarms(alarms_of(config), context)
    status = {
        name: {"Status": "Creating", "StatusMessage": f"Launching {variant.count} instance(s)."}
        for name, variant in pending.variants.items()
    }
    return replace(pending, plan=DeploymentPlan(**plan), status=status)


@handles("UpdateEndpoint")
def update(request: Request, context: Context) -> Response:
    """Bring up another configuration beside the one that serves; it takes over when every instance answers."""
    row, serving = _ready(request["EndpointName"], context)
    endpoint_configs.find(serving.config, context)  # AWS refuses where what it runs was deleted
    config = request.get("DeploymentConfig")
    if request.get("RetainDeploymentConfig"):
        if config:
            raise ValidationException("RetainDeploymentConfig reuses the last DeploymentConfig; give one of them")
        config = row.deployment
    excluded = [entry["VariantPropertyType"] for entry in request.get("ExcludeRetainedVariantProperties", [])]
    if "DataCaptureConfig" in excluded:
        raise ValidationException("loopback does not carry out ExcludeRetainedVariantProperties DataCaptureConfig")
    pending = _fleet(request["EndpointConfigName"], context)
    _check_serverless(pending, serving, config)
    _check_names(pending, serving, config)
    _check_scaled(row.name, serving, pending, context)
    if request.get("RetainAllVariantProperties"):
        pending = retain(pending, serving, excluded)
        _check_count(pending.variants)
    kept = changes(EndpointResult, deployment=config) if config else {}
    pending = _plan_deployment(pending, config, context)
    return _begin(row, pending, _new_instances(pending), context, kept)


def _moves_in_steps(config: Mapping[str, Any] | None) -> bool:
    """Whether a DeploymentConfig is a canary, linear or rolling one."""
    routing = ((config or {}).get("BlueGreenUpdatePolicy") or {}).get("TrafficRoutingConfiguration") or {}
    return bool((config or {}).get("RollingUpdatePolicy")) or routing.get("Type", "ALL_AT_ONCE") != "ALL_AT_ONCE"


def _check_names(pending: FleetSpec, serving: FleetSpec, config: Mapping[str, Any] | None) -> None:
    """AWS's deployment-guardrails-exclusions: traffic moves step by step between variants of the same names only."""
    if _moves_in_steps(config) and set(pending.variants) != set(serving.variants):
        raise ValidationException(
            "A blue/green or rolling deployment needs the same variant names in the old and the new endpoint "
            f"configuration, found {', '.join(serving.variants)} and {', '.join(pending.variants)}"
        )


def _check_scaled(endpoint: str, serving: FleetSpec, pending: FleetSpec, context: Context) -> None:
    """AWS's endpoint-scaling-update: what is scaled keeps its instance type, and stays, until it is deregistered."""
    scaled = {target.name.lower() for target in context.store.find(SCALABLE_TARGET)}
    for name, variant in serving.variants.items():
        if f"endpoint/{endpoint}/variant/{name}".lower() not in scaled:
            continue
        before = variant.given.get("InstanceType")
        after = pending.variants[name].given.get("InstanceType", "none") if name in pending.variants else "none"
        if before != after:
            raise ValidationException(
                f"Variant {name} is a target for auto scaling: deregister it before its instance type changes "
                f"or it is removed ({before} to {after})"
            )


def _check_serverless(pending: FleetSpec, serving: FleetSpec, config: Mapping[str, Any] | None) -> None:
    """What AWS refuses of serverless variants. Raises ValidationException."""
    new, old = (any(variant.serverless for variant in fleet.variants.values()) for fleet in (pending, serving))
    if new and not old:
        raise ValidationException("An endpoint with instances cannot become serverless; create another endpoint")
    if new and _moves_in_steps(config):
        raise ValidationException("Traffic to a serverless endpoint shifts all at once: it has no instances to count")


def retain(pending: FleetSpec, serving: FleetSpec, excluded: list[str]) -> FleetSpec:
    """Give variants that keep their name the instance count and the weight that they have now."""
    variants = dict(pending.variants)
    for name in variants.keys() & serving.variants.keys():
        now = serving.variants[name]
        if "DesiredInstanceCount" not in excluded:
            variants[name] = replace(variants[name], count=now.count)
        if "DesiredWeight" not in excluded:
            variants[name] = replace(variants[name], weight=now.weight)
    return replace(pending, variants=variants)


@handles("UpdateEndpointWeightsAndCapacities")
def update_weights(request: Request, context: Context) -> Response:
    """Change weights and instance counts of what serves; no other instance is touched."""
    row, serving = _ready(request["EndpointName"], context)
    variants = dict(serving.variants)
    for wanted in request["DesiredWeightsAndCapacities"]:
        name = wanted["VariantName"]
        if name not in variants:
            raise ValidationException(f'Variant "{name}" does not exist in endpoint "{arn_of(row.name, context)}".')
        if wanted.get("ServerlessUpdateConfig"):
            raise ValidationException("loopback does not carry out ServerlessUpdateConfig")
        if variants[name].serverless and "DesiredInstanceCount" in wanted:
            raise ValidationException(f"Variant {name} is serverless: it has no DesiredInstanceCount")
        if wanted.get("DesiredInstanceCount", 1) < (0 if serving.queue else 1):
            raise ValidationException(f"DesiredInstanceCount of variant {name} must be at least 1")
        now = variants[name]
        weight, count = wanted.get("DesiredWeight", now.weight), wanted.get("DesiredInstanceCount", now.count)
        variants[name] = replace(now, weight=weight, count=count)
    if sum(variant.weight for variant in variants.values()) <= 0:
        raise ValidationException("The weights of all variants would be 0; at least one must be above 0")
    _check_count(variants)
    more = {name: max(0, variant.count - serving.variants[name].count) for name, variant in variants.items()}
    return _begin(row, replace(serving, variants=variants, started=time.time()), more, context)


def _new_instances(pending: FleetSpec) -> dict[str, int]:
    """What a fleet needs beside the one that serves: all of it, or a rolling deployment's first batch."""
    plan = pending.plan
    share = plan.shares[0] if plan and plan.rolling else 1.0
    return {name: math.ceil(variant.count * share) for name, variant in (pending.variants | pending.shadows).items()}


def _begin(
    row: EndpointRow,
    pending: FleetSpec,
    new: Mapping[str, int],
    context: Context,
    more: Mapping[str, Any] | None = None,
) -> Response:
    """Let the row change; `new` has how many instances each variant needs more."""
    begun = changes(EndpointResult, pending=pending, failure_reason=None)
    with context.store.transaction():
        quotas.require_for_endpoint(pending, new, context)
        EndpointRow.fire(context.store, row.name, "update", {**begun, **(more or {})})
        if row.serving is None or pending.generation != row.serving.generation:
            track_deployment(row.endpoint, arn_of(row.name, context), pending, pending.started, context)
    context.on_change(ENDPOINT.slug, row.name)
    return {"EndpointArn": arn_of(row.name, context)}


@handles("DeleteEndpoint")
def delete(request: Request, context: Context) -> Response:
    """Stop answering, end the instances, then forget the endpoint."""
    row = _find(request["EndpointName"], context)
    if row.status not in ("InService", "Failed"):
        raise ValidationException(f'Cannot update in-progress endpoint "{arn_of(row.name, context)}".')
    context.store.fire(ENDPOINT, row.name, "delete")
    context.on_change(ENDPOINT.slug, row.name)
    return {}


@handles("DescribeEndpoint")
def describe(request: Request, context: Context) -> Response:
    """The endpoint as it stands."""
    return view(_find(request["EndpointName"], context), context)


@handles("ListEndpoints")
def list_endpoints(request: Request, context: Context) -> Response:
    """A page of endpoints."""
    return select(request, context, LISTING, view_of(EndpointRow, view))


def view(row: EndpointRow, context: Context) -> Response:
    """The endpoint as Describe shows it."""
    serving, pending = row.serving, row.pending
    first = serving or pending
    shown: dict[str, Any] = {
        "EndpointName": row.endpoint,
        "EndpointArn": arn_of(row.name, context),
        "EndpointConfigName": first.config if first else None,
        "EndpointStatus": row.status,
        "FailureReason": row.failure_reason,
        "CreationTime": row.created,
        "LastModifiedTime": row.changed,
        "LastDeploymentConfig": row.deployment,
    }
    deploying = bool(pending and serving and pending.generation != serving.generation)
    if serving:
        desired = pending if pending and not deploying else serving
        now = pending.now.blue if pending and deploying else {}
        shown["ProductionVariants"] = _variants(serving.variants, desired.variants, now)
        if serving.shadows:
            shown["ShadowProductionVariants"] = _variants(serving.shadows, serving.shadows, {})
        shown["DataCaptureConfig"] = _capture(serving.capture)
        shown["AsyncInferenceConfig"] = serving.queue
    if pending and row.status in ("Updating", "RollingBack"):
        shown["PendingDeploymentSummary"] = _summary(pending)
    return shown


def _summary(pending: FleetSpec) -> dict[str, Any]:
    """A deployment that is going on."""
    summary: dict[str, Any] = {"EndpointConfigName": pending.config, "StartTime": pending.started}
    members = {"ProductionVariants": pending.variants, "ShadowProductionVariants": pending.shadows}
    for member, variants in members.items():
        if not variants:
            continue
        entries = _variants(variants, variants, dict.fromkeys(variants, 0) | pending.now.green)
        for entry in entries:
            given = variants[entry["VariantName"]].given
            if "InstanceType" in given:
                entry["InstanceType"] = given["InstanceType"]
            if status := pending.status.get(entry["VariantName"]):
                entry["VariantStatus"] = [{"StartTime": pending.started} | status]
        summary[member] = entries
    return summary


def _variants(current: Variants, desired: Variants, now: Mapping[str, int]) -> list[dict[str, Any]]:
    shown = []
    for name, variant in current.items():
        image = variant.container["Image"]
        wanted, given = desired.get(name, variant), variant.given
        images = [{"SpecifiedImage": image, "ResolvedImage": image}]
        entry: dict[str, Any] = {"VariantName": name, "DeployedImages": images}
        entry |= {"DesiredWeight": wanted.weight, "CurrentWeight": variant.weight}
        if variant.serverless:
            entry |= {f"{when}ServerlessConfig": given["ServerlessConfig"] for when in ("Current", "Desired")}
        else:
            entry |= {
                "DesiredInstanceCount": wanted.count,
                "CurrentInstanceCount": now.get(name, variant.count),
            }
        if "RoutingConfig" in given:
            entry["RoutingConfig"] = given["RoutingConfig"]
        shown.append(entry)
    return shown


def _capture(config: Mapping[str, Any] | None) -> dict[str, Any] | None:
    if config is None:
        return None
    enabled = config.get("EnableCapture", True)
    return {
        "EnableCapture": enabled,
        "CaptureStatus": "Started" if enabled else "Stopped",
        "CurrentSamplingPercentage": config["InitialSamplingPercentage"],
        "DestinationS3Uri": config["DestinationS3Uri"],
        "KmsKeyId": config.get("KmsKeyId", ""),
    }


def arn_of(name: str, context: Context) -> str:
    """AWS writes endpoint names in lower case in ARNs."""
    return context.place.arn(f"endpoint/{key(name)}")


def key(name: str) -> str:
    """Endpoint names are the same without regard to case."""
    return name.lower()


def _find(name: str, context: Context) -> EndpointRow:
    try:
        return EndpointRow.get(context.store, key(name))
    except ResourceNotFound:
        raise ValidationException(f'Could not find endpoint "{arn_of(name, context)}".') from None


def _ready(name: str, context: Context) -> tuple[EndpointRow, FleetSpec]:
    """An endpoint that may be changed, and what serves there."""
    row = _find(name, context)
    if row.status != "InService" or row.serving is None:
        raise ValidationException(f'Cannot update in-progress endpoint "{arn_of(name, context)}".')
    return row, row.serving
