"""Endpoints: Create, Describe, List, Update and Delete. `loopback.endpoints` brings up what is written here.

A row's `result` has `serving` (what answers requests now) and `pending` (what is being brought up), each
`{"generation", "config", "variants": {name: {"count", "weight"}}}`. The configuration and the models are copied
into them, because both may be deleted while the endpoint goes on.
"""

import uuid
from collections.abc import Mapping
from typing import Any

from loopback.core.errors import ResourceLimitExceeded, ResourceNotFound, ValidationException
from loopback.core.kinds import ENDPOINT, MODEL
from loopback.core.store import Resource
from loopback.services.listing import Listing, select
from loopback.services.registry import Context, Request, Response, handles
from loopback.services.sagemaker import endpoint_configs
from loopback.services.sagemaker.tags import keep_tags

LISTING = Listing("Endpoints", "EndpointName", "EndpointStatus")
MOST_INSTANCES = 20  # AWS's quota for one endpoint
Fleet = dict[str, Any]


@handles("CreateEndpoint")
def create(request: Request, context: Context) -> Response:
    """Write the endpoint down; its instances come up meanwhile."""
    arn = arn_of(request["EndpointName"], context)
    if context.store.exists(ENDPOINT, _key(request["EndpointName"])):
        raise ValidationException(f'Cannot create already existing endpoint "{arn}".')
    _check_deployment(request)
    pending = _fleet(request["EndpointConfigName"], context)
    with context.store.transaction():
        context.store.create(ENDPOINT, _key(request["EndpointName"]), request, result={"pending": pending})
        keep_tags(arn, request, context)
    context.changed(ENDPOINT.slug, _key(request["EndpointName"]))
    return {"EndpointArn": arn}


def _fleet(config_name: str, context: Context) -> Fleet:
    config = endpoint_configs.find(config_name, context).doc
    variants = {}
    for variant in config["ProductionVariants"]:
        try:
            model = context.store.get(MODEL, variant["ModelName"])
        except ResourceNotFound:
            arn = context.place.arn(f"model/{variant['ModelName']}")
            raise ValidationException(f'Could not find model "{arn}".') from None
        variants[variant["VariantName"]] = {
            "count": variant["InitialInstanceCount"],
            "weight": variant["InitialVariantWeight"],
            "container": model.result["containers"][0],
            "isolated": bool(model.doc.get("EnableNetworkIsolation") or config.get("EnableNetworkIsolation")),
            "given": variant,
        }
    _check_count(variants)
    return {
        "generation": uuid.uuid4().hex[:12],
        "config": config_name,
        "variants": variants,
        "capture": config.get("DataCaptureConfig"),
        "started": None,
    }


def _check_count(variants: Mapping[str, Any]) -> None:
    count = sum(variant["count"] for variant in variants.values())
    if count > MOST_INSTANCES:
        raise ResourceLimitExceeded(
            f"The endpoint would have {count} instances; this loopback runs at most {MOST_INSTANCES} for one"
        )


def _check_deployment(request: Request) -> None:
    """All at once, without waits and alarms, is what is carried out; anything else is named."""
    config = request.get("DeploymentConfig") or {}
    blue_green = config.get("BlueGreenUpdatePolicy") or {}
    routing = blue_green.get("TrafficRoutingConfiguration") or {}
    wrong = [name for name in ("RollingUpdatePolicy", "AutoRollbackConfiguration") if config.get(name)]
    path = "BlueGreenUpdatePolicy"
    if routing.get("Type", "ALL_AT_ONCE") != "ALL_AT_ONCE":
        wrong.append(f"{path}.TrafficRoutingConfiguration.Type {routing['Type']}")
    if routing.get("WaitIntervalInSeconds"):
        wrong.append(f"{path}.TrafficRoutingConfiguration.WaitIntervalInSeconds above 0")
    if blue_green.get("TerminationWaitInSeconds"):
        wrong.append(f"{path}.TerminationWaitInSeconds above 0")
    if wrong:
        raise ValidationException("loopback does not carry out DeploymentConfig." + ", ".join(wrong))


@handles("UpdateEndpoint")
def update(request: Request, context: Context) -> Response:
    """Bring up another configuration beside the one that serves; it takes over when every instance answers."""
    row = _ready(request["EndpointName"], context)
    _check_deployment(request)
    if request.get("RetainDeploymentConfig"):
        raise ValidationException("loopback does not carry out RetainDeploymentConfig")
    excluded = [entry["VariantPropertyType"] for entry in request.get("ExcludeRetainedVariantProperties", [])]
    if "DataCaptureConfig" in excluded:
        raise ValidationException("loopback does not carry out ExcludeRetainedVariantProperties DataCaptureConfig")
    pending = _fleet(request["EndpointConfigName"], context)
    if request.get("RetainAllVariantProperties"):
        retain(pending, row.result["serving"], excluded)
        _check_count(pending["variants"])
    return _begin(row, pending, context)


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
        if wanted.get("DesiredInstanceCount", 1) < 1:
            raise ValidationException(f"DesiredInstanceCount of variant {name} must be at least 1")
        given = {"weight": wanted.get("DesiredWeight"), "count": wanted.get("DesiredInstanceCount")}
        variants[name] = variants[name] | {key: value for key, value in given.items() if value is not None}
    if sum(variant["weight"] for variant in variants.values()) <= 0:
        raise ValidationException("The weights of all variants would be 0; at least one must be above 0")
    _check_count(variants)
    return _begin(row, serving | {"variants": variants}, context)


def _begin(row: Resource, pending: Fleet, context: Context) -> Response:
    context.store.fire(ENDPOINT, row.name, "update", {"pending": pending, "FailureReason": None})
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
    return select((view(row, context) for row in context.store.find(ENDPOINT)), request, LISTING)


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
        "LastDeploymentConfig": row.doc.get("DeploymentConfig"),
    }
    if serving:
        desired = pending if pending and pending["generation"] == serving["generation"] else serving
        shown["ProductionVariants"] = _variants(serving, desired)
        shown["DataCaptureConfig"] = _capture(serving["capture"])
    if pending and row.status in ("Updating", "RollingBack"):
        shown["PendingDeploymentSummary"] = {
            "EndpointConfigName": pending["config"],
            "ProductionVariants": _variants(None, pending),
            "StartTime": row.changed,
        }
    return shown


def _variants(current: Fleet | None, desired: Fleet) -> list[dict[str, Any]]:
    shown = []
    for name, variant in (current or desired)["variants"].items():
        image = variant["container"]["Image"]
        wanted = desired["variants"].get(name, variant)
        entry = {"VariantName": name, "DeployedImages": [{"SpecifiedImage": image, "ResolvedImage": image}]}
        entry |= {"DesiredWeight": wanted["weight"], "DesiredInstanceCount": wanted["count"]}
        if current:
            entry |= {"CurrentWeight": variant["weight"], "CurrentInstanceCount": variant["count"]}
        else:
            entry |= {"InstanceType": variant["given"]["InstanceType"], "VariantStatus": [{"Status": "Creating"}]}
        if "RoutingConfig" in variant["given"]:
            entry["RoutingConfig"] = variant["given"]["RoutingConfig"]
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
