"""Endpoint operations without processes: what is accepted, refused, shown, and in which state it may be changed."""

from typing import Any

import pytest

from loopback.core.errors import ServiceError, ValidationException
from loopback.core.kinds import ENDPOINT, SCALABLE_TARGET
from loopback.rows.endpoints import FleetSpec, VariantSpec
from loopback.services.announce import announcements
from loopback.services.sagemaker.endpoints import retain

ROLE = "arn:aws:iam::000000000000:role/pipeline"
IMAGE = "683313688378.dkr.ecr.us-east-1.amazonaws.com/sagemaker-xgboost:3.2-0"
VARIANT = {"VariantName": "AllTraffic", "ModelName": "m", "InstanceType": "ml.m5.large", "InitialInstanceCount": 1}
ARN = "arn:aws:sagemaker:us-east-1:000000000000:endpoint/ep"
CAPTURE = {
    "InitialSamplingPercentage": 20,
    "DestinationS3Uri": "s3://bucket/c",
    "CaptureOptions": [{"CaptureMode": "Input"}],
}


@pytest.fixture(autouse=True)
def model(sagemaker: Any, objects: Any) -> None:
    objects.buckets["bucket"]["model.tar.gz"] = b"x"
    container = {"Image": IMAGE, "ModelDataUrl": "s3://bucket/model.tar.gz"}
    sagemaker("CreateModel", ModelName="m", PrimaryContainer=container, ExecutionRoleArn=ROLE)
    sagemaker("CreateModel", ModelName="two", Containers=[container, container], ExecutionRoleArn=ROLE)
    many = container | {"Mode": "MultiModel"}
    sagemaker("CreateModel", ModelName="many", PrimaryContainer=many, ExecutionRoleArn=ROLE)


@pytest.fixture
def configure(sagemaker: Any) -> Any:
    def call(name: str = "c", *variants: dict[str, Any], **more: Any) -> Any:
        wanted = [VARIANT | variant for variant in variants or ({},)]
        return sagemaker("CreateEndpointConfig", EndpointConfigName=name, ProductionVariants=wanted, **more)

    return call


@pytest.fixture
def serve(store: Any) -> Any:
    """What the deployer does when the instances are up."""

    def call(name: str = "ep") -> None:
        pending = store.get(ENDPOINT, name).result["pending"]
        store.fire(ENDPOINT, name, "serve", {"serving": pending, "pending": None})

    return call


@pytest.fixture
def endpoint(sagemaker: Any, configure: Any, serve: Any) -> str:
    configure()
    sagemaker("CreateEndpoint", EndpointName="Ep", EndpointConfigName="c", Tags=[{"Key": "k", "Value": "v"}])
    serve()
    return "Ep"


REFUSALS: list[tuple[dict[str, Any], dict[str, Any], str]] = [
    (
        {"ServerlessConfig": {"MemorySizeInMB": 1024, "MaxConcurrency": 1}},
        {},
        "has ServerlessConfig, and cannot have InstanceType",
    ),
    ({"ManagedInstanceScaling": {"Status": "ENABLED"}}, {}, r"\[0\]\.ManagedInstanceScaling"),
    ({"AcceleratorType": "ml.eia1.medium"}, {}, "AcceleratorType"),
    ({"CoreDumpConfig": {"DestinationS3Uri": "s3://bucket/d"}}, {}, "CoreDumpConfig"),
    ({"EnableSSMAccess": True}, {}, "EnableSSMAccess"),
    ({"RoutingConfig": {"RoutingStrategy": "PREFIX_AWARE"}}, {}, "RoutingStrategy PREFIX_AWARE"),
    ({}, {"AsyncInferenceConfig": {"OutputConfig": {}}}, "AsyncInferenceConfig.OutputConfig needs S3OutputPath"),
    (
        {},
        {
            "AsyncInferenceConfig": {"OutputConfig": {"S3OutputPath": "s3://bucket/o"}},
            "ShadowProductionVariants": [VARIANT | {"VariantName": "s"}],
        },
        "An asynchronous endpoint has one variant",
    ),
    ({}, {"ShadowProductionVariants": [VARIANT]}, "Variant names must be unique"),
    (
        {},
        {"ShadowProductionVariants": [VARIANT | {"VariantName": name} for name in "st"]},
        "exactly one production and one shadow variant",
    ),
    (
        {},
        {"ShadowProductionVariants": [VARIANT | {"VariantName": "s", "EnableSSMAccess": True}]},
        r"ShadowProductionVariants\[0\]\.EnableSSMAccess",
    ),
    (
        {},
        {"CrossRegionTrafficConfig": {"MaxInvocationsPerSecondPerInstance": 1, "MaxCrossRegionPercentPerEndpoint": 1}},
        "CrossRegion",
    ),
    ({"ModelName": "two"}, {}, "inference pipelines: the model two has 2 containers"),
    ({"ModelName": "many"}, {}, "Mode MultiModel, which the model many has"),
    ({"ModelName": "nope"}, {}, 'Could not find model "arn:aws:sagemaker:us-east-1:000000000000:model/nope"'),
    ({"InitialVariantWeight": 0.0}, {}, "needs an InitialVariantWeight above 0"),
    ({}, {"DataCaptureConfig": CAPTURE | {"DestinationS3Uri": "bucket"}}, "dataCaptureConfig.destinationS3Uri"),
]


@pytest.mark.parametrize(("variant", "more", "message"), REFUSALS, ids=lambda value: str(value)[:40])
def test_what_is_not_carried_out_is_refused_by_name(
    configure: Any, variant: dict[str, Any], more: dict[str, Any], message: str
) -> None:
    with pytest.raises(ValidationException, match=message):
        configure("c", variant, **more)


def test_variants_need_what_instances_need(sagemaker: Any, configure: Any) -> None:
    with pytest.raises(ValidationException, match="Variant names must be unique"):
        configure("c", {}, {})
    bare = {"VariantName": "a", "ModelName": "m"}
    with pytest.raises(ValidationException, match="needs InstanceType"):
        sagemaker("CreateEndpointConfig", EndpointConfigName="c", ProductionVariants=[bare])
    with pytest.raises(ValidationException, match="without ModelName"):
        sagemaker("CreateEndpointConfig", EndpointConfigName="c", ProductionVariants=[{"VariantName": "a"}])


def test_a_configuration_is_described_listed_and_deleted(sagemaker: Any, configure: Any) -> None:
    configure("a")
    configure("b", Tags=[{"Key": "k", "Value": "v"}])
    with pytest.raises(ValidationException, match="Cannot create already existing endpoint configuration"):
        configure("a")
    found = sagemaker("DescribeEndpointConfig", EndpointConfigName="b")
    assert found["ProductionVariants"][0]["InitialVariantWeight"] == 1.0
    assert sagemaker("ListTags", ResourceArn=found["EndpointConfigArn"])["Tags"] == [{"Key": "k", "Value": "v"}]
    listed = sagemaker("ListEndpointConfigs", SortBy="Name", SortOrder="Ascending")["EndpointConfigs"]
    assert [config["EndpointConfigName"] for config in listed] == ["a", "b"]
    sagemaker("DeleteEndpointConfig", EndpointConfigName="a")
    with pytest.raises(ValidationException, match='Could not find endpoint configuration "arn:'):
        sagemaker("DescribeEndpointConfig", EndpointConfigName="a")


def test_an_endpoint_from_creation_to_deletion(sagemaker: Any, configure: Any, serve: Any, changes: Any) -> None:
    configure("c", DataCaptureConfig=CAPTURE)
    assert sagemaker("CreateEndpoint", EndpointName="Ep", EndpointConfigName="c") == {"EndpointArn": ARN}
    assert changes[-1] == ("endpoint", "ep")
    shown = sagemaker("DescribeEndpoint", EndpointName="Ep")
    assert (shown["EndpointStatus"], shown["EndpointConfigName"]) == ("Creating", "c")
    with pytest.raises(ValidationException, match="Cannot create already existing endpoint"):
        sagemaker("CreateEndpoint", EndpointName="EP", EndpointConfigName="c")
    for operation, more in (("UpdateEndpoint", {"EndpointConfigName": "c"}), ("DeleteEndpoint", {})):
        with pytest.raises(ValidationException, match=f'Cannot update in-progress endpoint "{ARN}"'):
            sagemaker(operation, EndpointName="ep", **more)
    serve()
    shown = sagemaker("DescribeEndpoint", EndpointName="ep")
    assert (shown["EndpointName"], shown["EndpointStatus"]) == ("Ep", "InService")
    assert shown["DataCaptureConfig"]["CaptureStatus"] == "Started"
    (variant,) = shown["ProductionVariants"]
    assert (variant["CurrentInstanceCount"], variant["DesiredWeight"]) == (1, 1.0)
    sagemaker("DeleteEndpoint", EndpointName="EP")
    assert sagemaker("ListEndpoints", StatusEquals="Deleting")["Endpoints"][0]["EndpointArn"] == ARN


def test_what_is_not_there_is_named(sagemaker: Any) -> None:
    with pytest.raises(ValidationException, match=f'Could not find endpoint "{ARN}"'):
        sagemaker("DescribeEndpoint", EndpointName="ep")
    with pytest.raises(ValidationException, match="Could not find endpoint configuration"):
        sagemaker("CreateEndpoint", EndpointName="ep", EndpointConfigName="none")


def test_more_instances_than_the_quota_allows(sagemaker: Any, configure: Any, endpoint: str) -> None:
    configure("many", {"InitialInstanceCount": 21})
    with pytest.raises(ServiceError, match="would have 21 instances"):
        sagemaker("CreateEndpoint", EndpointName="many", EndpointConfigName="many")
    with pytest.raises(ServiceError, match="would have 21 instances"):
        sagemaker("UpdateEndpoint", EndpointName=endpoint, EndpointConfigName="many")


def test_an_update_shows_what_is_coming(sagemaker: Any, configure: Any, serve: Any, endpoint: str) -> None:
    configure("d", {"InitialInstanceCount": 3})
    sagemaker("UpdateEndpoint", EndpointName=endpoint, EndpointConfigName="d")
    shown = sagemaker("DescribeEndpoint", EndpointName=endpoint)
    assert (shown["EndpointStatus"], shown["EndpointConfigName"]) == ("Updating", "c")
    assert shown["PendingDeploymentSummary"]["ProductionVariants"][0]["DesiredInstanceCount"] == 3
    serve()
    shown = sagemaker("DescribeEndpoint", EndpointName=endpoint)
    assert (shown["EndpointConfigName"], "PendingDeploymentSummary" in shown) == ("d", False)


@pytest.mark.parametrize(
    ("excluded", "expected"),
    [([], (5, 0.5)), (["DesiredInstanceCount"], (1, 0.5)), (["DesiredWeight"], (5, 1.0))],
)
def test_retained_properties(excluded: list[str], expected: tuple[int, float]) -> None:
    new = fleet({"a": (1, 1.0), "new": (2, 1.0)})
    pending = retain(new, fleet({"a": (5, 0.5)}), excluded)
    assert (pending.variants["a"].count, pending.variants["a"].weight) == expected
    assert pending.variants["new"] == new.variants["new"]


def fleet(variants: dict[str, tuple[int, float]]) -> FleetSpec:
    specs = {
        name: VariantSpec(count=count, weight=weight, container={}, given={})
        for name, (count, weight) in variants.items()
    }
    return FleetSpec(generation="g", config="c", variants=specs)


def deployment(*alarms: str) -> dict[str, Any]:
    routing = {"Type": "ALL_AT_ONCE", "WaitIntervalInSeconds": 9}
    guarded = {"AutoRollbackConfiguration": {"Alarms": [{"AlarmName": name} for name in alarms]}} if alarms else {}
    return {"BlueGreenUpdatePolicy": {"TrafficRoutingConfiguration": routing}, **guarded}


def test_a_deployment_is_planned_and_remembered(sagemaker: Any, store: Any, serve: Any, endpoint: str) -> None:
    with pytest.raises(ValidationException, match="Could not find CloudWatch alarms: gone"):
        sagemaker("UpdateEndpoint", EndpointName=endpoint, EndpointConfigName="c", DeploymentConfig=deployment("gone"))
    assert sagemaker("DescribeEndpoint", EndpointName=endpoint)["EndpointStatus"] == "InService"
    sagemaker("UpdateEndpoint", EndpointName=endpoint, EndpointConfigName="c", DeploymentConfig=deployment())
    assert store.get(ENDPOINT, "ep").result["pending"]["plan"]["wait"] == 9
    shown = sagemaker("DescribeEndpoint", EndpointName=endpoint)
    (variant,) = shown["PendingDeploymentSummary"]["ProductionVariants"]
    assert variant["VariantStatus"][0]["StatusMessage"] == "Launching 1 instance(s)."
    with pytest.raises(ValidationException, match="Cannot update in-progress endpoint"):
        sagemaker("UpdateEndpoint", EndpointName=endpoint, EndpointConfigName="c")
    with pytest.raises(ValidationException, match="Cannot update in-progress endpoint"):
        sagemaker("DeleteEndpoint", EndpointName=endpoint)
    serve()
    sagemaker("UpdateEndpoint", EndpointName=endpoint, EndpointConfigName="c", RetainDeploymentConfig=True)
    shown = sagemaker("DescribeEndpoint", EndpointName=endpoint)
    assert shown["LastDeploymentConfig"] == deployment()
    assert store.get(ENDPOINT, "ep").result["pending"]["plan"]["wait"] == 9


def test_traffic_moves_step_by_step_between_the_same_variants_only(
    sagemaker: Any, configure: Any, endpoint: str
) -> None:
    configure("ab", {}, {"VariantName": "Challenger"})
    size = {"Type": "CAPACITY_PERCENT", "Value": 10}
    canary = {"Type": "CANARY", "WaitIntervalInSeconds": 0, "CanarySize": size}
    guarded = {"BlueGreenUpdatePolicy": {"TrafficRoutingConfiguration": canary}}
    with pytest.raises(ValidationException, match=r"same variant names.*found AllTraffic and AllTraffic"):
        sagemaker("UpdateEndpoint", EndpointName=endpoint, EndpointConfigName="ab", DeploymentConfig=guarded)
    sagemaker("UpdateEndpoint", EndpointName=endpoint, EndpointConfigName="ab")


@pytest.mark.parametrize("change", [{"InstanceType": "ml.m5.xlarge"}, {"VariantName": "Other"}])
def test_what_is_scaled_keeps_its_instance_type(
    sagemaker: Any, store: Any, configure: Any, endpoint: str, change: dict[str, str]
) -> None:
    configure("d", change)
    store.create(SCALABLE_TARGET, "endpoint/Ep/variant/AllTraffic", {})
    with pytest.raises(ValidationException, match="Variant AllTraffic is a target for auto scaling: deregister it"):
        sagemaker("UpdateEndpoint", EndpointName=endpoint, EndpointConfigName="d")
    store.delete(SCALABLE_TARGET, "endpoint/Ep/variant/AllTraffic")
    sagemaker("UpdateEndpoint", EndpointName=endpoint, EndpointConfigName="d")


def test_each_step_of_a_deployment_is_told(sagemaker: Any, store: Any, context: Any, endpoint: str) -> None:
    sagemaker("UpdateEndpoint", EndpointName=endpoint, EndpointConfigName="c", DeploymentConfig=deployment())
    event = store.events(0)[-1].seq
    store.amend(ENDPOINT, "ep", "deployment")
    (told,) = [found for one in store.events(event) for found in announcements(one, context)]
    assert told.title == "SageMaker Endpoint Deployment State Change"
    summary = told.detail["PendingDeploymentSummary"]
    assert (told.detail["EndpointStatus"], summary["EndpointConfigName"]) == ("UPDATING", "c")
    (variant,) = summary["ProductionVariants"]
    assert variant["VariantStatus"][0]["Status"] == "Creating"
    assert summary["StartTime"] == variant["VariantStatus"][0]["StartTime"] > 1e12


SERVERLESS = {"VariantName": "a", "ModelName": "m", "ServerlessConfig": {"MemorySizeInMB": 2048, "MaxConcurrency": 5}}


def test_serverless_variants_have_no_instances(sagemaker: Any, serve: Any) -> None:
    sagemaker("CreateEndpointConfig", EndpointConfigName="s", ProductionVariants=[SERVERLESS])
    sagemaker("CreateEndpoint", EndpointName="ep", EndpointConfigName="s")
    serve()
    (variant,) = sagemaker("DescribeEndpoint", EndpointName="ep")["ProductionVariants"]
    assert variant["CurrentServerlessConfig"] == SERVERLESS["ServerlessConfig"]
    assert "CurrentInstanceCount" not in variant
    wanted = [{"VariantName": "a", "DesiredInstanceCount": 2}]
    with pytest.raises(ValidationException, match="Variant a is serverless"):
        sagemaker("UpdateEndpointWeightsAndCapacities", EndpointName="ep", DesiredWeightsAndCapacities=wanted)
    part = {"Type": "CANARY", "WaitIntervalInSeconds": 0, "CanarySize": {"Type": "CAPACITY_PERCENT", "Value": 10}}
    canary = {"BlueGreenUpdatePolicy": {"TrafficRoutingConfiguration": part}}
    with pytest.raises(ValidationException, match="shifts all at once"):
        sagemaker("UpdateEndpoint", EndpointName="ep", EndpointConfigName="s", DeploymentConfig=canary)


def test_instances_do_not_become_serverless(sagemaker: Any, endpoint: str) -> None:
    sagemaker("CreateEndpointConfig", EndpointConfigName="s", ProductionVariants=[SERVERLESS])
    with pytest.raises(ValidationException, match="cannot become serverless"):
        sagemaker("UpdateEndpoint", EndpointName=endpoint, EndpointConfigName="s")


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ({"MemorySizeInMB": 1500, "MaxConcurrency": 5}, "multiple of 1024"),
        ({"MemorySizeInMB": 1024, "MaxConcurrency": 5, "ProvisionedConcurrency": 6}, "above its MaxConcurrency"),
    ],
)
def test_serverless_rules(sagemaker: Any, config: dict[str, int], message: str) -> None:
    variant = SERVERLESS | {"ServerlessConfig": config}
    with pytest.raises(ValidationException, match=message):
        sagemaker("CreateEndpointConfig", EndpointConfigName="s", ProductionVariants=[variant])


def test_a_shadow_and_a_queue_are_shown(sagemaker: Any, configure: Any, serve: Any) -> None:
    queue = {"OutputConfig": {"S3OutputPath": "s3://bucket/o"}}
    configure("q", AsyncInferenceConfig=queue)
    configure("s", ShadowProductionVariants=[VARIANT | {"VariantName": "shadow", "InitialVariantWeight": 0.5}])
    for name in "qs":
        sagemaker("CreateEndpoint", EndpointName=name, EndpointConfigName=name)
        serve(name)
    assert sagemaker("DescribeEndpoint", EndpointName="q")["AsyncInferenceConfig"] == queue
    (shadow,) = sagemaker("DescribeEndpoint", EndpointName="s")["ShadowProductionVariants"]
    assert (shadow["VariantName"], shadow["CurrentWeight"]) == ("shadow", 0.5)
    none = [{"VariantName": "AllTraffic", "DesiredInstanceCount": 0}]
    sagemaker("UpdateEndpointWeightsAndCapacities", EndpointName="q", DesiredWeightsAndCapacities=none)


def test_weights_and_counts(sagemaker: Any, serve: Any, endpoint: str) -> None:
    def change(**wanted: Any) -> None:
        entry = {"VariantName": "AllTraffic", **wanted}
        sagemaker("UpdateEndpointWeightsAndCapacities", EndpointName=endpoint, DesiredWeightsAndCapacities=[entry])

    with pytest.raises(ValidationException, match='Variant "x" does not exist'):
        change(VariantName="x")
    with pytest.raises(ValidationException, match="at least 1"):
        change(DesiredInstanceCount=0)
    with pytest.raises(ValidationException, match="weights of all variants would be 0"):
        change(DesiredWeight=0.0)
    with pytest.raises(ServiceError, match="ServerlessUpdateConfig"):
        change(ServerlessUpdateConfig={"MaxConcurrency": 1})
    change(DesiredInstanceCount=4, DesiredWeight=2.0)
    (variant,) = sagemaker("DescribeEndpoint", EndpointName=endpoint)["ProductionVariants"]
    assert (variant["CurrentInstanceCount"], variant["DesiredInstanceCount"], variant["DesiredWeight"]) == (1, 4, 2.0)
    serve()
    (variant,) = sagemaker("DescribeEndpoint", EndpointName=endpoint)["ProductionVariants"]
    assert (variant["CurrentInstanceCount"], variant["CurrentWeight"]) == (4, 2.0)


def test_the_world_is_told(sagemaker: Any, store: Any, context: Any, endpoint: str) -> None:
    sagemaker("UpdateEndpoint", EndpointName=endpoint, EndpointConfigName="c")
    told = [found for event in store.events(0) for found in announcements(event, context)]
    assert [event.detail["EndpointStatus"] for event in told] == ["CREATING", "IN_SERVICE", "UPDATING"]
    assert (told[-1].title, told[-1].resources) == ("SageMaker Endpoint State Change", [ARN])
    assert told[-1].detail["Tags"] == {"k": "v"}
    assert told[-1].detail["CreationTime"] == 1_800_000_000_000


def test_what_an_endpoint_runs_must_still_have_its_configuration(sagemaker: Any, configure: Any, endpoint: str) -> None:
    """hashicorp/terraform-provider-aws #40048: configurations that were deleted first strand their endpoint."""
    configure("d")
    sagemaker("DeleteEndpointConfig", EndpointConfigName="c")
    with pytest.raises(ValidationException, match=r'Could not find endpoint configuration ".*endpoint-config/c"'):
        sagemaker("UpdateEndpoint", EndpointName=endpoint, EndpointConfigName="d")
    assert sagemaker("DescribeEndpoint", EndpointName=endpoint)["EndpointConfigName"] == "c"
