"""Endpoints: Create, Describe, List, Update and Delete. `loopback.runtimes.endpoints` brings up what is written here.

A row's `result` has `serving` (what answers requests now) and `pending` (what is being brought up), each
`{"generation", "config", "variants": {name: {"count", "weight"}}}`. The configuration and the models are copied
into them, because both may be deleted while the endpoint goes on. During a deployment `pending` also has its `plan`,
and what the deployer writes: its `progress`, the `status` of variants, and how many instances there are `now`.
"""

import time
import uuid
from collections.abc import Mapping
from typing import Any

from loopback.core.errors import ResourceLimitExceeded, ResourceNotFound, ValidationException
from loopback.core.kinds import ENDPOINT, MODEL, SCALABLE_TARGET
from loopback.core.store import Resource
from loopback.services.listing import Listing, select
from loopback.services.registry import Context, Request, Response, handles
from loopback.services.sagemaker import endpoint_configs
from loopback.services.sagemaker.deployments import alarms_of, plan_of, require_alarms
from loopback.services.sagemaker.tags import keep_tags

LISTING = Listing("Endpoints", ENDPOINT)
MOST_INSTANCES = 20  # AWS's quota for one endpoint
Fleet = dict[str, Any]


@handles("CreateEndpoint")
def create(request: Request, context: Context) -> Response:
    """Write the endpoint down; its instances come up meanwhile."""
    arn = arn_of(request["EndpointName"], context)
    if context.store.exists(ENDPOINT, _key(request["EndpointName"])):
        raise ValidationException(f'Cannot create already existing endpoint "{arn}".')
    pending = _fleet(request["EndpointConfigName"], context)
    _planned(pending, request.get("DeploymentConfig"), context)
    result = {"pending": pending, "deployment": request.get("DeploymentConfig")}
    with context.store.transaction():
        context.store.create(ENDPOINT, _key(request["EndpointName"]), request, result=result)
        keep_tags(arn, request, context)
    context.changed(ENDPOINT.slug, _key(request["EndpointName"]))
    return {"EndpointArn": arn}


def _fleet(config_name: str, context: Context) -> Fleet:
    config = endpoint_configs.find(config_name, context).doc
    variants: Fleet = {}
    shadows: Fleet = {}
    for variant in (*config["ProductionVariants"], *config.get("ShadowProductionVariants", [])):
        try:
            model = context.store.get(MODEL, variant["ModelName"])
        except ResourceNotFound:
            arn = context.place.arn(f"model/{variant['ModelName']}")
            raise ValidationException(f'Could not find model "{arn}".') from None
        (variants if variant in config["ProductionVariants"] else shadows)[variant["VariantName"]] = {
            "count": _count(variant),
            "weight": variant["InitialVariantWeight"],
            "container": model.result["containers"][0],
            "role": model.doc.get("ExecutionRoleArn", ""),
            "isolated": bool(model.doc.get("EnableNetworkIsolation") or config.get("EnableNetworkIsolation")),
            "given": variant,
        }
    _check_count(variants | shadows)
    return {
        "generation": uuid.uuid4().hex[:12],
        "config": config_name,
        "variants": variants,
        "shadows": shadows,
        "capture": config.get("DataCaptureConfig"),
        "queue": config.get("AsyncInferenceConfig"),
        "started": time.time(),
    }


def _count(variant: Mapping[str, Any]) -> int:
    """A serverless variant keeps its ProvisionedConcurrency; more instances come with requests."""
    if "ServerlessConfig" in variant:
        return int(variant["ServerlessConfig"].get("ProvisionedConcurrency", 0))
    return int(variant["InitialInstanceCount"])


def _check_count(variants: Mapping[str, Any]) -> None:
    count = sum(variant["count"] for variant in variants.values())
    if count > MOST_INSTANCES:
        raise ResourceLimitExceeded(
            f"The endpoint would have {count} instances; this loopback runs at most {MOST_INSTANCES} for one"
        )


def _planned(pending: Fleet, config: Mapping[str, Any] | None, context: Context) -> Fleet:
    """With the plan of its deployment. Raises ValidationException."""
    plan = plan_of(config, [variant["count"] for variant in pending["variants"].values()])
    require_alarms(alarms_of(config), context)
    status = {
        name: {"Status": "Creating", "StatusMessage": f"Launching {variant['count']} instance(s)."}
        for name, variant in pending["variants"].items()
    }
    return pending | {"plan": plan, "status": status}


@handles("UpdateEndpoint")
def update(request: Request, context: Context) -> Response:
    """Bring up another configuration beside the one that serves; it takes over when every instance answers."""
    row = _ready(request["EndpointName"], context)
    endpoint_configs.find(row.result["serving"]["config"], context)  # AWS refuses where what it runs was deleted
    config = request.get("DeploymentConfig")
    if request.get("RetainDeploymentConfig"):
        if config:
            raise ValidationException("RetainDeploymentConfig reuses the last DeploymentConfig; give one of them")
        config = row.result.get("deployment")
    excluded = [entry["VariantPropertyType"] for entry in request.get("ExcludeRetainedVariantProperties", [])]
    if "DataCaptureConfig" in excluded:
        raise ValidationException("loopback does not carry out ExcludeRetainedVariantProperties DataCaptureConfig")
    pending = _fleet(request["EndpointConfigName"], context)
    _check_serverless(pending, row.result["serving"], config)
    _check_names(pending, row.result["serving"], config)
    _check_scaled(row, pending, context)
    if request.get("RetainAllVariantProperties"):
        retain(pending, row.result["serving"], excluded)
        _check_count(pending["variants"])
    return _begin(row, _planned(pending, config, context), context, {"deployment": config} if config else {})


def _moves_in_steps(config: Mapping[str, Any] | None) -> bool:
    """Whether a DeploymentConfig is a canary, linear or rolling one."""
    routing = ((config or {}).get("BlueGreenUpdatePolicy") or {}).get("TrafficRoutingConfiguration") or {}
    return bool((config or {}).get("RollingUpdatePolicy")) or routing.get("Type", "ALL_AT_ONCE") != "ALL_AT_ONCE"


def _check_names(pending: Fleet, serving: Mapping[str, Any], config: Mapping[str, Any] | None) -> None:
    """AWS's deployment-guardrails-exclusions: traffic moves step by step between variants of the same names only."""
    if _moves_in_steps(config) and set(pending["variants"]) != set(serving["variants"]):
        raise ValidationException(
            "A blue/green or rolling deployment needs the same variant names in the old and the new endpoint "
            f"configuration, found {', '.join(serving['variants'])} and {', '.join(pending['variants'])}"
        )


def _check_scaled(row: Resource, pending: Fleet, context: Context) -> None:
    """AWS's endpoint-scaling-update: what is scaled keeps its instance type, and stays, until it is deregistered."""
    scaled = {target.name.lower() for target in context.store.find(SCALABLE_TARGET)}
    for name, variant in row.result["serving"]["variants"].items():
        if f"endpoint/{row.name}/variant/{name}".lower() not in scaled:
            continue
        before = variant["given"].get("InstanceType")
        after = pending["variants"].get(name, {"given": {}})["given"].get("InstanceType", "none")
        if before != after:
            raise ValidationException(
                f"Variant {name} is a target for auto scaling: deregister it before its instance type changes "
                f"or it is removed ({before} to {after})"
            )


def _check_serverless(pending: Fleet, serving: Mapping[str, Any], config: Mapping[str, Any] | None) -> None:
    """What AWS refuses of serverless variants. Raises ValidationException."""
    new, old = (
        any("ServerlessConfig" in variant["given"] for variant in fleet["variants"].values())
        for fleet in (pending, serving)
    )
    if new and not old:
        raise ValidationException("An endpoint with instances cannot become serverless; create another endpoint")
    if new and _moves_in_steps(config):
        raise ValidationException("Traffic to a serverless endpoint shifts all at once: it has no instances to count")


def retain(pending: Fleet, serving: Mapping[str, Any], excluded: list[str]) -> None:
    """Give variants that keep their name the instance count and the weight that they have now."""
    properties = {"DesiredInstanceCount": "count", "DesiredWeight": "weight"}
    kept = [key for name, key in properties.items() if name not in excluded]
    for name, variant in pending["variants"].items():
        if name in serving["variants"]:
            variant.update({key: serving["variants"][name][key] for key in kept})


@handles("UpdateEndpointWeightsAndCapacities")
def update_weights(request: Request, context: Context) -> Response:
    """Change weights and instance counts of what serves; no other instance is touched."""
    row = _ready(request["EndpointName"], context)
    serving = row.result["serving"]
    variants = dict(serving["variants"])
    for wanted in request["DesiredWeightsAndCapacities"]:
        name = wanted["VariantName"]
        if name not in variants:
            raise ValidationException(f'Variant "{name}" does not exist in endpoint "{arn_of(row.name, context)}".')
        if wanted.get("ServerlessUpdateConfig"):
            raise ValidationException("loopback does not carry out ServerlessUpdateConfig")
        if "ServerlessConfig" in variants[name]["given"] and "DesiredInstanceCount" in wanted:
            raise ValidationException(f"Variant {name} is serverless: it has no DesiredInstanceCount")
        if wanted.get("DesiredInstanceCount", 1) < (0 if serving["queue"] else 1):
            raise ValidationException(f"DesiredInstanceCount of variant {name} must be at least 1")
        given = {"weight": wanted.get("DesiredWeight"), "count": wanted.get("DesiredInstanceCount")}
        variants[name] = variants[name] | {key: value for key, value in given.items() if value is not None}
    if sum(variant["weight"] for variant in variants.values()) <= 0:
        raise ValidationException("The weights of all variants would be 0; at least one must be above 0")
    _check_count(variants)
    return _begin(row, serving | {"variants": variants, "started": time.time()}, context)


def _begin(row: Resource, pending: Fleet, context: Context, more: Mapping[str, Any] | None = None) -> Response:
    context.store.fire(ENDPOINT, row.name, "update", {"pending": pending, "FailureReason": None, **(more or {})})
    context.changed(ENDPOINT.slug, row.name)
    return {"EndpointArn": arn_of(row.name, context)}


@handles("DeleteEndpoint")
def delete(request: Request, context: Context) -> Response:
    """Stop answering, end the instances, then forget the endpoint."""
    row = _find(request["EndpointName"], context)
    if row.status not in ("InService", "Failed"):
        raise ValidationException(f'Cannot update in-progress endpoint "{arn_of(row.name, context)}".')
    context.store.fire(ENDPOINT, row.name, "delete")
    context.changed(ENDPOINT.slug, row.name)
    return {}


@handles("DescribeEndpoint")
def describe(request: Request, context: Context) -> Response:
    """The endpoint as it stands."""
    return view(_find(request["EndpointName"], context), context)


@handles("ListEndpoints")
def list_endpoints(request: Request, context: Context) -> Response:
    """A page of endpoints."""
    return select(request, context, LISTING, view)


def view(row: Resource, context: Context) -> Response:
    """The endpoint as Describe shows it."""
    serving, pending = row.result.get("serving"), row.result.get("pending")
    shown = {
        "EndpointName": row.doc["EndpointName"],
        "EndpointArn": arn_of(row.name, context),
        "EndpointConfigName": (serving or pending or {}).get("config"),
        "EndpointStatus": row.status,
        "FailureReason": row.result.get("FailureReason"),
        "CreationTime": row.created,
        "LastModifiedTime": row.changed,
        "LastDeploymentConfig": row.result.get("deployment"),
    }
    deploying = bool(pending and serving and pending["generation"] != serving["generation"])
    if serving:
        desired = pending if pending and not deploying else serving
        now = pending.get("now", {}).get("blue") if pending and deploying else None
        shown["ProductionVariants"] = _variants(serving["variants"], desired["variants"], now)
        if serving["shadows"]:
            shown["ShadowProductionVariants"] = _variants(serving["shadows"], serving["shadows"], None)
        shown["DataCaptureConfig"] = _capture(serving["capture"])
        shown["AsyncInferenceConfig"] = serving["queue"]
    if pending and row.status in ("Updating", "RollingBack"):
        shown["PendingDeploymentSummary"] = _summary(pending)
    return shown


def _summary(pending: Fleet) -> dict[str, Any]:
    """A deployment that is going on."""
    now = pending.get("now", {}).get("green", {})
    summary = {"EndpointConfigName": pending["config"], "StartTime": pending["started"]}
    for member, key in (("ProductionVariants", "variants"), ("ShadowProductionVariants", "shadows")):
        if not pending[key]:
            continue
        entries = _variants(pending[key], pending[key], dict.fromkeys(pending[key], 0) | now)
        for entry in entries:
            given = pending[key][entry["VariantName"]]["given"]
            if "InstanceType" in given:
                entry["InstanceType"] = given["InstanceType"]
            if status := pending.get("status", {}).get(entry["VariantName"]):
                entry["VariantStatus"] = [{"StartTime": pending["started"]} | status]
        summary[member] = entries
    return summary


def _variants(
    current: Mapping[str, Any], desired: Mapping[str, Any], now: Mapping[str, int] | None
) -> list[dict[str, Any]]:
    shown = []
    for name, variant in current.items():
        image = variant["container"]["Image"]
        wanted, given = desired.get(name, variant), variant["given"]
        images = [{"SpecifiedImage": image, "ResolvedImage": image}]
        entry: dict[str, Any] = {"VariantName": name, "DeployedImages": images}
        entry |= {"DesiredWeight": wanted["weight"], "CurrentWeight": variant["weight"]}
        if "ServerlessConfig" in given:
            entry |= {f"{when}ServerlessConfig": given["ServerlessConfig"] for when in ("Current", "Desired")}
        else:
            entry |= {
                "DesiredInstanceCount": wanted["count"],
                "CurrentInstanceCount": (now or {}).get(name, variant["count"]),
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
    return context.place.arn(f"endpoint/{_key(name)}")


def _key(name: str) -> str:
    """Endpoint names are the same without regard to case."""
    return name.lower()


def _find(name: str, context: Context) -> Resource:
    try:
        return context.store.get(ENDPOINT, _key(name))
    except ResourceNotFound:
        raise ValidationException(f'Could not find endpoint "{arn_of(name, context)}".') from None


def _ready(name: str, context: Context) -> Resource:
    row = _find(name, context)
    if row.status != "InService":
        raise ValidationException(f'Cannot update in-progress endpoint "{arn_of(name, context)}".')
    return row
