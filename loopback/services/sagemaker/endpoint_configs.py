"""Endpoint configurations: CreateEndpointConfig and its family. What loopback does not carry out is refused here."""

from collections.abc import Iterator, Mapping
from typing import Any

from loopback.core.errors import ResourceNotFound, ValidationException
from loopback.core.kinds import ENDPOINT_CONFIG
from loopback.core.objects import split_uri
from loopback.rows.endpoints import EndpointConfigRow
from loopback.rows.models import ModelRow
from loopback.rows.row import view_of
from loopback.services.listing import Listing, select
from loopback.services.registry import Context, Request, Response, handles
from loopback.services.sagemaker.tags import keep_tags

LISTING = Listing("EndpointConfigs", ENDPOINT_CONFIG)
REFUSED = (
    "ExplainerConfig",
    "MetricsConfig",
    "CrossRegionTrafficConfig",
)
REFUSED_OF_VARIANT = (
    "InstancePools",
    "VariantInstanceProvisionTimeoutInSeconds",
    "AcceleratorType",
    "CoreDumpConfig",
    "EnableSSMAccess",
    "ManagedInstanceScaling",
    "CapacityReservationConfig",
    "AcceleratorPartitionLayouts",
)
REFUSED_OF_CONTAINER = ("AdditionalModelDataSources", "ContainerMetricsConfig", "MultiModelConfig")
ROUTED = ("RANDOM", "LEAST_OUTSTANDING_REQUESTS")
MEMBERS = ("ProductionVariants", "ShadowProductionVariants")
VARIANT_DEFAULTS = {"InitialVariantWeight": 1.0, "VolumeSizeInGB": 4}


@handles("CreateEndpointConfig")
def create(request: Request, context: Context) -> Response:
    """Check that every variant can be brought up here, and write the configuration down; it never changes."""
    name = request["EndpointConfigName"]
    arn = _arn(name, context)
    if context.store.exists(ENDPOINT_CONFIG, name):
        raise ValidationException(f'Cannot create already existing endpoint configuration "{arn}".')
    if refused := list(refusals(request)):
        raise ValidationException("loopback does not carry out " + "; ".join(refused))
    shadows = request.get("ShadowProductionVariants", [])
    _check_variants(request["ProductionVariants"], shadows)
    _check_kinds(request, shadows)
    for variant in (*request["ProductionVariants"], *shadows):
        _check_model(variant["ModelName"], context)
    if "DataCaptureConfig" in request:
        split_uri(request["DataCaptureConfig"]["DestinationS3Uri"])
    kept = {
        member: [_defaults(variant) | variant for variant in request[member]] for member in MEMBERS if member in request
    }
    with context.store.transaction():
        EndpointConfigRow(request=request | kept).create(context.store, name)
        keep_tags(arn, request, context)
    return {"EndpointConfigArn": arn}


def refusals(request: Mapping[str, Any]) -> Iterator[str]:
    """The members of a CreateEndpointConfig request that loopback would otherwise have to ignore."""
    yield from (name for name in REFUSED if request.get(name))
    members = [(member, index, variant) for member in MEMBERS for index, variant in enumerate(request.get(member, []))]
    for member, index, variant in members:
        path = f"{member}[{index}]"
        yield from (f"{path}.{name}" for name in REFUSED_OF_VARIANT if variant.get(name))
        strategy = (variant.get("RoutingConfig") or {}).get("RoutingStrategy", ROUTED[0])
        if strategy not in ROUTED:
            yield f"{path}.RoutingConfig.RoutingStrategy {strategy}"
        if not variant.get("ModelName"):
            yield f"{path} without ModelName (inference components)"


def _defaults(variant: Mapping[str, Any]) -> dict[str, Any]:
    return {"InitialVariantWeight": 1.0} if "ServerlessConfig" in variant else VARIANT_DEFAULTS


def _check_variants(variants: list[dict[str, Any]], shadows: list[dict[str, Any]]) -> None:
    names = [variant["VariantName"] for variant in (*variants, *shadows)]
    if len(set(names)) < len(names):
        raise ValidationException(f"Variant names must be unique; found {', '.join(names)}")
    for variant in (*variants, *shadows):
        serverless = "ServerlessConfig" in variant
        for member in ("InstanceType", "InitialInstanceCount"):
            if (member in variant) == serverless:
                verb = "has ServerlessConfig, and cannot have" if serverless else "needs"
                raise ValidationException(f"ProductionVariant {variant['VariantName']} {verb} {member}")
        if serverless:
            _check_serverless(variant)
    if sum(variant.get("InitialVariantWeight", 1.0) for variant in variants) <= 0:
        raise ValidationException("At least one ProductionVariant needs an InitialVariantWeight above 0")


def _check_serverless(variant: Mapping[str, Any]) -> None:
    config, name = variant["ServerlessConfig"], variant["VariantName"]
    if config["MemorySizeInMB"] % 1024:
        raise ValidationException(f"MemorySizeInMB of variant {name} must be a multiple of 1024")
    if config.get("ProvisionedConcurrency", 0) > config["MaxConcurrency"]:
        raise ValidationException(f"ProvisionedConcurrency of variant {name} is above its MaxConcurrency")


def _check_kinds(request: Mapping[str, Any], shadows: list[dict[str, Any]]) -> None:
    """What cannot be combined on AWS, and where an asynchronous endpoint writes."""
    variants = request["ProductionVariants"]
    serverless = any("ServerlessConfig" in variant for variant in (*variants, *shadows))
    if shadows and (len(variants), len(shadows)) != (1, 1):
        raise ValidationException("ShadowProductionVariants needs exactly one production and one shadow variant")
    if serverless and (shadows or len(variants) > 1 or "DataCaptureConfig" in request):
        raise ValidationException("A serverless endpoint has one variant, no shadow variant and no DataCaptureConfig")
    if "AsyncInferenceConfig" not in request:
        return
    if serverless or shadows or len(variants) > 1 or "DataCaptureConfig" in request:
        raise ValidationException("An asynchronous endpoint has one variant with instances, and no DataCaptureConfig")
    output = request["AsyncInferenceConfig"]["OutputConfig"]
    if "S3OutputPath" not in output:
        raise ValidationException("AsyncInferenceConfig.OutputConfig needs S3OutputPath")
    for member in ("S3OutputPath", "S3FailurePath"):
        if member in output:
            split_uri(output[member])


def _check_model(name: str, context: Context) -> None:
    try:
        model = ModelRow.get(context.store, name)
    except ResourceNotFound:
        raise ValidationException(f'Could not find model "{context.place.arn(f"model/{name}")}".') from None
    containers = model.containers
    if len(containers) != 1:
        raise ValidationException(
            f"loopback does not carry out inference pipelines: the model {name} has {len(containers)} containers"
        )
    refused = [member for member in REFUSED_OF_CONTAINER if containers[0].get(member)]
    if containers[0].get("Mode") == "MultiModel":
        refused.insert(0, "Mode MultiModel")
    if refused:
        raise ValidationException(f"loopback does not carry out {', '.join(refused)}, which the model {name} has")


@handles("DescribeEndpointConfig")
def describe(request: Request, context: Context) -> Response:
    """The configuration as it was created."""
    return view(find(request["EndpointConfigName"], context), context)


@handles("ListEndpointConfigs")
def list_configs(request: Request, context: Context) -> Response:
    """A page of configurations."""
    return select(request, context, LISTING, view_of(EndpointConfigRow, view))


@handles("DeleteEndpointConfig")
def delete(request: Request, context: Context) -> Response:
    """Delete the row; endpoints that were made from it go on, as on AWS."""
    name = find(request["EndpointConfigName"], context).name
    with context.store.transaction():
        context.store.delete(ENDPOINT_CONFIG, name)
        context.store.untag(_arn(name, context))
    return {}


def view(row: EndpointConfigRow, context: Context) -> Response:
    """The configuration as Describe shows it."""
    return row.request | {"EndpointConfigArn": _arn(row.name, context), "CreationTime": row.created}


def find(name: str, context: Context) -> EndpointConfigRow:
    """Raises ValidationException, in AWS's words."""
    try:
        return EndpointConfigRow.get(context.store, name)
    except ResourceNotFound:
        raise ValidationException(f'Could not find endpoint configuration "{_arn(name, context)}".') from None


def _arn(name: str, context: Context) -> str:
    return context.place.arn(f"endpoint-config/{name}")
