"""Deployments under load: traffic shifts, alarms, deaths and bad models, and not one failed request."""

import os
import signal
import time
from collections.abc import Callable
from typing import Any

import pytest

from tests.journeys.test_endpoints import Load, Site

pytestmark = pytest.mark.journey

FAILS = """
def model_fn(folder): return 0
def input_fn(body, kind): return body
def predict_fn(data, model): raise RuntimeError("a bad release")
def output_fn(prediction, accept): return prediction
"""
SLOW = """
import time
def model_fn(folder): return 0
def input_fn(body, kind): return body
def predict_fn(data, model): time.sleep(0.2); return "slow"
def output_fn(prediction, accept): return prediction
"""


LEAKS = """
kept = []
def model_fn(folder): return 0
def input_fn(body, kind): return body
def predict_fn(data, model): kept.append(b"x" * (192 << 20)); return "leaking"
def output_fn(prediction, accept): return prediction
"""


@pytest.fixture(scope="module")
def site(shared: Any) -> Site:
    made = Site(shared)
    cloudwatch = shared.client("cloudwatch")
    for name in ("guard", "other"):
        cloudwatch.put_metric_alarm(
            AlarmName=name,
            Namespace="AWS/SageMaker",
            MetricName="Invocation5XXErrors",
            Statistic="Sum",
            Period=60,
            EvaluationPeriods=1,
            Threshold=1e9,
            ComparisonOperator="GreaterThanThreshold",
            TreatMissingData="ignore",
        )
    for mark in ("old", "new"):
        made.config(mark, {"ModelName": made.marked(mark), "InitialInstanceCount": 2})
    return made


def policy(kind: str, wait: int, **more: Any) -> dict[str, Any]:
    routing = {"Type": kind, "WaitIntervalInSeconds": wait}
    routing |= {key: more.pop(key) for key in ("CanarySize", "LinearStepSize") if key in more}
    return {
        "BlueGreenUpdatePolicy": {"TrafficRoutingConfiguration": routing, **more},
        "AutoRollbackConfiguration": {"Alarms": [{"AlarmName": "guard"}]},
    }


def alarm(site: Site, state: str) -> None:
    site.loopback.client("cloudwatch").set_alarm_state(AlarmName="guard", StateValue=state, StateReason="test")


def memory_alarm(site: Site, percent: float) -> None:
    site.loopback.client("cloudwatch").put_metric_alarm(
        AlarmName="memory",
        Namespace="/aws/sagemaker/Endpoints",
        MetricName="MemoryUtilization",
        Dimensions=[{"Name": "EndpointName", "Value": "sound"}, {"Name": "VariantName", "Value": "AllTraffic"}],
        Statistic="Maximum",
        Period=10,
        EvaluationPeriods=1,
        Threshold=percent,
        ComparisonOperator="GreaterThanThreshold",
        TreatMissingData="notBreaching",
    )


def percent(value: int) -> dict[str, Any]:
    return {"Type": "CAPACITY_PERCENT", "Value": value}


def pending(site: Site, name: str) -> tuple[str, str]:
    """The status of the variant that is being deployed, and its message."""
    summary = site.sagemaker.describe_endpoint(EndpointName=name).get("PendingDeploymentSummary")
    found = summary["ProductionVariants"][0].get("VariantStatus", [{}])[0] if summary else {}
    return found.get("Status", ""), found.get("StatusMessage", "")


def update(site: Site, name: str, config: str, deployment: dict[str, Any]) -> None:
    site.sagemaker.update_endpoint(EndpointName=name, EndpointConfigName=config, DeploymentConfig=deployment)


def test_a_canary_a_linear_and_a_rolling_deployment(site: Site, wait_until: Callable[..., Any]) -> None:
    alarm(site, "OK")
    site.create("shifts", "old")
    with Load(site, "shifts") as load:
        update(site, "shifts", "new", policy("CANARY", 2, CanarySize=percent(50)))
        wait_until(lambda: pending(site, "shifts")[0] == "Baking", 5)
        assert "traffic enabled on canary capacity of 1 instance(s)" in pending(site, "shifts")[1]
        wait_until(lambda: {"old", "new"} <= set(load.answers[-20:]), 5)
        found = site.settled("shifts")
        assert (found["EndpointConfigName"], "FailureReason" in found) == ("new", False)
        wait_until(lambda: set(load.answers[-20:]) == {"new"}, 5)
        update(site, "shifts", "old", policy("LINEAR", 1, LinearStepSize=percent(50)))
        assert site.settled("shifts")["EndpointConfigName"] == "old"
        batch = {"Type": "INSTANCE_COUNT", "Value": 1}
        rolling = {"RollingUpdatePolicy": {"MaximumBatchSize": batch, "WaitIntervalInSeconds": 0}}
        update(site, "shifts", "new", rolling)
        found = site.settled("shifts")
        time.sleep(0.2)
    assert (found["EndpointConfigName"], found["ProductionVariants"][0]["CurrentInstanceCount"]) == ("new", 2)
    assert (load.errors, load.answers[-1]) == ([], "new")
    site.sagemaker.delete_endpoint(EndpointName="shifts")


def test_an_alarm_brings_the_old_version_back(site: Site, wait_until: Callable[..., Any]) -> None:
    alarm(site, "OK")
    site.create("guarded", "old")
    site.model("failing", {"code/inference.py": FAILS.encode()}, SAGEMAKER_PROGRAM="inference.py")
    site.config("failing", {"ModelName": "failing"})
    missing = {"AutoRollbackConfiguration": {"Alarms": [{"AlarmName": "nobody"}]}}
    with pytest.raises(site.sagemaker.exceptions.ClientError, match="Could not find CloudWatch alarms: nobody"):
        update(site, "guarded", "failing", missing)
    with Load(site, "guarded") as load:
        update(site, "guarded", "failing", policy("CANARY", 600, CanarySize=percent(10)))
        wait_until(lambda: load.errors, 10)  # of the canary, as on AWS
        with pytest.raises(site.sagemaker.exceptions.ClientError, match="Cannot update in-progress endpoint"):
            update(site, "guarded", "new", {})
        alarm(site, "ALARM")
        found = site.settled("guarded")
        after = len(load.errors)
        before = len(load.answers)
        wait_until(lambda: len(load.answers) > before + 50, 5)
    assert len(load.errors) == after  # none after the traffic is back
    assert all("500 Internal Server Error" in error for error in load.errors)
    assert (found["EndpointConfigName"], "ALARM: guard" in found["FailureReason"]) == ("old", True)
    alarm(site, "OK")
    site.sagemaker.delete_endpoint(EndpointName="guarded")


def test_a_slow_or_broken_model_is_taken_back(site: Site, wait_until: Callable[..., Any]) -> None:
    alarm(site, "OK")
    site.create("patient", "old")
    site.model("slow", {"code/inference.py": SLOW.encode()}, SAGEMAKER_PROGRAM="inference.py")
    site.config("slow", {"ModelName": "slow"})
    site.model("crashing", {"readme.txt": b"no model"})
    site.config("crashing", {"ModelName": "crashing"})
    with Load(site, "patient") as load:
        update(site, "patient", "crashing", policy("CANARY", 600, CanarySize=percent(10)))
        found = site.settled("patient")
        assert "did not pass the ping health check" in found["FailureReason"]
        update(site, "patient", "slow", policy("ALL_AT_ONCE", 600))
        wait_until(lambda: load.answers[-1:] == ["slow"], 10)
        alarm(site, "ALARM")
        found = site.settled("patient")
        wait_until(lambda: load.answers[-1:] == ["old"], 5)
    assert (load.errors, found["EndpointConfigName"]) == ([], "old")
    alarm(site, "OK")
    site.sagemaker.delete_endpoint(EndpointName="patient")


def test_a_model_that_leaks_is_killed_again_and_again_until_an_alarm_brings_the_old_one_back(
    site: Site, wait_until: Callable[..., Any]
) -> None:
    site.create("sound", "old")
    site.model("leaking", {"code/inference.py": LEAKS.encode()}, SAGEMAKER_PROGRAM="inference.py")
    site.config("leaking", {"ModelName": "leaking", "InitialInstanceCount": 2, "InstanceType": "ml.t2.medium"})
    deployment = policy("CANARY", 600, CanarySize=percent(50))
    deployment["AutoRollbackConfiguration"] = {"Alarms": [{"AlarmName": "memory"}]}
    memory_alarm(site, 1000)
    with Load(site, "sound", threads=2) as load:
        update(site, "sound", "leaking", deployment)
        wait_until(lambda: _killed(site, "sound"), 40)
        memory_alarm(site, 20)
        found = site.settled("sound", 40)
        wait_until(lambda: set(load.answers[-20:]) == {"old"}, 5)
    assert (load.errors, found["EndpointConfigName"], "ALARM: memory" in found["FailureReason"]) == ([], "old", True)
    assert "its instance has 4096 MiB" in _killed(site, "sound")[0]["message"]
    site.sagemaker.delete_endpoint(EndpointName="sound")


def _killed(site: Site, name: str) -> list[dict[str, Any]]:
    logs = site.loopback.client("logs")
    try:
        found = logs.filter_log_events(logGroupName=f"/aws/sagemaker/Endpoints/{name}", filterPattern="OutOfMemory")
    except logs.exceptions.ResourceNotFoundException:
        return []
    events: list[dict[str, Any]] = found["events"]
    return events


def test_kill_9_of_the_control_plane_during_a_canary(loopback: Any, wait_until: Callable[..., Any]) -> None:
    own = Site(loopback)
    for mark in ("old", "new"):
        own.config(mark, {"ModelName": own.marked(mark), "InitialInstanceCount": 2})
    own.create("killed", "old")
    deployment = policy("CANARY", 4, CanarySize=percent(30))
    del deployment["AutoRollbackConfiguration"]
    with Load(own, "killed") as load:
        update(own, "killed", "new", deployment)
        wait_until(lambda: pending(own, "killed")[0] == "Baking", 5)
        os.kill(loopback.found["pid"], signal.SIGKILL)
        os.kill(own.instances()[0], signal.SIGKILL)
        before = len(load.answers)
        wait_until(lambda: {"old", "new"} <= set(load.answers[before:]), 5)  # the split stays while nobody is there
        wait_until(lambda: _described(own, "killed"), 20)
        found = own.settled("killed", 20)
        wait_until(lambda: set(load.answers[-20:]) == {"new"}, 5)
    assert (load.errors, found["EndpointConfigName"]) == ([], "new")


def _described(site: Site, name: str) -> bool:
    try:
        return bool(site.sagemaker.describe_endpoint(EndpointName=name))
    except Exception:  # noqa: BLE001 - it is being started again
        return False


def test_scaling_under_load_loses_nothing_and_survives_an_update(site: Site) -> None:
    site.create("scaled", site.config("one", {"ModelName": "marked-old"}))
    with Load(site, "scaled", threads=6) as load:
        for count in (4, 1, 3):
            wanted = [{"VariantName": "AllTraffic", "DesiredInstanceCount": count}]
            site.sagemaker.update_endpoint_weights_and_capacities(
                EndpointName="scaled", DesiredWeightsAndCapacities=wanted
            )
            (variant,) = site.settled("scaled")["ProductionVariants"]
            assert variant["CurrentInstanceCount"] == count
        site.sagemaker.update_endpoint(EndpointName="scaled", EndpointConfigName="new", RetainAllVariantProperties=True)
        (variant,) = site.settled("scaled")["ProductionVariants"]
        time.sleep(0.2)
    assert (variant["CurrentInstanceCount"], load.errors, load.answers[-1]) == (3, [], "new")
    site.sagemaker.delete_endpoint(EndpointName="scaled")
