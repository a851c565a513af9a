"""Search: AWS's documented operators (API_Filter, API_SearchExpression), over real rows; the SDK reads its answers."""

from types import SimpleNamespace
from typing import Any

import pytest

from loopback.core.errors import ValidationException
from loopback.core.kinds import EXPERIMENT, MODEL, PIPELINE, TRAINING_JOB, TRIAL, TRIAL_COMPONENT
from loopback.services import registry
from loopback.services.sagemaker import experiments
from loopback.services.sagemaker.search import operations  # noqa: F401  # it registers itself
from loopback.services.sagemaker.search.records import RESOURCES
from loopback.wire import model

ROLE = "arn:aws:iam::000000000000:role/pipeline"


def job(store: Any, number: int, auc: float | None, **hyperparameters: str) -> None:
    """A training job that has ended, with channels of its own."""
    name = f"job-{number}"
    store.create(
        TRAINING_JOB,
        name,
        {
            "TrainingJobName": name,
            "HyperParameters": hyperparameters,
            "OutputDataConfig": {"S3OutputPath": "s3://b"},
            "ResourceConfig": {"InstanceType": "ml.m5.large", "InstanceCount": number},
            "InputDataConfig": [
                {
                    "ChannelName": channel,
                    "DataSource": {"S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": f"s3://{channel}/{number}"}},
                }
                for channel in ("train", "validation")
            ],
        },
    )
    store.fire(TRAINING_JOB, name, "lease")
    metrics = [] if auc is None else [{"MetricName": "validation:auc", "Value": auc, "Timestamp": 5.0}]
    store.fire(TRAINING_JOB, name, "complete", {"FinalMetricDataList": metrics})
    store.tag(f"arn:aws:sagemaker:us-east-1:000000000000:training-job/{name}", {"team": f"team {number}"})


@pytest.fixture
def jobs(context: registry.Context, clock: Any) -> None:
    for number, auc, eta in ((1, 0.7, "0.05"), (2, 0.9, "0.5"), (3, None, "1.7")):
        clock.now += 60
        job(context.store, number, auc, eta=eta, objective="binary:logistic" if number < 3 else "reg:squarederror")


def found(sagemaker: Any, *filters: dict[str, Any], resource: str = "TrainingJob", **more: Any) -> str:
    """The numbers of the jobs that are found, in order."""
    expression = {"Filters": list(filters)} if filters else {}
    answer = sagemaker(
        "Search", Resource=resource, SearchExpression={**expression, **more.pop("expression", {})}, **more
    )
    return "".join(result["TrainingJob"]["TrainingJobName"][-1] for result in answer["Results"])


def f(name: str, operator: str | None = None, value: str | None = None) -> dict[str, str]:
    given = {"Name": name, "Operator": operator, "Value": value}
    return {key: text for key, text in given.items() if text is not None}


@pytest.mark.parametrize(
    ("filters", "expected"),
    [
        ([], "321"),
        ([f("TrainingJobName", value="job-2")], "2"),
        ([f("TrainingJobName", "NotEquals", "job-2")], "31"),
        ([f("TrainingJobName", "Contains", "b-1")], "1"),
        ([f("TrainingJobName", "In", "job-1, job-3")], "31"),
        ([f("Metrics.validation:auc", "GreaterThan", "0.8")], "2"),
        ([f("Metrics.validation:auc", "LessThanOrEqualTo", "0.9")], "21"),
        ([f("Metrics.validation:auc", "NotExists")], "3"),
        ([f("HyperParameters.eta", "LessThan", "0.5")], "1"),
        ([f("HyperParameters.eta", "Equals", "0.5")], "2"),
        ([f("HyperParameters.eta", "LessThanOrEqualTo", "1")], "321"),  # decimals become integers: 1.7 is 1
        ([f("HyperParameters.objective", "Contains", "binary")], "21"),
        ([f("HyperParameters.gamma", "Exists")], ""),
        ([f("Tags.team", "Equals", "team 3")], "3"),
        ([f("ResourceConfig.InstanceCount", "GreaterThanOrEqualTo", "2")], "32"),
        ([f("InputDataConfig.DataSource.S3DataSource.S3Uri", "Contains", "validation/2")], "2"),
        ([f("TrainingJobStatus", "Equals", "Completed"), f("HyperParameters.eta", "GreaterThan", "0.1")], "32"),
        ([f("CreationTime", "GreaterThan", "2027-01-15T08:01:30Z")], "32"),
    ],
)
def test_filters(jobs: None, sagemaker: Any, filters: list[dict[str, str]], expected: str) -> None:
    assert found(sagemaker, *filters) == expected


ETA, AUC = f("HyperParameters.eta", "LessThan", "0.5"), f("Metrics.validation:auc", "NotExists")
NESTED = "InputDataConfig.DataSource.S3DataSource.S3Uri"


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ({"Filters": [ETA, AUC], "Operator": "Or"}, "31"),
        ({"Filters": [ETA, AUC], "Operator": "And"}, ""),
        ({"SubExpressions": [{"Filters": [ETA]}, {"Filters": [AUC]}], "Operator": "Or"}, "31"),
        ({"NestedFilters": [{"NestedPropertyName": "InputDataConfig", "Filters": [
            f("InputDataConfig.ChannelName", "Equals", "train"), f(NESTED, "Contains", "train/2")]}]}, "2"),
        ({"NestedFilters": [{"NestedPropertyName": "InputDataConfig", "Filters": [
            f("InputDataConfig.ChannelName", "Equals", "train"), f(NESTED, "Contains", "validation/2")]}]}, ""),
    ],
)  # fmt: skip
def test_expressions(jobs: None, sagemaker: Any, expression: dict[str, Any], expected: str) -> None:
    """A nested filter holds where one object of the list meets all of its filters."""
    assert found(sagemaker, expression=expression) == expected


@pytest.mark.parametrize(
    ("filter_", "told"),
    [
        (f("Nope", value="x"), "Unknown property name: Nope"),
        (f("TrainingJobName", "GreaterThan", "a"), "not supported for text properties"),
        (f("CreationTime", "Contains", "2026"), "supported for text properties only"),
        (f("CreationTime", "GreaterThan", "soon"), "'soon' is not a time such as"),
        (f("ResourceConfig.InstanceCount", "Equals", "many"), "'many' is not a number"),
        (f("ResourceConfig", "Equals", "x"), "name one of its members"),
        (f("TrainingJobName", "Exists", "x"), "Exists takes no Value"),
        (f("TrainingJobName", "Contains"), "Contains needs a Value"),
    ],
)
def test_refuses(sagemaker: Any, filter_: dict[str, str], told: str) -> None:
    with pytest.raises(ValidationException, match=told):
        found(sagemaker, filter_)


def test_refuses_what_aws_limits_and_what_is_not_here(sagemaker: Any) -> None:
    """The words about Contains are AWS's (API_SearchExpression)."""
    twice = [f("TrainingJobName", "Contains", "a"), f("TrainingJobArn", "Contains", "b")]
    with pytest.raises(ValidationException, match="'CONTAINS' operator usage limit of 1 exceeded"):
        found(sagemaker, *twice)
    with pytest.raises(ValidationException, match="loopback has no FeatureGroup to search"):
        sagemaker("Search", Resource="FeatureGroup")
    nested = {"NestedPropertyName": "InputDataConfig", "Filters": [f("TrainingJobName", value="x")]}
    with pytest.raises(ValidationException, match="must begin with InputDataConfig"):
        found(sagemaker, expression={"NestedFilters": [nested]})
    with pytest.raises(ValidationException, match="loopback has one account"):
        sagemaker("Search", Resource="TrainingJob", CrossAccountFilterOption="CrossAccount")


@pytest.mark.parametrize(
    ("sort", "order", "expected"),
    [
        (None, None, "321"),
        ("CreationTime", "Ascending", "123"),
        ("TrainingJobName", "Ascending", "123"),
        ("Metrics.validation:auc", "Descending", "213"),
        ("Metrics.validation:auc", "Ascending", "123"),
        ("HyperParameters.eta", "Descending", "321"),
    ],
)
def test_sorts(jobs: None, sagemaker: Any, sort: str | None, order: str | None, expected: str) -> None:
    asked = {key: value for key, value in (("SortBy", sort), ("SortOrder", order)) if value}
    assert found(sagemaker, **asked) == expected


@pytest.mark.parametrize("sort", ["CreationTime", "Metrics.validation:auc"])
def test_pages(jobs: None, sagemaker: Any, sort: str) -> None:
    asked = {"Resource": "TrainingJob", "MaxResults": 2, "SortBy": sort, "SortOrder": "Ascending"}
    first = sagemaker("Search", **asked)
    second = sagemaker("Search", **asked, NextToken=first["NextToken"])
    assert [len(page["Results"]) for page in (first, second)] == [2, 1]
    assert "NextToken" not in second


def test_every_resource_answers_in_the_service_models_shape(
    context: registry.Context, jobs: None, sagemaker: Any, objects: Any
) -> None:
    objects.buckets["bucket"]["model.tar.gz"] = b""
    sagemaker("CreateModelPackageGroup", ModelPackageGroupName="g")
    store = context.store
    store.create(MODEL, "m", {"ModelName": "m", "ExecutionRoleArn": ROLE, "Tags": [{"Key": "old", "Value": "1"}]})
    store.create(PIPELINE, "p", {"PipelineName": "p", "RoleArn": ROLE}, result={"version": 1})
    store.create(EXPERIMENT, "e", {"ExperimentName": "e"})
    shape = model.operation("sagemaker", "Search").output_shape
    seen = []
    for resource in RESOURCES:
        answer = sagemaker("Search", Resource=resource)
        model.check(answer, shape)
        seen += [resource] * bool(answer["Results"])
    assert set(seen) >= {"TrainingJob", "Model", "ModelPackageGroup", "Pipeline", "Experiment"}
    assert sagemaker("Search", Resource="Model")["Results"][0]["Model"]["Model"]["ModelName"] == "m"


def test_suggests_names_of_properties(sagemaker: Any) -> None:
    query = {"PropertyNameQuery": {"PropertyNameHint": "jobstatus"}}
    answer = sagemaker("GetSearchSuggestions", Resource="TrainingJob", SuggestionQuery=query)
    assert answer == {"PropertyNameSuggestions": [{"PropertyName": "TrainingJobStatus"}]}


def test_the_sdks_experiment_analytics_reads_it(context: registry.Context, jobs: None, sagemaker: Any) -> None:
    analytics = pytest.importorskip("sagemaker.core.analytics")
    store = context.store
    store.create(EXPERIMENT, "e", {"ExperimentName": "e"})
    store.create(TRIAL, "t", {"TrialName": "t", "ExperimentName": "e"}, parent="e")
    for number in (1, 2):
        experiments.track_job("t", "training-job", f"job-{number}", context)
    store.create(TRIAL_COMPONENT, "alone", {"TrialComponentName": "alone", "DisplayName": "alone"})

    def search(**request: Any) -> Any:
        return sagemaker("Search", **{key: value for key, value in request.items() if value is not None})

    session = SimpleNamespace(sagemaker_client=SimpleNamespace(search=search))
    frame = analytics.ExperimentAnalytics(experiment_name="e", sagemaker_session=session).dataframe()
    assert sorted(frame["DisplayName"]) == ["job-1", "job-2"]
    assert sorted(frame["validation:auc - Last"]) == [0.7, 0.9]
    assert sorted(frame["eta"]) == ["0.05", "0.5"]
    assert list(frame["Trials"]) == [["t"], ["t"]]
