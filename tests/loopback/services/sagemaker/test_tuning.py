"""Stories of tuning jobs. No process runs: the test ends the training jobs, the tuner does all the rest."""

import itertools
import queue
import re
from typing import Any

import pytest

from loopback.core.errors import ResourceInUse, ResourceLimitExceeded, ResourceNotFound, ValidationException
from loopback.core.kinds import TRAINING_JOB, TUNING_JOB
from loopback.services import registry
from loopback.services.announce import announcements
from loopback.services.sagemaker.tuning.tuner import Tuner
from loopback.wire import model

ROLE = "arn:aws:iam::000000000000:role/pipeline"
OWN = "000000000000.dkr.ecr.us-east-1.amazonaws.com/mine:1"
XGBOOST = "683313688378.dkr.ecr.us-east-1.amazonaws.com/sagemaker-xgboost:3.2-0"
LIMITS = {"MaxNumberOfTrainingJobs": 4, "MaxParallelTrainingJobs": 2}
RANGES = {"ContinuousParameterRanges": [{"Name": "eta", "MinValue": "0.1", "MaxValue": "0.5"}]}
GRID = {"CategoricalParameterRanges": [{"Name": "depth", "Values": ["2", "3", "4"]}]}


def definition(**more: Any) -> dict[str, Any]:
    metrics = [{"Name": "auc", "Regex": "auc=(.*)"}]
    return {
        "AlgorithmSpecification": {"TrainingImage": OWN, "TrainingInputMode": "File", "MetricDefinitions": metrics},
        "RoleArn": ROLE,
        "OutputDataConfig": {"S3OutputPath": "s3://bucket/models"},
        "ResourceConfig": {"InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": 1},
        "StoppingCondition": {"MaxRuntimeInSeconds": 60},
        "StaticHyperParameters": {"rounds": "5"},
        **more,
    }


def request(name: str = "t", **more: Any) -> dict[str, Any]:
    """A CreateHyperParameterTuningJob; members of its configuration are given by their names."""
    config = {
        "Strategy": "Random",
        "HyperParameterTuningJobObjective": {"Type": "Maximize", "MetricName": "auc"},
        "ResourceLimits": LIMITS,
        "ParameterRanges": RANGES,
    }
    members = model.operation("sagemaker", "CreateHyperParameterTuningJob").input_shape.members  # type: ignore[union-attr]
    outside = {key: value for key, value in more.items() if key in members}
    config |= {key: value for key, value in more.items() if key not in members}
    asked = {"HyperParameterTuningJobName": name, "HyperParameterTuningJobConfig": config}
    asked |= {"TrainingJobDefinition": definition()} | outside
    return {key: value for key, value in asked.items() if value is not None}


class World:
    """A tuner and the means to tell its story."""

    def __init__(self, context: registry.Context, changes: list[tuple[str, str]], clock: Any) -> None:
        self.context, self.changes, self.clock = context, changes, clock
        self.restart()

    def restart(self) -> None:
        """A tuner of a new process."""
        numbers = itertools.count()
        self.changes.clear()
        self.tuner = Tuner(self.context, self.clock, lambda: f"{next(numbers):08}")

    def settle(self) -> None:
        while True:
            while self.changes:
                self.tuner.on_change(*self.changes.pop(0))
            try:
                message = self.tuner._inbox.get(block=False)
            except queue.Empty:
                return
            assert message is not None
            message()

    def call(self, operation: str, **asked: Any) -> dict[str, Any]:
        answer = registry.call("sagemaker", operation, asked, self.context)
        self.settle()
        return answer

    def create(self, name: str = "t", **more: Any) -> None:
        self.call("CreateHyperParameterTuningJob", **request(name, **more))

    def running(self, *statuses: str) -> list[str]:
        found = (self.context.store.find(TRAINING_JOB, status=s) for s in statuses or ("Queued", "InProgress"))
        return sorted(row.name for rows in found for row in rows)

    def end(self, name: str, value: float | None = None, event: str = "complete", **result: Any) -> None:
        """End a training job, as a worker would."""
        store = self.context.store
        if store.get(TRAINING_JOB, name).status == "Queued":
            store.fire(TRAINING_JOB, name, "lease")
        if value is not None:
            result["FinalMetricDataList"] = [{"MetricName": "auc", "Value": value, "Timestamp": 1.0}]
        store.fire(TRAINING_JOB, name, event, result)
        self.context.on_change(TRAINING_JOB.slug, name)
        self.settle()

    def describe(self, name: str = "t") -> dict[str, Any]:
        return self.call("DescribeHyperParameterTuningJob", HyperParameterTuningJobName=name)


@pytest.fixture
def world(context: registry.Context, changes: list[tuple[str, str]], clock: Any) -> World:
    return World(context, changes, clock)


def test_runs_training_jobs_until_there_are_enough(world: World) -> None:
    world.create(Tags=[{"Key": "team", "Value": "a"}])
    first, second = world.running()
    assert re.fullmatch(r"t-001-\d{8}", first)
    job = world.call("DescribeTrainingJob", TrainingJobName=first)
    assert job["TuningJobArn"].endswith(":hyper-parameter-tuning-job/t")
    tuned = dict(job["HyperParameters"])
    assert tuned.pop("_tuning_objective_metric") == "auc"
    assert tuned.pop("rounds") == "5"
    assert 0.1 <= float(tuned.pop("eta")) <= 0.5
    assert not tuned
    assert world.call("ListTags", ResourceArn=job["TrainingJobArn"])["Tags"] == [{"Key": "team", "Value": "a"}]
    world.end(first, 0.5)
    world.end(second, event="fail", FailureReason="AlgorithmError: x")
    shown = world.describe()
    assert shown["TrainingJobStatusCounters"] == {
        "Completed": 1, "InProgress": 2, "NonRetryableError": 1, "RetryableError": 0, "Stopped": 0}  # fmt: skip
    assert shown["ObjectiveStatusCounters"] == {"Succeeded": 1, "Pending": 2, "Failed": 1}
    third, fourth = world.running()
    world.end(third, 0.9)
    world.end(fourth, 0.7)
    shown = world.describe()
    assert shown["HyperParameterTuningJobStatus"] == "Completed"
    assert shown["BestTrainingJob"]["TrainingJobName"] == third
    assert shown["BestTrainingJob"]["FinalHyperParameterTuningJobObjectiveMetric"] == {
        "Type": "Maximize", "MetricName": "auc", "Value": 0.9}  # fmt: skip
    assert "OverallBestTrainingJob" not in shown
    assert not world.running()


def test_lists_training_jobs_by_objective_those_that_have_one(world: World) -> None:
    world.create()
    for value in (0.5, None, 0.9, 0.7):
        world.end(world.running()[0], value)
    listed = lambda **more: world.call(  # noqa: E731
        "ListTrainingJobsForHyperParameterTuningJob", HyperParameterTuningJobName="t", **more
    )
    names = [job["TrainingJobName"][:5] for job in listed()["TrainingJobSummaries"]]
    assert names == ["t-001", "t-002", "t-003", "t-004"]
    page = listed(SortBy="FinalObjectiveMetricValue", SortOrder="Descending", MaxResults=2)
    assert [job["TrainingJobName"][:5] for job in page["TrainingJobSummaries"]] == ["t-003", "t-004"]
    rest = listed(SortBy="FinalObjectiveMetricValue", SortOrder="Descending", MaxResults=2, NextToken=page["NextToken"])
    assert [job["TrainingJobName"][:5] for job in rest["TrainingJobSummaries"]] == ["t-001"]
    assert listed(StatusEquals="Failed")["TrainingJobSummaries"] == []


def test_a_stop_stops_its_training_jobs(world: World) -> None:
    world.create()
    running = world.running()
    world.end(running[0], 0.4)
    world.context.store.fire(TRAINING_JOB, world.running()[0], "lease")
    world.call("StopHyperParameterTuningJob", HyperParameterTuningJobName="t")
    assert world.describe()["HyperParameterTuningJobStatus"] == "Stopping"
    with pytest.raises(ValidationException, match="is Stopping; only one in progress"):
        world.call("StopHyperParameterTuningJob", HyperParameterTuningJobName="t")
    for name in world.running("Stopping"):
        world.end(name, event="halt")
    assert world.describe()["HyperParameterTuningJobStatus"] == "Stopped"
    assert world.describe()["BestTrainingJob"]["TrainingJobName"] == running[0]
    world.call("DeleteHyperParameterTuningJob", HyperParameterTuningJobName="t")
    with pytest.raises(ResourceNotFound, match="no hyperparameter tuning job named t"):
        world.describe()


def test_goes_on_after_a_restart_and_begins_again_what_was_lost(world: World) -> None:
    world.create()
    first, second = world.running()
    values = world.call("DescribeTrainingJob", TrainingJobName=second)["HyperParameters"]
    store = world.context.store
    for name, event, result in (
        (first, "complete", {"FinalMetricDataList": [{"MetricName": "auc", "Value": 0.5, "Timestamp": 1.0}]}),
        (second, "lose", {"FailureReason": "InternalServerError", "failure_kind": "SageMaker.JOB_INTERNAL_ERROR"}),
    ):
        store.fire(TRAINING_JOB, name, "lease")
        store.fire(TRAINING_JOB, name, event, result)
    world.restart()
    world.tuner.recover()
    world.settle()
    third, fourth = world.running()
    assert world.call("DescribeTrainingJob", TrainingJobName=third)["HyperParameters"] == values
    counters = world.describe()["TrainingJobStatusCounters"]
    assert (counters["RetryableError"], counters["NonRetryableError"]) == (1, 0)
    for name in (third, fourth, "t-005"):
        world.end(next(job for job in world.running() if job.startswith(name)), 0.1)
    assert world.describe()["HyperParameterTuningJobStatus"] == "Completed"
    assert len(store.find(TRAINING_JOB)) == 5


def test_the_time_limit_ends_it(world: World, clock: Any) -> None:
    world.create(ResourceLimits={"MaxParallelTrainingJobs": 1, "MaxRuntimeInSeconds": 120})
    world.end(world.running()[0], 0.4)
    assert world.tuner._wait() == 120
    clock.now += 120
    world.tuner._look()
    world.settle()
    assert world.describe()["HyperParameterTuningJobStatus"] == "Completed"


def test_early_stopping_watches_the_objective(world: World) -> None:
    world.create(TrainingJobEarlyStoppingType="Auto")
    first, second = world.running()
    store = world.context.store
    assert store.get(TRAINING_JOB, second).result["watched"] == "auc"
    world.end(first, series=[0.5, 0.6])
    store.fire(TRAINING_JOB, second, "lease")
    store.amend(TRAINING_JOB, second, "observe", result={"series": [0.2]})
    world.context.on_change(TRAINING_JOB.slug, second)
    world.settle()
    assert store.get(TRAINING_JOB, second).status == "Stopping"
    world.end(second, event="halt", series=[0.2])
    listed = world.call("ListTrainingJobsForHyperParameterTuningJob", HyperParameterTuningJobName="t")
    assert [(job["TrainingJobStatus"], job["ObjectiveStatus"]) for job in listed["TrainingJobSummaries"][:2]] == [
        ("Completed", "Succeeded"), ("Stopped", "Succeeded")]  # fmt: skip


def test_warm_start_learns_from_its_parents(world: World) -> None:
    world.create()
    while world.running():
        world.end(world.running()[0], 0.8)
    parents = {"ParentHyperParameterTuningJobs": [{"HyperParameterTuningJobName": "t"}]}
    identical = parents | {"WarmStartType": "IdenticalDataAndAlgorithm"}
    world.create("u", WarmStartConfig=identical, Strategy="Bayesian")
    assert len(world.tuner._live["u"].learned) == 4
    while world.running():
        world.end(world.running()[0], 0.5)
    shown = world.describe("u")
    assert shown["BestTrainingJob"]["TuningJobName"] == "u"
    assert shown["OverallBestTrainingJob"]["TuningJobName"] == "t"


@pytest.mark.parametrize(
    ("more", "told"),
    [
        ({"WarmStartConfig": {"WarmStartType": "TransferLearning", "ParentHyperParameterTuningJobs": [
            {"HyperParameterTuningJobName": "none"}]}}, "there is no tuning job named 'none'"),
        ({"TrainingJobDefinition": definition(StaticHyperParameters={})}, "2 static and searched .* job 1"),
        ({"TrainingJobDefinition": definition(InputDataConfig=[{"ChannelName": "train", "DataSource": {"S3DataSource": {
            "S3DataType": "S3Prefix", "S3Uri": "s3://b/other"}}}])}, "needs the input data and the training image"),
        ({"HyperParameterTuningJobObjective": {"Type": "Minimize", "MetricName": "auc"}}, "objective of t is another"),
    ],
)  # fmt: skip
def test_warm_start_refuses(world: World, more: dict[str, Any], told: str) -> None:
    """AWS, automatic-model-tuning-warm-start, "Warm Start Tuning Restrictions"."""
    world.create()
    config = {"WarmStartType": "IdenticalDataAndAlgorithm",
              "ParentHyperParameterTuningJobs": [{"HyperParameterTuningJobName": "t"}]}  # fmt: skip
    with pytest.raises(ValidationException, match="t is InProgress; a parent must have ended"):
        world.create("u", WarmStartConfig=config)
    while world.running():
        world.end(world.running()[0], 0.8)
    with pytest.raises(ValidationException, match=told):
        world.create("u", **{"WarmStartConfig": config, **more})


def test_several_algorithms_take_turns(world: World) -> None:
    objective = {"Type": "Maximize", "MetricName": "auc"}
    several = [
        definition(DefinitionName=name, TuningObjective=objective, HyperParameterRanges=searched)
        for name, searched in (("a", RANGES), ("b", GRID))
    ]
    world.call("CreateHyperParameterTuningJob", **_several(several))
    for value in (0.1, 0.2, 0.3, 0.9):
        world.end(world.running()[0], value)
    listed = world.call("ListTrainingJobsForHyperParameterTuningJob", HyperParameterTuningJobName="t")
    assert [job["TrainingJobDefinitionName"] for job in listed["TrainingJobSummaries"]] == ["a", "b", "a", "b"]
    assert [set(job["TunedHyperParameters"]) for job in listed["TrainingJobSummaries"]] == [{"eta"}, {"depth"}] * 2
    assert world.describe()["BestTrainingJob"]["TrainingJobDefinitionName"] == "b"


def _several(definitions: list[dict[str, Any]], **config: Any) -> dict[str, Any]:
    return {
        "HyperParameterTuningJobName": "t",
        "HyperParameterTuningJobConfig": {"Strategy": "Random", "ResourceLimits": LIMITS, **config},
        "TrainingJobDefinitions": definitions,
    }


@pytest.mark.parametrize(
    ("asked", "told"),
    [
        (_several([definition(DefinitionName="a"), definition(DefinitionName="a")]), "a DefinitionName of its own"),
        (_several([definition(DefinitionName="a")], ParameterRanges=RANGES), "ParameterRanges goes into each"),
        (
            _several([definition(DefinitionName="a")], TrainingJobEarlyStoppingType="Auto"),
            "available only when you tune a single algorithm",
        ),
    ],
)
def test_several_algorithms_refuse(world: World, asked: dict[str, Any], told: str) -> None:
    """AWS, multiple-algorithm-hpo-create-tuning-jobs."""
    with pytest.raises(ValidationException, match=told):
        world.call("CreateHyperParameterTuningJob", **asked)


def image(uri: str, **more: Any) -> dict[str, Any]:
    return definition(AlgorithmSpecification={"TrainingImage": uri, "TrainingInputMode": "File", **more})


@pytest.mark.parametrize(
    ("more", "told"),
    [
        ({"TrainingJobDefinition": None}, "Give either TrainingJobDefinition or TrainingJobDefinitions"),
        ({"Autotune": {"Mode": "Enabled"}}, "Autotune: loopback does not choose"),
        (
            {"TrainingJobDefinition": definition(StoppingCondition={"MaxWaitTimeInSeconds": 9})},
            "only supported when EnableManagedSpotTraining is set to true",  # aws/amazon-sagemaker-examples#869
        ),
        ({"TrainingJobDefinition": image(OWN)}, "A metric is required for this hyperparameter tuning job objective"),
        ({"TrainingJobDefinition": image(XGBOOST)}, r"\[auc\], isn't valid for the \[.*\] algorithm"),
        (
            {"TrainingJobDefinition": image(XGBOOST, MetricDefinitions=[{"Name": "auc", "Regex": "x"}])},
            "You can't override the metric definitions",
        ),
        (
            {"TrainingJobDefinition": definition(ResourceConfig=None)},
            "either ResourceConfig or HyperParameterTuningRes",
        ),
        ({"TrainingJobDefinition": definition(HyperParameterRanges=RANGES)}, "ParameterRanges or HyperParameterRanges"),
        ({"ResourceLimits": {"MaxParallelTrainingJobs": 1}}, "MaxNumberOfTrainingJobs or MaxRuntimeInSeconds"),
        (
            {"ResourceLimits": {"MaxParallelTrainingJobs": 3, "MaxNumberOfTrainingJobs": 2}},
            "MaxParallelTrainingJobs is 3, more than the 2",
        ),
        ({"Strategy": "Grid"}, "only categorical ranges are allowed"),
        ({"Strategy": "Grid", "ParameterRanges": GRID}, "is 4, and the grid has 3 combinations"),
        ({"Strategy": "Hyperband"}, "Hyperband needs HyperbandStrategyConfig.MaxResource, or one of"),
        ({"Strategy": "Hyperband", "TrainingJobEarlyStoppingType": "Auto"}, "must be Off with the Hyperband"),
        (
            {"TuningJobCompletionCriteria": {"ConvergenceDetected": {"CompleteOnConvergence": "Enabled"}}},
            "CompleteOnConvergence: AWS does not document",
        ),
    ],
)
def test_refuses(world: World, more: dict[str, Any], told: str) -> None:
    asked = request(**more)
    if "TrainingJobDefinition" in asked:
        inside = asked["TrainingJobDefinition"]
        asked["TrainingJobDefinition"] = {key: value for key, value in inside.items() if value is not None}
    with pytest.raises(ValidationException, match=told):
        world.call("CreateHyperParameterTuningJob", **asked)


def test_a_name_is_unique_and_quotas_hold(world: World) -> None:
    world.create()
    with pytest.raises(ResourceInUse, match="already exists"):
        world.create()
    limits = {"MaxParallelTrainingJobs": 1, "MaxNumberOfTrainingJobs": 751}
    with pytest.raises(ResourceLimitExceeded, match="Bayesian takes at most 750"):
        world.create("u", Strategy="Bayesian", ResourceLimits=limits)


def test_a_grid_knows_its_number_and_hyperband_finds_its_epochs(world: World) -> None:
    world.create(Strategy="Grid", ParameterRanges=GRID, ResourceLimits={"MaxParallelTrainingJobs": 3})
    depths = [world.call("DescribeTrainingJob", TrainingJobName=name)["HyperParameters"]["depth"]
              for name in world.running()]  # fmt: skip
    assert depths == ["2", "3", "4"]
    world.create("h", Strategy="Hyperband", TrainingJobDefinition=definition(StaticHyperParameters={"epochs": "9"}))
    assert world.tuner._live["h"].rules.resources is not None
    assert world.tuner._live["h"].rules.resources.most == 9


def test_every_answer_is_of_the_service_models_shape(world: World) -> None:
    world.create()
    world.end(world.running()[0], 0.5)
    for operation, more in (
        ("DescribeHyperParameterTuningJob", {"HyperParameterTuningJobName": "t"}),
        ("ListTrainingJobsForHyperParameterTuningJob", {"HyperParameterTuningJobName": "t"}),
        ("ListHyperParameterTuningJobs", {}),
    ):
        shape = model.operation("sagemaker", operation).output_shape
        model.check(world.call(operation, **more), shape)


def test_tells_eventbridge_of_every_status(world: World) -> None:
    world.create()
    while world.running():
        world.end(world.running()[0], 0.8)
    told = [
        announcement
        for event in world.context.store.events(0)
        if event.kind == TUNING_JOB.slug
        for announcement in announcements(event, world.context)
    ]
    assert [each.detail["HyperParameterTuningJobStatus"] for each in told] == ["InProgress", "Completed"]
    assert {each.title for each in told} == {"SageMaker HyperParameter Tuning Job State Change"}
    assert set(told[-1].detail) >= {
        "CreationTime", "HyperParameterTuningJobArn", "HyperParameterTuningJobName", "LastModifiedTime",
        "ObjectiveStatusCounters", "Tags", "TrainingJobDefinition", "TrainingJobStatusCounters"}  # fmt: skip


def test_flexible_instances_are_the_preferred_ones_and_checkpoints_are_its_own(world: World) -> None:
    kinds = [
        {"InstanceType": kind, "InstanceCount": 1, "VolumeSizeInGB": 1} for kind in ("ml.c5.xlarge", "ml.m5.large")
    ]
    more = definition(
        HyperParameterTuningResourceConfig={"InstanceConfigs": kinds, "AllocationStrategy": "Prioritized"},
        CheckpointConfig={"S3Uri": "s3://bucket/checkpoints/"},
    )
    del more["ResourceConfig"]
    world.create(TrainingJobDefinition=more)
    name = world.running()[0]
    job = world.call("DescribeTrainingJob", TrainingJobName=name)
    assert job["ResourceConfig"] == kinds[0]
    assert job["CheckpointConfig"] == {"S3Uri": f"s3://bucket/checkpoints/{name}"}
