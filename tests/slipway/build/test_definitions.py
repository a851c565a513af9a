"""What the definitions say, that they are byte-identical from every checkout, and what a change changes."""

import json
import os
import re
import shutil
import subprocess
import sys

import pytest

from slipway.build import bundles, compiled, get_pipeline_definition
from tests.slipway.conftest import ROOT, build_with, config_of

ENVIRONMENT = {
    "SAGEMAKER_PROJECT_NAME": "demo",
    "SAGEMAKER_PIPELINE_ROLE_ARN": "arn:aws:iam::123456789012:role/Pipelines",
    "ARTIFACT_BUCKET": "demo-bucket",
    "AWS_REGION": "us-east-1",
}


def command(root, *arguments, environment=ENVIRONMENT):
    return subprocess.run(
        [sys.executable, "-m", "slipway.build.get_pipeline_definition", *arguments],
        cwd=root,
        capture_output=True,
        text=True,
        env={"PATH": os.environ["PATH"], **environment},
        check=False,
    )


def checkout(folder):
    for name in ("pipelines", "slipway"):
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    return folder


@pytest.fixture(scope="module")
def elsewhere(tmp_path_factory):
    return checkout(tmp_path_factory.mktemp("somewhere") / "else")


def test_another_checkout_compiles_to_the_same_bytes_and_then_without_the_sdk(compiled_churn, elsewhere, tmp_path):
    first = command(elsewhere, "-n", "pipelines.churn.pipeline")
    assert first.stdout == compiled_churn.text + "\n"
    assert first.stderr == f"project {elsewhere}\n"
    (tmp_path / "sagemaker.py").write_text("raise ImportError('loaded')")  # seconds, where it is not needed
    second = command(
        elsewhere,
        *("--module-name", "pipelines.churn.pipeline", "--file-name", "d.json"),
        environment={**ENVIRONMENT, "PYTHONPATH": str(tmp_path)},
    )
    assert (second.stdout, second.returncode) == ("", 0), second.stderr
    assert (elsewhere / "d.json").read_text() == first.stdout


def test_steps_are_the_agreed_ones(compiled_churn, compiled_abalone):
    for made in (compiled_churn, compiled_abalone):
        steps = {s["Name"]: s for s in json.loads(made.text)["Steps"]}
        gate = steps["Gate"]["Arguments"]
        assert {name: s["Type"] for name, s in steps.items()} == {
            "Prepare": "Processing",
            "Baseline": "Processing",
            "Train": "Training",
            "Evaluate": "Processing",
            "Gate": "Condition",
        }
        assert [(s["Name"], s["Type"]) for s in gate["IfSteps"]] == [("Register", "RegisterModel")]
        assert [(s["Name"], s["Type"]) for s in gate["ElseSteps"]] == [("Fail", "Fail")]
        for name in ("Prepare", "Baseline", "Train", "Evaluate"):
            assert steps[name]["CacheConfig"] == {"Enabled": True, "ExpireAfter": "P30D"}


def test_the_registered_container_can_start(compiled_churn):
    steps = {s["Name"]: s["Arguments"] for s in json.loads(compiled_churn.text)["Steps"]}
    register = steps["Gate"]["IfSteps"][0]["Arguments"]
    environment = register["InferenceSpecification"]["Containers"][0]["Environment"]
    assert environment["SAGEMAKER_PROGRAM"] == "inference.py"
    for container in (environment, steps["Train"]["Environment"]):  # pip asks no index: journeys/test_xgboost_image.py
        assert container["PIP_NO_BUILD_ISOLATION"] == "0"
    assert environment["SAGEMAKER_SUBMIT_DIRECTORY"] == "/opt/ml/model/code"
    assert environment["SAGEMAKER_DEFAULT_INVOCATIONS_ACCEPT"] == "text/csv"
    baseline = register["DriftCheckBaselines"]["ModelDataQuality"]
    assert baseline["Statistics"]["S3Uri"]["Std:Join"]["Values"][0]["Get"].startswith("Steps.Baseline.")
    assert baseline["Constraints"]["S3Uri"]["Std:Join"]["Values"][1] == "constraints.json"  # Evaluate gave them room
    assert {"CommitId", "DataVersion", "InputDataUrl", "PipelineExecutionArn"} <= set(
        register["CustomerMetadataProperties"]
    )


def test_what_changes_from_run_to_run_is_a_parameter(compiled_churn):
    parameters = {p["Name"]: p.get("DefaultValue") for p in json.loads(compiled_churn.text)["Parameters"]}
    assert parameters["MinAuc"] == config_of("churn")["gates"]["thresholds"]["auc"]
    assert parameters["ModelApprovalStatus"] == "PendingManualApproval"
    assert parameters["ChampionModelPackageArn"] == "latest"
    assert parameters["SkipDataQualityCheck"] is parameters["RegisterNewBaseline"] is True
    assert {"CommitId", "DataVersion", "InputDataUrl"} <= set(parameters)


def digests(root, config):
    return {
        "Prepare": bundles.processing(
            root / "pipelines/churn", "prepare", {k: config[k] for k in ("data", "split")}
        ).digest,
        "Train": bundles.training(root / "pipelines/churn").digest,
        "Evaluate": bundles.processing(
            root / "pipelines/churn",
            "evaluate",
            {k: config[k] for k in ("data", "slices", "monitoring", "decision", "problem", "champion_metric")},
        ).digest,
    }


@pytest.mark.parametrize(
    ("file", "changed"),
    [
        ("slipway/tabular/scripts/evaluate.py", {"Evaluate"}),
        ("slipway/tabular/scripts/prepare.py", {"Prepare"}),
        ("slipway/tabular/scripts/train.py", {"Train"}),
        ("slipway/tabular/scripts/inference.py", {"Train"}),
        ("slipway/tabular/charts.py", {"Evaluate"}),
        ("slipway/tabular/dealing.py", {"Prepare"}),
        ("slipway/tabular/split.py", {"Prepare", "Train", "Evaluate"}),
        ("slipway/tabular/encoder.py", {"Prepare", "Train", "Evaluate"}),
        ("pipelines/abalone/prepare.py", set()),
        ("slipway/build/run_pipeline.py", set()),
    ],
)
def test_an_edit_reaches_only_the_jobs_that_use_the_file(elsewhere, file, changed, monkeypatch):
    monkeypatch.setattr(bundles, "LIBRARY", elsewhere)
    config, path = config_of("churn"), elsewhere / file
    before, original = digests(elsewhere, config), path.read_text()
    path.write_text(original + "\n")
    after = digests(elsewhere, config)
    path.write_text(original)
    assert {step for step in before if before[step] != after[step]} == changed
    monkeypatch.undo()
    assert before == digests(ROOT, config)


def test_a_pipelines_own_script_runs_in_place_of_the_librarys(elsewhere):
    config, path = config_of("churn"), elsewhere / "pipelines/churn/train.py"
    before = digests(elsewhere, config)
    path.write_text("import pipelines.churn\n")
    own = bundles.training(path.parent).files
    after = digests(elsewhere, config)
    path.unlink()
    assert (own["train.py"], "pipelines/churn/__init__.py" in own) == (b"import pipelines.churn\n", True)
    assert {step for step in before if before[step] != after[step]} == {"Train"}


def test_a_change_of_config_reaches_only_the_jobs_that_use_it():
    config = config_of("churn")
    before = digests(ROOT, config)
    after = digests(ROOT, {**config, "split": {**config["split"], "seed": 1}})
    assert {step for step in before if before[step] != after[step]} == {"Prepare"}


def test_a_training_archive_has_the_same_bytes_every_time():
    (first,), (second,) = (bundles.training(ROOT / "pipelines/churn").objects("p").items() for _ in range(2))
    assert first == second
    assert first[0].endswith("/sourcedir.tar.gz")


@pytest.mark.parametrize(
    ("arguments", "environment", "message"),
    [
        (
            ["-n", "pipelines.nobody.pipeline"],
            ENVIRONMENT,
            "there are pipelines.abalone.pipeline, pipelines.churn.pipeline",
        ),
        (
            ["-n", "pipelines.churn.pipeline"],
            {},
            "not set: SAGEMAKER_PROJECT_NAME, SAGEMAKER_PIPELINE_ROLE_ARN, ARTIFACT_BUCKET, AWS_REGION or",
        ),
        (
            ["-n", "pipelines.churn.pipeline", "--kwargs", "{'regoin': 'x'}"],
            ENVIRONMENT,
            "get_pipeline takes no regoin; it takes region",
        ),
        (["-n", "pipelines.churn.pipeline", "--kwargs", "{"], ENVIRONMENT, "neither a Python nor a JSON dictionary"),
    ],
)
@pytest.mark.usefixtures("imports_restored")
def test_wrong_usage_is_one_message_and_status_2(arguments, environment, message, monkeypatch, capsys):
    monkeypatch.chdir(ROOT)
    for name in (*ENVIRONMENT, "AWS_DEFAULT_REGION"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert get_pipeline_definition.main(arguments) == 2
    assert message in capsys.readouterr().err


def test_code_objects_are_uploaded_once(compiled_churn, project):
    stored = {}

    class S3:
        def list_objects_v2(self, **asked):
            return {"KeyCount": sum(key.startswith(asked["Prefix"]) for key in stored)}

        def put_object(self, **sent):
            stored[sent["Key"]] = sent["Body"]

    uploaded = compiled.upload_code(compiled_churn, "pipelines.churn.pipeline", project.arguments, ROOT, S3())
    assert set(uploaded) == set(stored)
    assert compiled.upload_code(compiled_churn, "pipelines.churn.pipeline", project.arguments, ROOT, S3()) == []
    lost = next(key for key in stored if key.endswith("prepare.py"))
    del stored[lost]
    assert lost in compiled.upload_code(compiled_churn, "pipelines.churn.pipeline", project.arguments, ROOT, S3())
    for step in json.loads(compiled_churn.text)["Steps"][:1]:
        uri = step["Arguments"]["ProcessingInputs"][0]["S3Input"]["S3Uri"]
        assert any(f"s3://{project.bucket}/{key}".startswith(f"{uri}/") for key in stored)


def test_no_absolute_path_is_in_a_definition(compiled_churn):
    assert str(ROOT) not in compiled_churn.text


CLOSED = {"QualityCheck", "ClarifyCheck"}  # AWS has closed Model Monitor and Clarify to new customers


def test_a_default_pipeline_needs_no_service_that_is_closed_to_new_customers(compiled_churn, compiled_abalone):
    for made in (compiled_churn, compiled_abalone):
        steps = json.loads(made.text)["Steps"]
        assert not CLOSED & {step["Type"] for step in steps}
        images = re.findall(r'"(?:ImageUri|Image|TrainingImage)": "([^"]+)"', made.text)
        assert {image.partition("/")[2].partition(":")[0] for image in images} == {"sagemaker-xgboost"}


def test_model_monitor_makes_the_baseline_where_it_is_asked_for(compiled_churn):
    definition, _ = build_with("churn", monitoring={"engine": "sagemaker"})
    [made] = [step for step in definition["Steps"] if step["Name"] == "Baseline"]
    assert (made["Type"], made["CheckType"]) == ("QualityCheck", "DATA_QUALITY")
    register = next(step for step in definition["Steps"] if step["Name"] == "Gate")["Arguments"]["IfSteps"][0]
    found = register["Arguments"]["ModelMetrics"]["ModelDataQuality"]["Statistics"]["S3Uri"]
    assert found == {"Get": "Steps.Baseline.CalculatedBaselineStatistics"}


def step_of(definition, name):
    return next(step for step in definition["Steps"] if step["Name"] == name)


def test_jobs_have_the_network_and_the_keys_of_the_configuration():
    vpc = {"subnets": ["subnet-1", "subnet-2"], "security_groups": ["sg-1"]}
    definition, _ = build_with("churn", vpc=vpc, kms={"volume": "alias/v", "output": "alias/o"})
    network = {"Subnets": ["subnet-1", "subnet-2"], "SecurityGroupIds": ["sg-1"]}
    for name in ("Prepare", "Baseline", "Evaluate"):
        job = step_of(definition, name)["Arguments"]
        assert job["NetworkConfig"]["VpcConfig"] == network
        assert job["ProcessingResources"]["ClusterConfig"]["VolumeKmsKeyId"] == "alias/v"
        assert job["ProcessingOutputConfig"]["KmsKeyId"] == "alias/o"
    train = step_of(definition, "Train")["Arguments"]
    assert train["VpcConfig"] == network
    assert (train["ResourceConfig"]["VolumeKmsKeyId"], train["OutputDataConfig"]["KmsKeyId"]) == ("alias/v", "alias/o")


def test_spare_capacity_is_asked_for_with_checkpoints():
    instances = {"training": {"spot": True}}
    train = step_of(build_with("churn", instances=instances)[0], "Train")["Arguments"]
    assert train["EnableManagedSpotTraining"] is True
    assert train["StoppingCondition"] == {"MaxRuntimeInSeconds": 14400, "MaxWaitTimeInSeconds": 28800}
    address = train["CheckpointConfig"]["S3Uri"]["Std:Join"]["Values"]
    assert address[1:2] == [{"Get": "Parameters.DataVersion"}]
    assert "Execution." not in json.dumps(train["CheckpointConfig"]), "another address would be no cache hit"
    longer = build_with("churn", instances={"training": {"spot": True, "max_wait_seconds": 90000}})[0]
    assert step_of(longer, "Train")["Arguments"]["StoppingCondition"]["MaxWaitTimeInSeconds"] == 90000


def test_a_run_may_set_the_hyperparameters_that_are_parameters():
    definition = build_with("churn", parameters=["eta", "max_depth"])[0]
    found = {p["Name"]: (p["Type"], p["DefaultValue"]) for p in definition["Parameters"]}
    assert (found["Eta"], found["MaxDepth"]) == (("Float", 0.1), ("Integer", 6))
    given = step_of(definition, "Train")["Arguments"]["HyperParameters"]
    assert given["eta"] == {"Std:Join": {"On": "", "Values": [{"Get": "Parameters.Eta"}]}}
    assert given["num_round"] == "800"


def test_a_rejected_model_is_kept_where_it_is_asked_for():
    gates = config_of("churn")["gates"]
    gate = step_of(build_with("churn", gates={**gates, "register_rejected": True})[0], "Gate")["Arguments"]
    kept, fail = gate["ElseSteps"]
    registered = gate["IfSteps"][0]["Arguments"]
    assert kept["Arguments"]["ModelApprovalStatus"] == "Rejected"
    other = {"ModelApprovalStatus", "ModelPackageDescription"}
    assert {k: v for k, v in kept["Arguments"].items() if k not in other} == {
        k: v for k, v in registered.items() if k not in other
    }
    assert registered["ModelApprovalStatus"] == {"Get": "Parameters.ModelApprovalStatus"}
    assert (fail["Name"], fail["DependsOn"]) == ("Fail", ["RegisterRejected"])
    assert [step["Name"] for step in step_of(build_with("churn")[0], "Gate")["Arguments"]["ElseSteps"]] == ["Fail"]


def test_a_search_takes_the_place_of_the_training():
    ranges = {"eta": {"from": 0.05, "to": 0.3, "scale": "Logarithmic"}, "max_depth": {"from": 3, "to": 8}}
    ranges["subsample"] = {"values": [0.7, 0.9]}
    tuning = {"ranges": ranges, "jobs": 6, "parallel": 3, "early_stopping": True, "seed": 7}
    definition, _ = build_with("churn", tuning=tuning, kms={"volume": "alias/v"})
    assert "Train" not in [step["Name"] for step in definition["Steps"]]
    asked = step_of(definition, "Tune")["Arguments"]
    config, jobs = asked["HyperParameterTuningJobConfig"], asked["TrainingJobDefinition"]
    assert config["HyperParameterTuningJobObjective"] == {"MetricName": "validation:logloss", "Type": "Minimize"}
    assert config["ResourceLimits"] == {"MaxNumberOfTrainingJobs": 6, "MaxParallelTrainingJobs": 3}
    assert (config["TrainingJobEarlyStoppingType"], config["RandomSeed"]) == ("Auto", 7)
    assert config["ParameterRanges"] == {
        "ContinuousParameterRanges": [
            {"Name": "eta", "MinValue": "0.05", "MaxValue": "0.3", "ScalingType": "Logarithmic"}
        ],
        "IntegerParameterRanges": [{"Name": "max_depth", "MinValue": "3", "MaxValue": "8", "ScalingType": "Auto"}],
        "CategoricalParameterRanges": [{"Name": "subsample", "Values": ["0.7", "0.9"]}],
    }
    assert not {"eta", "max_depth", "subsample"} & set(jobs["StaticHyperParameters"])
    assert jobs["ResourceConfig"]["VolumeKmsKeyId"] == "alias/v"
    assert "Execution." not in json.dumps(jobs["OutputDataConfig"]), "a cache hit's models must be found again"
    best = {"Get": "Steps.Tune.TrainingJobSummaries[0].TrainingJobName"}
    (model,) = (
        entry["S3Input"]["S3Uri"]["Std:Join"]["Values"]
        for entry in step_of(definition, "Evaluate")["Arguments"]["ProcessingInputs"]
        if entry["InputName"] == "model"
    )
    assert model[-2:] == [best, "output/model.tar.gz"]
    register = step_of(definition, "Gate")["Arguments"]["IfSteps"][0]["Arguments"]
    assert register["CustomerMetadataProperties"]["TrainingJobName"] == best
    (container,) = register["InferenceSpecification"]["Containers"]
    assert container["ModelDataUrl"]["Std:Join"]["Values"] == model


def test_a_grid_has_as_many_trainings_as_combinations():
    """SageMaker refuses another number (API reference of ResourceLimits): it is left out."""
    tuning = {"strategy": "Grid", "ranges": {"eta": {"values": [0.1, 0.2]}, "max_depth": {"values": [3, 4, 5]}}}
    config = step_of(build_with("churn", tuning=tuning)[0], "Tune")["Arguments"]["HyperParameterTuningJobConfig"]
    assert config["Strategy"] == "Grid"
    assert config["ResourceLimits"] == {"MaxParallelTrainingJobs": 2}
