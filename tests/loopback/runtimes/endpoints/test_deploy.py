"""From rows to fleets and back, with a data plane that is an object: what is asked of it, what rows become."""

import io
import tarfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from loopback.core.kinds import ENDPOINT
from loopback.runtimes.endpoints.deploy import Deployer
from loopback.runtimes.endpoints.fleet import Fleet
from loopback.runtimes.endpoints.link import FleetFailed, Unreachable, socket_folder
from loopback.runtimes.endpoints.unpack import FleetDependencies
from loopback.services.sagemaker import endpoints  # noqa: F401 - registers the handlers

ROLE = "arn:aws:iam::000000000000:role/pipeline"
IMAGE = "683313688378.dkr.ecr.us-east-1.amazonaws.com/sagemaker-{}:3.2-0"


class FakeLink:
    """A data plane that brings up everything, unless `faults` says otherwise."""

    def __init__(self) -> None:
        self.fleets: dict[str, Fleet] = {}
        self.setups: list[Any] = []
        self.faults: list[Exception] = []
        self.drained = 0

    def ensure(self) -> None:
        return

    def apply(self, setup: Any) -> None:
        if self.faults:
            raise self.faults.pop(0)
        for fleet in setup:
            assert all((Path(variant.model) / "xgboost-model").is_file() for variant in fleet.variants)
            self.fleets[fleet.key] = fleet
        self.setups.append([(f.config, f.share, f.variants[0].count) for f in setup])

    def delete(self, key: str) -> None:
        self.fleets.pop(key, None)

    def drain(self) -> None:
        self.drained += 1

    close = drain


@pytest.fixture
def link() -> FakeLink:
    return FakeLink()


@pytest.fixture
def make(tmp_path: Path, store: Any, objects: Any, link: FakeLink) -> Iterator[Callable[[], Deployer]]:
    made: list[Deployer] = []

    def new() -> Deployer:
        means = FleetDependencies(objects, tmp_path / "endpoints", {"AWS_REGION": "us-east-1"})
        made.append(Deployer(store, link, means, lambda _kind, _name: None))  # type: ignore[arg-type]
        return made[-1]

    yield new
    for deployer in made:
        deployer.close()


@pytest.fixture
def world(sagemaker: Any, objects: Any, make: Any) -> Any:
    """`world(operation, ...)`: call it, then let the deployer do what rows ask for, and describe the endpoint."""
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as archive:
        archive.addfile(tarfile.TarInfo("xgboost-model"))
    objects.buckets["bucket"]["model.tar.gz"] = packed.getvalue()
    objects.buckets["bucket"]["broken.tar.gz"] = b"not an archive"
    for name, key, image in (("m", "model", "xgboost"), ("broken", "broken", "xgboost"), ("mine", "model", "mine")):
        container = {"Image": IMAGE.format(image), "ModelDataUrl": f"s3://bucket/{key}.tar.gz"}
        sagemaker("CreateModel", ModelName=name, PrimaryContainer=container, ExecutionRoleArn=ROLE)
        variant = {"VariantName": "a", "ModelName": name, "InstanceType": "ml.m5.large", "InitialInstanceCount": 2}
        sagemaker("CreateEndpointConfig", EndpointConfigName=name, ProductionVariants=[variant])
    deployer = make()

    def call(operation: str, **request: Any) -> Any:
        sagemaker(operation, EndpointName="Ep", **request)
        deployer._carry_out("ep")
        listed = sagemaker("ListEndpoints")["Endpoints"]
        return listed[0] if listed else None

    return call


def test_from_creation_to_deletion(world: Any, link: FakeLink, tmp_path: Path) -> None:
    found = world("CreateEndpoint", EndpointConfigName="m")
    assert (found["EndpointStatus"], found["ProductionVariants"][0]["CurrentInstanceCount"]) == ("InService", 2)
    (variant,) = link.fleets["ep"].variants
    assert (variant.name, variant.count, variant.weight) == ("a", 2, 1.0)
    assert variant.environ["SAGEMAKER_SERVING_MODULE"] == "sagemaker_xgboost_container.serving:main"
    assert (world("DeleteEndpoint"), link.fleets, link.drained) == (None, {}, 1)
    assert not (tmp_path / "endpoints/models/ep").exists()


@pytest.mark.parametrize(
    ("config", "reason"),
    [("broken", "is not a tar.gz archive"), ("mine", "no runtime is mapped to the image"), ("m", "did not pass")],
)
def test_what_does_not_come_up_says_why(world: Any, link: FakeLink, config: str, reason: str) -> None:
    link.faults = [FleetFailed("The primary container did not pass the ping health check")] if config == "m" else []
    found = world("CreateEndpoint", EndpointConfigName=config)
    assert (found["EndpointStatus"], reason in found["FailureReason"]) == ("Failed", True), found
    assert world("DeleteEndpoint") is None


def test_a_failed_update_leaves_what_served(world: Any, link: FakeLink, store: Any) -> None:
    world("CreateEndpoint", EndpointConfigName="m")
    before = link.fleets["ep"]
    found = world("UpdateEndpoint", EndpointConfigName="broken")
    assert (found["EndpointStatus"], found["EndpointConfigName"]) == ("InService", "m")
    assert "is not a tar.gz archive" in found["FailureReason"]
    assert link.fleets["ep"] == before
    told = [event.new for event in store.events(0) if event.kind == ENDPOINT.slug and event.old != event.new]
    assert told == ["Creating", "InService", "Updating", "RollingBack", "InService"]


def test_an_update_is_a_new_generation_and_weights_are_not(world: Any, link: FakeLink, tmp_path: Path) -> None:
    world("CreateEndpoint", EndpointConfigName="m")
    first = link.fleets["ep"].generation
    more = [{"VariantName": "a", "DesiredInstanceCount": 5}]
    found = world("UpdateEndpointWeightsAndCapacities", DesiredWeightsAndCapacities=more)
    assert found["ProductionVariants"][0]["CurrentInstanceCount"] == 5
    assert (link.fleets["ep"].generation, link.fleets["ep"].variants[0].count) == (first, 5)
    found = world("UpdateEndpoint", EndpointConfigName="m", RetainAllVariantProperties=True)
    assert found["ProductionVariants"][0]["CurrentInstanceCount"] == 5
    second = link.fleets["ep"].generation
    assert second != first
    assert [path.name for path in (tmp_path / "endpoints/models/ep").iterdir()] == [second]


CANARY = {
    "BlueGreenUpdatePolicy": {
        "TrafficRoutingConfiguration": {
            "Type": "CANARY",
            "WaitIntervalInSeconds": 100,
            "CanarySize": {"Type": "CAPACITY_PERCENT", "Value": 10},
        },
        "TerminationWaitInSeconds": 50,
    },
    "AutoRollbackConfiguration": {"Alarms": [{"AlarmName": "slow"}]},
}


@pytest.fixture
def alarms(base: Any, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    states = {"slow": "OK"}
    found = {"MetricAlarms": [{"AlarmName": "slow"}]}
    monkeypatch.setattr(type(base), "call", lambda *_: found)
    return states


@pytest.fixture
def canary(alarms: dict[str, str], world: Any, sagemaker: Any, make: Any, link: FakeLink, clock: Any) -> Any:
    """`canary()` takes the steps that can be taken now, with a control plane that has just started."""
    world("CreateEndpoint", EndpointConfigName="m")
    variant = {"VariantName": "a", "ModelName": "m", "InstanceType": "ml.m5.large", "InitialInstanceCount": 10}
    sagemaker("CreateEndpointConfig", EndpointConfigName="n", ProductionVariants=[variant])
    clock.now = time.time()
    sagemaker("UpdateEndpoint", EndpointName="Ep", EndpointConfigName="n", DeploymentConfig=CANARY)
    link.setups.clear()

    def call() -> dict[str, Any]:
        deployer = make()
        deployer._alarm_states, deployer._now = (lambda _names: alarms), clock
        deployer._carry_out("ep")
        deployer.close()
        found: dict[str, Any] = sagemaker("DescribeEndpoint", EndpointName="ep")
        return found

    return call


def test_a_canary_goes_on_after_each_death_of_the_control_plane(canary: Any, link: FakeLink, clock: Any) -> None:
    found = canary()
    assert link.setups == [[("m", 1.0, 2), ("n", 0.0, 10)], [("m", 0.9, 2), ("n", 0.1, 10)]]
    (variant,) = found["PendingDeploymentSummary"]["ProductionVariants"]
    assert (found["EndpointStatus"], variant["VariantStatus"][0]["Status"]) == ("Updating", "Baking")
    clock.now += 99
    canary()
    assert len(link.setups) == 2
    clock.now += 1
    canary()
    assert link.setups[2:] == [[("m", 0.0, 2), ("n", 1.0, 10)]]
    clock.now += 149
    assert canary()["EndpointStatus"] == "Updating"
    clock.now += 100
    found = canary()
    assert link.setups[3:] == [[("n", 1.0, 10)]]
    assert (found["EndpointStatus"], found["EndpointConfigName"]) == ("InService", "n")
    assert "PendingDeploymentSummary" not in found


@pytest.mark.parametrize("seconds", [0, 50, 120, 210])
def test_an_alarm_takes_everything_back(
    canary: Any, link: FakeLink, clock: Any, alarms: dict[str, str], store: Any, seconds: int
) -> None:
    for _ in range(3 if seconds else 0):
        canary()
        clock.now += seconds / 3
    alarms["slow"] = "ALARM"
    found = canary()
    assert (found["EndpointStatus"], found["EndpointConfigName"]) == ("InService", "m")
    assert "ALARM: slow" in found["FailureReason"]
    assert link.setups[-1] == [("m", 1.0, 2)]
    told = [event.new for event in store.events(0) if event.kind == ENDPOINT.slug and event.old != event.new]
    assert told[-3:] == ["Updating", "RollingBack", "InService"]


def test_a_death_during_the_way_back(canary: Any, link: FakeLink, alarms: dict[str, str], store: Any) -> None:
    canary()
    alarms["slow"] = "ALARM"
    link.faults = [FleetFailed("not yet")]
    assert canary()["EndpointStatus"] == "RollingBack"
    alarms["slow"] = "OK"
    found = canary()
    assert (found["EndpointStatus"], "slow" in found["FailureReason"]) == ("InService", True)
    assert link.setups[-1] == [("m", 1.0, 2)]


def test_a_data_plane_that_dies_meanwhile_is_asked_again(world: Any, link: FakeLink) -> None:
    link.faults = [Unreachable("gone"), Unreachable("gone")]
    assert world("CreateEndpoint", EndpointConfigName="m")["EndpointStatus"] == "InService"


def test_what_was_being_changed_is_taken_up_again(world: Any, sagemaker: Any, store: Any, make: Any) -> None:
    world("CreateEndpoint", EndpointConfigName="m")
    sagemaker("UpdateEndpoint", EndpointName="Ep", EndpointConfigName="m")  # and the control plane dies
    later = make()
    assert later.begin()
    later.recover()
    later._pool.shutdown(wait=True)
    assert store.get(ENDPOINT, "ep").status == "InService"


def test_sockets_have_short_paths(tmp_path: Path) -> None:
    assert socket_folder(Path("/s")) == Path("/s/run")
    long = tmp_path / ("x" * 100)
    assert len(str(socket_folder(long))) < 90
    assert socket_folder(long) != socket_folder(tmp_path / ("y" * 100))
