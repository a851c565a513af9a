"""A stage's monitor block as parameters of monitoring.yml, and when there is nothing that could be deployed."""

import contextlib
import json
from pathlib import Path

import pytest

from slipway.build.project import UsageError
from slipway.deploy import explained, monitors, own_monitors, parameters, stage
from slipway.deploy.parameters import Release
from slipway.deploy.versions import NotDeployableError

from . import resolved
from .test_monitoring import Monitors, source

ROOT = Path(__file__).resolve().parents[3]

RELEASE = Release("demo", "p-1", "arn:role", "bucket", "arn:package/7", topic="arn:aws:sns:us-east-1:1:t")
ARNS = {name: f"arn:a:b:c:d:{name}" for name in monitors.ARNS}
BASELINE = {name: {"S3Uri": f"s3://bucket/base/{name.lower()}.json"} for name in ("Statistics", "Constraints")}
RECORD = {
    "ModelPackageArn": "arn:package/7",
    "MetricsSection": "regression_metrics",
    "DriftCheckBaselines": {"ModelDataQuality": BASELINE},
}
CAPTURED = "capture: {sampling_percent: 20}\n"
AWS = CAPTURED + "monitor: {engine: sagemaker, "
HOURLY = AWS + "data_quality: hourly}"
LABELLED = AWS + "model_quality: hourly, ground_truth: labels/}"


@pytest.fixture
def configured(tmp_path, monkeypatch):
    """The parameters that a stage's file makes, accepted by the template, and the stack that they make."""
    monkeypatch.setattr(resolved, "template", source)

    def make(text, record=RECORD, arns=ARNS):
        path = tmp_path / "prod.yml"
        make.written = [path]
        path.write_text(text)
        settings = stage.load(path)
        endpoint = parameters.configuration(settings, "prod", RELEASE, {})
        attribution = monitors.explanation_settings(settings, endpoint, {"methods": {}})
        found = monitors.configuration(settings, "prod", endpoint, arns, record, attribution)
        assert found["Tags"] == endpoint["Tags"]
        return found["Parameters"], Monitors(found["Parameters"])

    return make


def test_the_default_of_production(configured):
    given, stack = configured((ROOT / stage.STAGES / "prod.yml").read_text())
    assert (given["Engine"], given["DataQualitySchedule"]) == ("slipway", "cron(15 * ? * * *)")
    assert given["DataQualityStatisticsUri"] == "s3://bucket/base/statistics.json"
    assert given["ReportPath"] == "s3://bucket/monitoring/prod"
    assert given["NotificationTopicArn"] == RELEASE.topic
    assert given["RetrainPipelineArn"] == ARNS["RetrainPipelineArn"]
    assert {"DataQualityPipeline", "DataQualityTimer", "ViolationAlarm", "RetrainFunction"} <= set(stack.resources)
    assert not {"DataQualityMonitor", "DataQualityJobDefinition"} & set(stack.resources)
    assert stack.properties("DataQualityTimer")["Target"]["RoleArn"] == ARNS["ScheduleRoleArn"]
    assert stack.properties("DataQualityPipeline")["PipelineName"] == "demo-prod-data-quality"


def test_the_engine_sagemaker_is_model_monitor(configured):
    given, stack = configured(HOURLY)
    assert (given["Engine"], given["DataQualitySchedule"]) == ("sagemaker", "cron(0 * ? * * *)")
    assert "DataQualityMonitor" in stack.resources
    assert not {"DataQualityPipeline", "DataQualityTimer"} & set(stack.resources)
    assert "ScheduleRoleArn" not in given


def test_the_default_of_staging_is_a_stack_with_nothing_that_costs(configured):
    _, stack = configured((ROOT / stage.STAGES / "staging.yml").read_text(), arns={})
    assert set(stack.resources) == {"LastRetraining"}


def test_without_retrain_drift_only_tells_people(configured):
    given, stack = configured(HOURLY, arns={name: arn for name, arn in ARNS.items() if "Retrain" not in name})
    assert "RetrainPipelineArn" not in given
    assert {"ViolationAlarm", "RetrainFunction"} & set(stack.resources) == {"ViolationAlarm"}


@pytest.mark.parametrize(
    ("frequency", "labels", "uri", "window"),
    [
        ("hourly", "labels/", "s3://bucket/labels", ("-PT25H", "-PT24H")),
        ("daily", "s3://other/truth/churn", "s3://other/truth/churn", ("-PT48H", "-PT24H")),
    ],
)
def test_where_labels_are_and_when_they_are_complete(configured, frequency, labels, uri, window):
    given, stack = configured(f"{AWS}model_quality: {frequency}, ground_truth: '{labels}'}}")
    assert (given["GroundTruthUri"], given["LabelsFrom"], given["LabelsTo"]) == (uri, *window)
    assert given["ProblemType"] == "Regression"
    assert "ModelQualityBaselineConfig" not in stack.properties("ModelQualityJobDefinition")


CHECKED = RECORD | {
    "DriftCheckBaselines": {
        "Bias": {
            "ConfigFile": {"S3Uri": "s3://bucket/code/1/analysis_config.json"},
            "PreTrainingConstraints": {"S3Uri": "s3://bucket/pre/analysis.json"},
            "PostTrainingConstraints": {"S3Uri": "s3://bucket/post/analysis.json"},
        },
        "Explainability": {
            "ConfigFile": {"S3Uri": "s3://bucket/code/2/analysis_config.json"},
            "Constraints": {"S3Uri": "s3://bucket/shap/analysis.json"},
        },
    }
}


def test_bias_compares_what_the_model_did_with_what_it_did(configured):
    text = AWS + "bias: hourly, ground_truth: labels, labels_after_hours: 2}"
    given, stack = configured(text, CHECKED)
    definition = stack.properties("BiasJobDefinition")
    assert definition["ModelBiasAppSpecification"]["ConfigUri"] == "s3://bucket/code/1/analysis_config.json"
    baseline = definition["ModelBiasBaselineConfig"]["ConstraintsResource"]
    assert baseline == {"S3Uri": "s3://bucket/post/analysis.json"}
    assert definition["ModelBiasJobInput"]["GroundTruthS3Input"] == {"S3Uri": "s3://bucket/labels"}
    asked = definition["ModelBiasJobInput"]["EndpointInput"]
    assert (asked["ProbabilityAttribute"], asked["StartTimeOffset"], asked["EndTimeOffset"]) == ("0", "-PT3H", "-PT2H")
    assert "AttributionModelName" not in given


def test_monitors_of_our_own_ask_no_model_and_need_no_clarify(configured):
    text = CAPTURED + "monitor: {bias: hourly, explainability: daily, ground_truth: labels/}"
    given, stack = configured(text, CHECKED)
    assert (given["BiasSchedule"], given["AttributionSchedule"]) == ("cron(15 * ? * * *)", "cron(15 0 ? * * *)")
    assert {"BiasPipeline", "BiasTimer", "AttributionPipeline", "AttributionTimer"} <= set(stack.resources)
    closed = {"AttributionModel", "BiasJobDefinition", "BiasMonitor", "AttributionJobDefinition", "AttributionMonitor"}
    assert not closed & set(stack.resources)
    assert "AttributionModelName" not in given
    record = CHECKED | {"ModelDataUrl": "s3://bucket/m/model.tar.gz", "DecisionThreshold": 0.4}
    record["DriftCheckBaselines"] = record["DriftCheckBaselines"] | {"ModelDataQuality": BASELINE}
    facts = own_monitors.version_facts(record) | given | {"DataCaptureUploadPath": "s3://bucket/captured"}
    facts["ModelPackageArn"] = "arn:aws:sagemaker:us-east-1:1:model-package/g/7"
    (path,) = configured.written
    made = own_monitors.of_stage(stage.load(path), facts, "image", b"")
    jobs = {name: json.loads(made.objects[made.parameters[name]])["Steps"][0]["Arguments"] for name in made.parameters}
    assert jobs.keys() == {"BiasDefinition", "AttributionDefinition"}
    sources = {
        name: {entry["InputName"]: entry["S3Input"]["S3Uri"] for entry in job["ProcessingInputs"]}
        for name, job in jobs.items()
    }
    assert sources["BiasDefinition"] | {"code": ""} == {
        "code": "",
        "constraints": "s3://bucket/base/constraints.json",
        "config": "s3://bucket/code/1/analysis_config.json",
        "analysis": "s3://bucket/post/analysis.json",
    }
    assert sources["AttributionDefinition"]["model"] == "s3://bucket/m/model.tar.gz"
    environment = jobs["BiasDefinition"]["Environment"]
    assert (environment["labels"], environment["probability_threshold"]) == ("s3://bucket/labels", "0.4")
    assert any(key.endswith("slipway/tabular/explaining.py") for key in made.objects)


@pytest.mark.parametrize(
    ("engine", "config", "refused"),
    [
        ("slipway", {"engine": "slipway"}, ""),
        ("sagemaker", {"predictor": {}}, ""),
        ("slipway", {"predictor": {}}, "was explained by engine: sagemaker"),
        ("sagemaker", {"engine": "slipway"}, "was explained by engine: slipway"),
        ("slipway", {}, ""),  # it is told as a baseline that is missing
    ],
)
def test_explanations_are_compared_with_those_of_the_same_method(engine, config, refused):
    monitor = stage.Monitor(engine=engine, explainability="daily")
    expected = pytest.raises(NotDeployableError, match=refused) if refused else contextlib.nullcontext()
    with expected:
        explained.check_engine(monitor, "prod", config, "arn:package/7")


def test_explanations_ask_a_model_of_the_same_version(configured):
    given, stack = configured(AWS + "explainability: daily}", CHECKED)
    model = stack.properties("AttributionModel")
    assert model["ModelName"] == given["AttributionModelName"]
    assert model["Containers"] == [{"ModelPackageName": "arn:package/7"}]
    assert model["ExecutionRoleArn"] == "arn:role"
    definition = stack.properties("AttributionJobDefinition")
    assert definition["ModelExplainabilityAppSpecification"]["ConfigUri"] == given["AttributionConfigUri"]
    assert given["AttributionConfigUri"].startswith("s3://bucket/monitoring/config/")
    baseline = definition["ModelExplainabilityBaselineConfig"]["ConstraintsResource"]
    assert baseline == {"S3Uri": "s3://bucket/shap/analysis.json"}


def test_keys_and_network_are_the_endpoint_s(configured):
    text = "\nkms: {volume: k}\nvpc: {subnets: [subnet-1, subnet-2], security_groups: [sg-1]}"
    _, stack = configured(HOURLY + text)
    definition = stack.properties("DataQualityJobDefinition")
    assert definition["JobResources"]["ClusterConfig"]["VolumeKmsKeyId"] == "k"
    assert definition["NetworkConfig"]["VpcConfig"]["Subnets"] == ["subnet-1", "subnet-2"]


REFUSED = {
    "a role that is not given": (HOURLY, RECORD, {}, UsageError, "--monitoring-role or $MONITORING_ROLE_ARN"),
    "a version without a baseline": (
        HOURLY,
        RECORD | {"DriftCheckBaselines": None},
        ARNS,
        NotDeployableError,
        "arn:package/7 has no DriftCheckBaselines.ModelDataQuality.Statistics",
    ),
    "a version without a bias baseline": (
        AWS + "bias: daily, ground_truth: labels}",
        RECORD,
        ARNS,
        NotDeployableError,
        "DriftCheckBaselines.Bias.ConfigFile, which monitor.bias of prod.yml compares with",
    ),
    "a version that nobody has explained": (
        AWS + "explainability: daily}",
        RECORD,
        ARNS,
        NotDeployableError,
        "DriftCheckBaselines.Explainability.ConfigFile, which monitor.explainability of prod.yml compares with",
    ),
    "a version that predicts nobody knows what": (
        LABELLED,
        RECORD | {"MetricsSection": ""},
        ARNS,
        NotDeployableError,
        "monitor.model_quality of prod.yml needs",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_can_not_be_monitored(configured, case):
    text, record, arns, kind, message = REFUSED[case]
    with pytest.raises(kind) as error:
        configured(text, record, arns)
    assert message in str(error.value)


def test_what_a_version_says_of_its_answers_and_its_gaps_reaches_the_monitors(configured):
    says = RECORD | {
        "MetricsSection": "binary_classification_metrics",
        "DecisionThreshold": 0.37,
        "MissingWords": "WyIiXQ==",
    }
    text = AWS + "data_quality: hourly, model_quality: hourly, ground_truth: labels/}"
    given, stack = configured(text, record=says)
    assert (given["ProbabilityThreshold"], given["MissingWords"]) == ("0.37", "WyIiXQ==")
    environment = stack.properties("DataQualityJobDefinition")["DataQualityAppSpecification"]["Environment"]
    assert environment["missing_words"] == "WyIiXQ=="
    assert stack.properties("ModelQualityJobDefinition")["ModelQualityJobInput"]["EndpointInput"][
        "ProbabilityThresholdAttribute"
    ] in ("0.37", 0.37)
    given, stack = configured(text)
    assert (
        "missing_words"
        not in stack.properties("DataQualityJobDefinition")["DataQualityAppSpecification"]["Environment"]
    )
