"""Which version is pinned, what is written for the stages, and when nothing is."""

import io
import json
from datetime import UTC, datetime
from pathlib import Path

import boto3
import pytest
from botocore.response import StreamingBody
from botocore.stub import Stubber

from slipway.deploy import build, monitors, own_monitors, stage
from slipway.deploy.build import Services
from slipway.monitoring import code

from .resolved import Stack

ROOT = Path(__file__).resolve().parents[3]

GROUP = "demo-churn"
ARN = f"arn:aws:sagemaker:us-east-1:123456789012:model-package/{GROUP}/"
IMAGE = "683313688378.dkr.ecr.us-east-1.amazonaws.com/sagemaker-xgboost:3.2-0"
ENVIRONMENT = {
    "MODEL_EXECUTION_ROLE_ARN": "arn:aws:iam::123456789012:role/Serve",
    "SOURCE_MODEL_PACKAGE_GROUP_NAME": GROUP,
    "SAGEMAKER_PROJECT_ID": "p-1",
    "SAGEMAKER_PROJECT_NAME": "demo",
    "ARTIFACT_BUCKET": "demo-bucket",
    "MONITORING_ROLE_ARN": "arn:aws:iam::123456789012:role/Monitor",
    "SCHEDULE_ROLE_ARN": "arn:aws:iam::123456789012:role/Schedule",
    "WATCH_ROLE_ARN": "arn:aws:iam::123456789012:role/Watch",
    "RETRAIN_ROLE_ARN": "arn:aws:iam::123456789012:role/Retrain",
    "MODELBUILD_PIPELINE_ARN": "arn:aws:codepipeline:us-east-1:123456789012:demo-modelbuild",
}
REPORT = {
    "binary_classification_metrics": {
        "auc": {"value": 0.97, "standard_deviation": 0.01},
        "f1": {"value": 0.9},
        "confusion_matrix": {"0": {"0": 1}},
    },
    "rows": 500,
}
TOOK_TIME = datetime(2026, 1, 2, tzinfo=UTC)


class World:
    def __init__(self):
        keys = {"aws_access_key_id": "x", "aws_secret_access_key": "y", "region_name": "us-east-1"}
        self.sagemaker, self.s3 = boto3.client("sagemaker", **keys), boto3.client("s3", **keys)
        self.codepipeline = boto3.client("codepipeline", **keys)
        self.registry, self.bucket, self.builds = (Stubber(c) for c in (self.sagemaker, self.s3, self.codepipeline))
        self.sent = {}

    def describes(self, version, **changes):
        package = {
            "ModelPackageName": GROUP,
            "ModelPackageGroupName": GROUP,
            "ModelPackageVersion": version,
            "ModelPackageArn": f"{ARN}{version}",
            "CreationTime": TOOK_TIME,
            "ModelPackageStatus": "Completed",
            "ModelPackageStatusDetails": {"ValidationStatuses": []},
            "ModelApprovalStatus": "Approved",
            "InferenceSpecification": {"Containers": [{"Image": IMAGE}]},
            "CustomerMetadataProperties": {
                "CommitId": "abc123",
                "DataVersion": "v1",
                "EvaluationReport": "s3://demo-bucket/run/evaluation.json",
                "GoldenRequests": "s3://demo-bucket/run/golden.json",
            },
            "DriftCheckBaselines": {
                "ModelDataQuality": {
                    name: {"ContentType": "application/json", "S3Uri": f"s3://demo-bucket/base/{name.lower()}.json"}
                    for name in ("Statistics", "Constraints")
                }
            },
        }
        self.registry.add_response("describe_model_package", package | changes, {"ModelPackageName": f"{ARN}{version}"})

    def serves(self, version, asked="demo-prod"):
        """What production runs; 0 for nothing, None for a model of no version."""
        if version == 0:
            text = 'Could not find endpoint "demo-prod".'  # as AWS answers
            self.registry.add_client_error("describe_endpoint", "ValidationException", text)
            return
        times = dict.fromkeys(("CreationTime", "LastModifiedTime"), TOOK_TIME)
        names = {"EndpointName": asked, "EndpointArn": f"{ARN}e", "EndpointConfigName": "c", **times}
        self.registry.add_response(
            "describe_endpoint", names | {"EndpointStatus": "InService"}, {"EndpointName": asked}
        )
        variants = [{"VariantName": "Challenger", "ModelName": "n"}, {"VariantName": "AllTraffic", "ModelName": "m"}]
        config = {"EndpointConfigName": "c", "EndpointConfigArn": f"{ARN}configuration", "CreationTime": TOOK_TIME}
        self.registry.add_response("describe_endpoint_config", config | {"ProductionVariants": variants})
        container = {"ModelPackageName": f"{ARN}{version}"} if version else {"Image": IMAGE}
        model = {"ModelName": "m", "ModelArn": f"{ARN}model-of-it", "CreationTime": TOOK_TIME}
        self.registry.add_response("describe_model", model | {"PrimaryContainer": container}, {"ModelName": "m"})

    def builds_commit(self, commit, status="InProgress"):
        """What modelbuild does."""
        revision = {"actionName": "Source", "revisionId": commit}
        trigger = {"triggerType": "StartPipelineExecution"}
        execution = {"status": status, "sourceRevisions": [revision], "trigger": trigger}
        found = {"pipelineExecutionSummaries": [execution | {"pipelineExecutionId": "e-1"}]}
        asked = {"pipelineName": "demo-modelbuild", "maxResults": build.RECENT}
        self.builds.add_response("list_pipeline_executions", found, asked)

    def gets(self, key, document):
        body = json.dumps(document).encode()
        stream = StreamingBody(io.BytesIO(body), len(body))
        self.bucket.add_response("get_object", {"Body": stream}, {"Bucket": "demo-bucket", "Key": key})

    def reports(self, report=REPORT):
        self.gets("run/evaluation.json", report)
        self.s3.meta.events.register("provide-client-params.s3.PutObject", self._sent)
        self.takes(len(code.files(b"")) + 1)  # of the monitors' jobs, and the definition of a pipeline

    def takes(self, count, present=()):
        """The bucket is asked for two folders, the jobs' code and a definition, and is sent what it lacks."""
        self.bucket.add_response("list_objects_v2", {"Contents": [{"Key": key} for key in present]})
        self.bucket.add_response("list_objects_v2", {})
        for _ in range(count):
            self.bucket.add_response("put_object", {})

    def _sent(self, params, **_more):
        self.sent[params["Key"]] = params["Body"]

    def run(self, *arguments, **environment):
        with self.registry, self.bucket, self.builds:
            services = Services(self.sagemaker, self.s3, self.codepipeline)
            found = build.main(arguments, ENVIRONMENT | environment, services)
            self.registry.assert_no_pending_responses()
            self.builds.assert_no_pending_responses()
            return found


@pytest.fixture
def world():
    return World()


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    """Where the build writes; what it reads is this checkout's, wherever the working folder is."""
    for name in ("TEMPLATE", "MONITORING"):
        monkeypatch.setattr(build, name, ROOT / getattr(build, name))
    for variable in ("staging", "prod"):
        monkeypatch.setitem(
            ENVIRONMENT, f"IMPORT_{variable.upper()}_CONFIG", str(ROOT / stage.STAGES / f"{variable}.yml")
        )
    monkeypatch.chdir(tmp_path)
    return tmp_path


def read(folder, name):
    return json.loads((folder / name).read_text())


def summary(version, day, stage=""):
    return {
        **({"ModelLifeCycle": {"Stage": stage, "StageStatus": "Approved"}} if stage else {}),
        "ModelPackageName": GROUP,
        "ModelPackageGroupName": GROUP,
        "ModelPackageVersion": version,
        "ModelPackageArn": f"{ARN}{version}",
        "CreationTime": datetime(2026, 1, day, tzinfo=UTC),
        "ModelPackageStatus": "Completed",
    }


def lists(world, *pages):
    request = {
        "ModelPackageGroupName": GROUP,
        "ModelApprovalStatus": "Approved",
        "SortBy": "CreationTime",
        "SortOrder": "Descending",
    }
    for number, page in enumerate(pages):
        more = {"NextToken": f"t{number + 1}"} if number + 1 < len(pages) else {}
        token = {"NextToken": f"t{number}"} if number else {}
        world.registry.add_response("list_model_packages", {"ModelPackageSummaryList": page} | more, request | token)


def test_the_given_version_is_pinned_for_every_stage(world, folder, capsys):
    world.describes(7)
    world.reports()
    assert world.run("--model-package-arn", f"{ARN}7") == 0
    for name in ("staging", "prod"):
        found = read(folder, f"{name}-config-export.json")
        assert set(found) == {"Parameters", "Tags"}
        assert found["Parameters"]["ModelPackageName"] == f"{ARN}7"
        assert found["Tags"]["sagemaker:deployment-stage"] == name
        Stack(found["Parameters"])
    assert (folder / "template-export.yml").read_text() == (ROOT / build.TEMPLATE).read_text()
    assert f"{ARN}7: the version that was given" in capsys.readouterr().out


def test_the_record_of_the_promotion(world, folder):
    world.describes(7)
    world.reports()
    assert world.run(MODEL_PACKAGE_ARN=f"{ARN}7") == 0
    found = read(folder, "promotion.json")
    assert found["ModelPackageVersion"] == 7
    assert (found["CommitId"], found["DataVersion"]) == ("abc123", "v1")
    assert found["Metrics"] == {"auc": {"value": 0.97, "standard_deviation": 0.01}, "f1": {"value": 0.9}}
    assert found["EvaluationRows"] == 500
    assert found["Tests"]["staging"]["requests"] == 100
    assert found["Monitor"]["prod"]["data_quality"] == "hourly"
    assert found["Watched"]["prod"] == "data_quality hourly"
    assert set(found["Sha256"]) == {
        *(f"{stage}-{kind}-export.json" for stage in build.NAMES for kind in ("config", "monitoring-config")),
        "template-export.yml",
        "monitoring-template-export.yml",
    }
    variables = (folder / "deploy-variables.sh").read_text().splitlines()
    assert f"export MODEL_PACKAGE_ARN={ARN}7" in variables
    assert "export ANYTHING_TO_DEPLOY=yes" in variables
    assert "export MODEL_METRICS='auc 0.9700, f1 0.9000'" in variables


def test_what_the_monitors_of_our_own_need_is_uploaded(world, folder):
    world.describes(7)
    world.reports()
    assert world.run(MODEL_PACKAGE_ARN=f"{ARN}7", MODEL_MONITOR="no") == 0  # they need none
    given = read(folder, "prod-monitoring-config-export.json")["Parameters"]
    definition = json.loads(world.sent[given["DataQualityDefinition"]])
    job = definition["Steps"][0]["Arguments"]
    assert job["AppSpecification"]["ImageUri"] == IMAGE
    sources = {entry["InputName"]: entry["S3Input"]["S3Uri"] for entry in job["ProcessingInputs"]}
    assert sources["stats"] == "s3://demo-bucket/base/statistics.json"
    folder_of_code = sources["code"].removeprefix("s3://demo-bucket/")
    uploaded = {key.removeprefix(f"{folder_of_code}/") for key in world.sent if key.startswith(folder_of_code)}
    assert uploaded == set(code.files(b""))
    assert read(folder, "promotion.json")["Watched"]["prod"] == "data_quality hourly"


def test_what_the_bucket_has_is_not_sent_again(world, folder):
    files = code.files(monitors.SCRIPT.read_bytes())
    present = [f"{own_monitors.CODE}/{code.digest(files)}/{name}" for name in files]
    world.describes(7)
    world.gets("run/evaluation.json", REPORT)
    world.s3.meta.events.register("provide-client-params.s3.PutObject", world._sent)
    world.takes(1, present)
    assert world.run(*staged(folder, "capture: {sampling_percent: 9}\nmonitor: {data_quality: hourly}")) == 0
    given = read(folder, "prod-monitoring-config-export.json")["Parameters"]
    assert list(world.sent) == [given["DataQualityDefinition"]]


@pytest.mark.parametrize(("there", "judged"), [(1, True), (0, False)])
def test_limits_that_an_evaluation_has_not_written_are_left_out(world, folder, there, judged):
    limits = {"ContentType": "application/json", "S3Uri": "s3://demo-bucket/run/model_quality_constraints.json"}
    world.describes(7, DriftCheckBaselines={"ModelQuality": {"Constraints": limits}})
    world.gets("run/evaluation.json", REPORT)
    asked = {"Bucket": "demo-bucket", "Prefix": "run/model_quality_constraints.json", "MaxKeys": 1}
    world.bucket.add_response("list_objects_v2", {"KeyCount": there}, asked)
    world.s3.meta.events.register("provide-client-params.s3.PutObject", world._sent)
    world.takes(len(code.files(b"")) + 1)
    text = "capture: {sampling_percent: 9}\nmonitor: {model_quality: hourly, ground_truth: labels/}"
    assert world.run(*staged(folder, text)) == 0
    given = read(folder, "prod-monitoring-config-export.json")["Parameters"]
    job = json.loads(world.sent[given["ModelQualityDefinition"]])["Steps"][0]["Arguments"]
    assert ("constraints" in {entry["InputName"] for entry in job["ProcessingInputs"]}) == judged
    assert job["Environment"]["problem_type"] == "BinaryClassification"


@pytest.mark.parametrize(("document", "estimates"), [({"calibration": {}}, True), ({"regression_metrics": {}}, False)])
@pytest.mark.parametrize("limit", ["", ", estimated_performance: {f1: 0.8}"])
def test_the_performance_is_estimated_where_the_version_says_what_its_scores_are_worth(
    world, folder, capsys, document, estimates, limit
):
    names = {"ModelDataQuality": ("Statistics", "Constraints"), "ModelQuality": ("Statistics",)}
    baselines = {
        section: {name: {"ContentType": "application/json", "S3Uri": f"s3://demo-bucket/{section}.json"} for name in of}
        for section, of in names.items()
    }
    world.describes(7, DriftCheckBaselines=baselines)
    world.gets("run/evaluation.json", REPORT)
    asked = {"Bucket": "demo-bucket", "Prefix": "ModelQuality.json", "MaxKeys": 1}
    text = f"capture: {{sampling_percent: 9}}\nmonitor: {{data_quality: hourly{limit}}}"
    arguments = staged(folder, text)
    world.bucket.add_response("list_objects_v2", {"KeyCount": 1}, asked)
    world.gets("ModelQuality.json", document)
    if limit and not estimates:
        assert world.run(*arguments) == 1
        assert "does not say what its scores are worth, which estimated_performance of" in capsys.readouterr().err
        return
    world.s3.meta.events.register("provide-client-params.s3.PutObject", world._sent)
    world.takes(len(code.files(b"")) + 1)
    assert world.run(*arguments) == 0
    given = read(folder, "prod-monitoring-config-export.json")["Parameters"]
    job = json.loads(world.sent[given["DataQualityDefinition"]])["Steps"][0]["Arguments"]
    places = {entry["S3Input"]["LocalPath"].rpartition("/")[2] for entry in job["ProcessingInputs"]}
    assert ("performance" in places) == estimates
    assert job["Environment"].get("estimated_performance") == ('{"f1": 0.8}' if limit else None)


def test_without_model_monitor_its_monitors_are_left_out(world, folder, capsys):
    world.describes(7, DriftCheckBaselines={})
    world.gets("run/evaluation.json", REPORT)
    text = "capture: {sampling_percent: 20}\nmonitor: {engine: sagemaker, data_quality: hourly, retrain: true}"
    assert world.run(*staged(folder, text), MODEL_MONITOR="no") == 0
    for name in build.NAMES:
        given = read(folder, f"{name}-monitoring-config-export.json")["Parameters"]
        assert {key: value for key, value in given.items() if key.endswith("Schedule") and value} == {}
        assert not given.get("RetrainPipelineArn")
    watched = read(folder, "promotion.json")["Watched"]
    assert watched["staging"] == "nothing: its monitors are off"
    assert watched["prod"] == (
        "nothing: the account has no Model Monitor, which data_quality hourly needs with engine: sagemaker"
    )
    assert f"prod is watched by {watched['prod']}" in capsys.readouterr().out


def test_whether_there_is_model_monitor_is_yes_or_no(world, folder, capsys):
    assert world.run(MODEL_PACKAGE_ARN=f"{ARN}7", MODEL_MONITOR="maybe") == 2
    assert "$MODEL_MONITOR is 'maybe'; allowed: yes, no" in capsys.readouterr().err
    assert list(folder.iterdir()) == []


def test_identical_input_gives_identical_bytes(folder):
    made = []
    for _ in range(2):
        world = World()
        world.describes(7)
        world.reports()
        assert world.run(MODEL_PACKAGE_ARN=f"{ARN}7") == 0
        made.append({path.name: path.read_bytes() for path in folder.iterdir()})
    assert made[0] == made[1]


@pytest.mark.parametrize(
    ("pages", "best"),
    [
        ([[summary(3, 3), summary(2, 2)]], 3),
        ([[summary(3, 3), summary(4, 3)]], 4),
        ([[summary(9, 1)], [summary(3, 5)]], 3),
        ([[summary(3, 3, "Archived"), summary(2, 2, "Production")]], 2),
        ([[summary(3, 3), summary(2, 2, "Production")]], 3),
        ([[summary(3, 3, "Archived"), summary(2, 2, "Archived")]], 3),
    ],
    ids=["newest", "equally old", "on the second page", "after a rollback", "on its way", "nothing else"],
)
def test_the_newest_approved_by_name(world, capsys, pages, best):
    lists(world, *pages)
    world.describes(best)
    world.reports()
    assert world.run(MODEL_PACKAGE_ARN="newest-approved") == 0
    assert f"{ARN}{best}: no version was given: the newest approved one" in capsys.readouterr().out


def test_a_push_to_deploy_brings_settings_to_what_production_runs(world, folder, capsys):
    """Whichever other version is approved, and also where it is newer: the registry is not asked for a list."""
    world.serves(5)
    world.describes(5)
    world.reports()
    assert world.run() == 0
    assert f"{ARN}5: no version was given: what production runs" in capsys.readouterr().out
    variables = (folder / "deploy-variables.sh").read_text().splitlines()
    assert {f"export MODEL_PACKAGE_ARN={ARN}5", "export MODEL_VERSION_FROM=production"} <= set(variables)


def test_an_ab_test_is_one_push(world, folder):
    world.serves(5)
    world.describes(5)
    world.describes(6)
    world.reports()
    stage, path, *_ = staged(folder, "ab: {version: 6, percent: 20}")
    assert world.run(stage, path) == 0
    found = read(folder, "prod-config-export.json")["Parameters"]
    assert (found["ModelPackageName"], found["ChallengerModelPackageName"]) == (f"{ARN}5", f"{ARN}6")
    assert (found["VariantWeight"], found["ChallengerWeight"]) == ("80", "20")


@pytest.mark.parametrize(("status", "deployed"), [("InProgress", False), ("Failed", True), ("Succeeded", True)])
def test_a_push_to_both_halves_is_deployed_with_the_version_that_is_built_of_it(
    world, folder, capsys, status, deployed
):
    world.serves(5)
    world.builds_commit("c1", status)
    if deployed:
        world.describes(5)
        world.reports()
    assert world.run(CODEBUILD_RESOLVED_SOURCE_VERSION="c1") == 0
    said = capsys.readouterr().out
    assert ("nothing to deploy: execution e-1 of modelbuild goes on with the same commit" in said) is not deployed
    assert ("export ANYTHING_TO_DEPLOY=no" in (folder / "deploy-variables.sh").read_text()) is not deployed


def test_production_that_runs_no_version_of_the_registry(world, folder, capsys):
    world.serves(None)
    assert world.run() == 1
    assert "demo-prod runs a model of no version in the registry" in capsys.readouterr().err
    assert not list(folder.iterdir())


def test_a_refusal_is_not_taken_for_no_production(world, capsys):
    world.registry.add_client_error("describe_endpoint", "AccessDeniedException", "not authorized")
    assert world.run() == 1
    assert "what demo-prod runs can't be told: AccessDeniedException: not authorized" in capsys.readouterr().err


def test_the_newest_by_name_is_never_its_own_challenger(world, folder, capsys):
    lists(world, [summary(3, 3), summary(2, 2, "Production")])
    world.describes(2)
    world.describes(3)
    world.reports()
    stage, path, *_ = staged(folder, "ab: {version: 3, percent: 10}")
    assert world.run(stage, path, MODEL_PACKAGE_ARN="newest-approved") == 0
    assert f"{ARN}2: no version was given" in capsys.readouterr().out


def test_an_explainability_monitor_s_configuration_is_uploaded(world, folder):
    uri = {"ContentType": "application/json", "S3Uri": "s3://demo-bucket/run/explain/analysis.json"}
    documents = {"Constraints": uri, "ConfigFile": {"S3Uri": "s3://demo-bucket/code/1/analysis_config.json"}}
    world.describes(7, DriftCheckBaselines={"Explainability": documents})
    world.gets("run/evaluation.json", REPORT)
    world.gets("code/1/analysis_config.json", {"headers": ["a"], "methods": {"shap": {}}})
    world.bucket.add_response("list_objects_v2", {"KeyCount": 1})
    world.takes(2)
    sent = []
    world.s3.meta.events.register("provide-client-params.s3.PutObject", lambda params, **_: sent.append(params))
    text = "capture: {sampling_percent: 100}\nmonitor: {engine: sagemaker, explainability: hourly}"
    assert world.run(*staged(folder, text)) == 0
    given = read(folder, "prod-monitoring-config-export.json")["Parameters"]
    (config,) = [put for put in sent if put["Key"].endswith(".json")]
    assert given["AttributionConfigUri"] == f"s3://{config['Bucket']}/{config['Key']}"
    assert json.load(config["Body"])["predictor"]["model_name"] == given["AttributionModelName"]


REFUSED = {
    "rejected": ({"ModelApprovalStatus": "Rejected"}, f"{ARN}7 is Rejected, not Approved"),
    "pending": ({"ModelApprovalStatus": "PendingManualApproval"}, "is PendingManualApproval, not Approved"),
    "of another group": (
        {"ModelPackageGroupName": "other"},
        "belongs to other, and this project deploys demo-churn",
    ),
    "not complete": ({"ModelPackageStatus": "Failed"}, "is Failed, not Completed"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_a_version_that_may_not_be_deployed(world, folder, capsys, case):
    changes, message = REFUSED[case]
    world.describes(7, **changes)
    assert world.run(MODEL_PACKAGE_ARN=f"{ARN}7") == 1
    assert message in capsys.readouterr().err
    assert not list(folder.iterdir())


def test_while_nothing_is_approved_there_is_nothing_to_deploy(world, folder, capsys):
    world.serves(0)
    lists(world, [])
    assert world.run() == 0
    assert "nothing to deploy: no version of demo-churn is approved yet" in capsys.readouterr().out
    (path,) = folder.iterdir()
    assert path.read_text() == "export ANYTHING_TO_DEPLOY=no\n"


def test_an_unknown_version(world, capsys):
    world.registry.add_client_error("describe_model_package", "ValidationException", "does not exist")
    assert world.run(MODEL_PACKAGE_ARN=f"{ARN}99") == 1
    assert f"{ARN}99 can't be described: ValidationException: does not exist" in capsys.readouterr().err


def test_a_report_that_is_gone(world, folder, capsys):
    world.describes(7)
    world.bucket.add_client_error("get_object", "NoSuchKey")
    assert world.run(MODEL_PACKAGE_ARN=f"{ARN}7") == 1
    assert "s3://demo-bucket/run/evaluation.json of this version can't be read: NoSuchKey" in capsys.readouterr().err
    assert not list(folder.iterdir())


def test_a_wrong_stage_file_is_refused_before_anything(world, folder, capsys):
    path = folder / "prod.yml"
    path.write_text("captures: {}\n")
    assert world.run("--import-prod-config", str(path)) == 2
    assert f"{path}:1: unknown key 'captures'" in capsys.readouterr().err
    assert [p.name for p in folder.iterdir()] == ["prod.yml"]


def test_missing_arguments_are_all_named(capsys):
    assert build.main([], {}) == 2
    error = capsys.readouterr().err
    assert "--model-execution-role or $MODEL_EXECUTION_ROLE_ARN" in error
    assert "--s3-bucket or $ARTIFACT_BUCKET" in error


def staged(folder, text):
    path = folder / "prod.yml"
    path.write_text(text)
    return "--import-prod-config", str(path), "--model-package-arn", f"{ARN}7"


@pytest.mark.parametrize(("status", "code"), [("Approved", 0), ("PendingManualApproval", 1), ("Rejected", 1)])
def test_a_challenger_must_be_approved(world, folder, status, code):
    world.describes(7)
    world.describes(6, ModelApprovalStatus=status)
    world.reports()
    assert world.run(*staged(folder, "ab: {version: 6, percent: 10}")) == code
    if code == 0:
        found = read(folder, "prod-config-export.json")["Parameters"]
        assert found["ChallengerModelPackageName"] == f"{ARN}6"


@pytest.mark.parametrize(("status", "code"), [("PendingManualApproval", 0), ("Rejected", 1)])
def test_a_shadow_must_not_be_rejected(world, folder, status, code):
    world.describes(7)
    world.describes(6, ModelApprovalStatus=status)
    world.reports()
    assert world.run(*staged(folder, "shadow: {version: 6}")) == code


def test_no_version_stands_beside_itself(world, folder, capsys):
    world.describes(7)
    assert world.run(*staged(folder, "shadow: {version: 7}")) == 1
    assert "version 7 can't stand beside itself" in capsys.readouterr().err


def test_alarms_go_to_the_projects_topic_unless_the_stage_names_another(world, folder):
    project, own = (f"arn:aws:sns:us-east-1:123456789012:{name}" for name in ("project", "own"))
    world.describes(7)
    world.reports()
    assert world.run(*staged(folder, f'alarms: {{topic: "{own}"}}'), NOTIFICATION_TOPIC_ARN=project) == 0
    topics = {n: read(folder, f"{n}-config-export.json")["Parameters"]["NotificationTopicArn"] for n in build.NAMES}
    assert topics == {"staging": project, "prod": own}


def test_the_projects_own_tags(world, folder):
    project = "arn:aws:sagemaker:us-east-1:123456789012:project/demo"
    world.describes(7)
    tags = [{"Key": "team", "Value": "risk"}, {"Key": "sagemaker:project-name", "Value": "no"}]
    world.registry.add_response("list_tags", {"Tags": tags}, {"ResourceArn": project})
    world.reports()
    assert world.run(MODEL_PACKAGE_ARN=f"{ARN}7", SAGEMAKER_PROJECT_ARN=project) == 0
    found = read(folder, "staging-config-export.json")["Tags"]
    assert (found["team"], found["sagemaker:project-name"]) == ("risk", "demo")


def test_lists_for_the_aws_command_line(world, folder):
    world.describes(7)
    world.reports()
    assert world.run("--export-cfn-params-tags", MODEL_PACKAGE_ARN=f"{ARN}7") == 0
    names = {item["ParameterKey"] for item in read(folder, "prod-params-export.json")}
    assert names == set(read(folder, "prod-config-export.json")["Parameters"])
    assert {"Key": "sagemaker:project-id", "Value": "p-1"} in read(folder, "prod-tags-export.json")


def test_the_arguments_of_awss_own_template_are_accepted():
    found = build.parse(
        [
            *("--model-execution-role", "r", "--model-package-group-name", "g", "--sagemaker-project-id", "i"),
            *("--sagemaker-project-name", "n", "--s3-bucket", "b", "--log-level", "INFO"),
            *("--export-staging-config", "s.json", "--export-prod-config", "p.json"),
        ],
        {},
    )
    assert (found.export_staging_config, found.export_template) == ("s.json", "template-export.yml")
    assert found.import_staging_config == str(stage.STAGES / "staging.yml")
