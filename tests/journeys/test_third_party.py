"""Pipelines of the shapes that public templates have: the abalone example, SDK v2 scripts, drift checks, crashes."""

import json
import os
import signal
from typing import Any

import pytest
from botocore.exceptions import EndpointConnectionError, HTTPClientError

from tests.journeys.shapes import (
    ABALONE,
    CLUSTER,
    MONITOR,
    OLD_XGBOOST,
    REPORT,
    ROLE,
    SKLEARN,
    XGBOOST,
    archive,
    get,
    made,
    model,
    put,
    registered,
    script,
    taken,
    training,
    transform,
)

pytestmark = pytest.mark.journey

PREPROCESS = """
    import argparse, boto3, os
    import numpy as np, pandas as pd
    from sklearn.compose import ColumnTransformer
    from sklearn.preprocessing import OneHotEncoder, StandardScaler

    parser = argparse.ArgumentParser()
    parser.add_argument("--input-data", required=True)
    bucket, _, key = parser.parse_args().input_data.removeprefix("s3://").partition("/")
    os.makedirs("/opt/ml/processing/data", exist_ok=True)
    boto3.resource("s3").Bucket(bucket).download_file(key, "/opt/ml/processing/data/abalone.csv")
    table = pd.read_csv("/opt/ml/processing/data/abalone.csv", header=None)
    encode = ColumnTransformer([("n", StandardScaler(), list(range(1, 8))), ("c", OneHotEncoder(), [0])])
    rows = np.concatenate([table[[8]], encode.fit_transform(table)], axis=1)
    for name, part in zip(("train", "validation", "test"), np.split(rows, [2800, 3500])):
        pd.DataFrame(part).to_csv(f"/opt/ml/processing/{name}/{name}.csv", header=False, index=False)
"""
EVALUATE = """
    import json, pickle, tarfile
    import pandas as pd, xgboost

    with tarfile.open("/opt/ml/processing/model/model.tar.gz") as archive:
        archive.extractall(path="/tmp")
    model = pickle.load(open("/tmp/xgboost-model", "rb"))
    test = pd.read_csv("/opt/ml/processing/test/test.csv", header=None)
    mse = float(((model.predict(xgboost.DMatrix(test.iloc[:, 1:].values)) - test[0]) ** 2).mean())
    report = {"regression_metrics": {"mse": {"value": mse, "standard_deviation": mse ** 0.5}}}
    json.dump(report, open("/opt/ml/processing/evaluation/evaluation.json", "w"))
"""


def test_the_abalone_example_with_its_old_image(shared: Any) -> None:
    """Data fetched with boto3 inside the job, XGBoost 1.0-1 with `silent`, a pickled model, `mse <= 6`."""
    data = put(shared, "abalone/abalone.csv", "\n".join(ABALONE) + "\n")
    preprocess = put(shared, "abalone/code/preprocess.py", PREPROCESS)
    evaluate = put(shared, "abalone/code/evaluate.py", EVALUATE)

    def part(name: str) -> dict[str, str]:
        return get(f"Steps.Preprocess.ProcessingOutputConfig.Outputs['{name}'].S3Output.S3Uri")

    hyperparameters = {"objective": "reg:linear", "num_round": "50", "max_depth": "5", "eta": "0.2", "silent": "0"}
    inputs = [taken("model", get("Steps.Train.ModelArtifacts.S3ModelArtifacts")), taken("test", part("test"))]
    mse = {
        "Std:JsonGet": {
            "PropertyFile": get("Steps.Evaluate.PropertyFiles.Report"),
            "Path": "regression_metrics.mse.value",
        }
    }
    columns = {"InputFilter": "$[1:]", "JoinSource": "Input", "OutputFilter": "$[0,-1]"}
    statistics = {"ContentType": "application/json", "S3Uri": "s3://bucket/evaluation.json"}
    branch = [
        registered(
            OLD_XGBOOST,
            "Abalone",
            "PendingManualApproval",
            ModelMetrics={"ModelQuality": {"Statistics": statistics}, "Bias": {}, "Explainability": {}},
        ),
        model(OLD_XGBOOST, "Train"),
        transform(part("test"), DataProcessing=columns),
    ]
    gate = [{"Type": "LessThanOrEqualTo", "LeftValue": mse, "RightValue": 6.0}]
    steps = [
        script("Preprocess", preprocess, SKLEARN, [], ["train", "validation", "test"], "--input-data", data),
        training("Train", OLD_XGBOOST, {name: part(name) for name in ("train", "validation")}, hyperparameters),
        script("Evaluate", evaluate, OLD_XGBOOST, inputs, ["evaluation"]) | {"PropertyFiles": REPORT},
        {
            "Name": "Check",
            "Type": "Condition",
            "Arguments": {"Conditions": gate, "IfSteps": branch, "ElseSteps": []},
        },
    ]
    execution = shared.run({"Steps": steps})
    assert execution.status == "Succeeded", execution.steps()
    assert len(execution.steps()) == 7
    scored = shared.client("s3").get_object(Bucket="bucket", Key="scored/test.csv.out")["Body"].read().split()
    pairs = [tuple(map(float, line.split(b","))) for line in scored]
    assert len(pairs) == len(ABALONE) - 3500
    assert sum((label - score) ** 2 for label, score in pairs) / len(pairs) < 6


def test_script_mode_as_the_sdk_v2_writes_it(shared: Any) -> None:
    """JSON-quoted hyperparameters, code in a tar.gz that training and serving both fetch from S3."""
    program = """
        import argparse, os
        import joblib, pandas as pd
        from sklearn.linear_model import Ridge
        from lib.names import MODEL

        def model_fn(folder):
            return joblib.load(os.path.join(folder, MODEL))

        if __name__ == "__main__":
            parser = argparse.ArgumentParser()
            parser.add_argument("--alpha", type=float)
            parser.add_argument("--columns", type=str)
            parser.add_argument("--train", default=os.environ["SM_CHANNEL_TRAIN"])
            given = parser.parse_args()
            assert given.columns == "a b", given
            files = [os.path.join(given.train, name) for name in os.listdir(given.train)]
            table = pd.concat(pd.read_csv(file, header=None) for file in files)
            fitted = Ridge(given.alpha).fit(table[[1, 2]], table[0])
            joblib.dump(fitted, os.path.join(os.environ["SM_MODEL_DIR"], MODEL))
            print("fit-score: 0.75")
    """
    files = {"train.py": program, "lib/__init__.py": "", "lib/names.py": 'MODEL = "model.joblib"\n'}
    code = put(shared, "v2/sourcedir.tar.gz", archive(files))
    rows = [line.split(",") for line in ABALONE[:200]]
    put(shared, "v2/train/a.csv", "\n".join(f"{row[-1]},{row[1]},{row[2]}" for row in rows) + "\n")
    put(shared, "v2/features/a.csv", "0.4,0.3\n0.5,0.4\n")
    settings = {"sagemaker_program": "train.py", "sagemaker_submit_directory": code, "alpha": 0.5, "columns": "a b"}
    train = training(
        "Train",
        SKLEARN,
        {"train": "s3://bucket/v2/train/"},
        {name: json.dumps(value) for name, value in settings.items()},
    )
    metric = {"Name": "score", "Regex": r"fit-score: ([0-9.]+)"}
    train["Arguments"]["AlgorithmSpecification"]["MetricDefinitions"] = [metric]
    create = model(SKLEARN, "Train", SAGEMAKER_PROGRAM="train.py", SAGEMAKER_SUBMIT_DIRECTORY=code)
    score = get("Steps.Train.FinalMetricDataList['score'].Value")
    good = [{"Type": "GreaterThan", "LeftValue": score, "RightValue": 0.7}]
    branch = [create, transform("s3://bucket/v2/features/")]
    check = {
        "Name": "Check",
        "Type": "Condition",
        "Arguments": {"Conditions": good, "IfSteps": branch, "ElseSteps": []},
    }
    execution = shared.run({"Steps": [train, check]})
    assert execution.status == "Succeeded", execution.steps()
    body = shared.client("s3").get_object(Bucket="bucket", Key="scored/a.csv.out")["Body"].read()
    assert body.strip()


def quality(name: str, kind: str, **environment: str) -> dict[str, Any]:
    """A QualityCheck step whose data, SkipCheck and RegisterNewBaseline are parameters."""
    root = "/opt/ml/processing"
    settings = {
        "output_path": f"{root}/output",
        "publish_cloudwatch_metrics": "Disabled",
        "dataset_format": '{"csv": {"header": true, "output_columns_position": "START"}}',
        "dataset_source": f"{root}/input/baseline_dataset_input",
    }
    return {
        "Name": name,
        "Type": "QualityCheck",
        "CheckType": kind,
        "ModelPackageGroupName": "Drift",
        "SkipCheck": get("Parameters.Skip"),
        "RegisterNewBaseline": get("Parameters.Fresh"),
        "FailOnViolation": True,
        "SuppliedBaselineStatistics": None,
        "SuppliedBaselineConstraints": None,
        "Arguments": {
            "AppSpecification": {"ImageUri": MONITOR},
            "Environment": settings | environment,
            "ProcessingInputs": [taken("input/baseline_dataset_input", get(f"Parameters.{name}"))],
            "ProcessingOutputConfig": {"Outputs": [_check_output(name)]},
            "ProcessingResources": {"ClusterConfig": CLUSTER},
            "RoleArn": ROLE,
        },
    }


def _check_output(name: str) -> dict[str, Any]:
    output = made("output")
    output["S3Output"]["S3Uri"]["Std:Join"]["Values"].append(name)
    return output


def test_drift_is_checked_against_the_approved_baseline(shared: Any) -> None:
    """The first run makes and registers baselines; the next pass against them, fail on drift, or skip the check."""
    header = "sex,length,diameter,height,whole,shucked,viscera,shell,rings\n"
    shifted = [[sex, *(str(float(x) * 9 + 5) for x in rest)] for sex, *rest in (r.split(",") for r in ABALONE[:500])]
    put(shared, "drift/data.csv", header + "\n".join(ABALONE[:500]) + "\n")
    put(shared, "drift/drifted.csv", header + "\n".join(map(",".join, shifted)) + "\n")
    rings = [int(line.rpartition(",")[2]) for line in ABALONE[:500]]
    for name, error in (("good", 1), ("bad", 20)):
        scored = "\n".join(f"{label},{label + number % 5 * error}" for number, label in enumerate(rings))
        put(shared, f"drift/{name}.csv", f"label,prediction\n{scored}\n")
    problem = {"problem_type": "Regression", "inference_attribute": "prediction", "ground_truth_attribute": "label"}

    def baselines(source: str) -> dict[str, Any]:
        return {
            key: {
                what: {"ContentType": "application/json", "S3Uri": get(f"Steps.{step}.{source}{what}")}
                for what in ("Statistics", "Constraints")
            }
            for key, step in (("ModelDataQuality", "Data"), ("ModelQuality", "Model"))
        }

    register = registered(
        XGBOOST,
        "Drift",
        "Approved",
        ModelMetrics=baselines("CalculatedBaseline"),
        DriftCheckBaselines=baselines("BaselineUsedForDriftCheck"),
    )
    register["Arguments"]["InferenceSpecification"]["Containers"] = [
        {"Image": XGBOOST, "ModelDataUrl": put(shared, "drift/model.tar.gz", archive({"xgboost-model": "x"}))}
    ]
    checks = [
        quality("Data", "DATA_QUALITY"),
        quality("Model", "MODEL_QUALITY", analysis_type="MODEL_QUALITY", **problem),
    ]
    defaults = {"Data": "s3://bucket/drift/data.csv", "Model": "s3://bucket/drift/good.csv"}
    parameters = [{"Name": name, "Type": "String", "DefaultValue": value} for name, value in defaults.items()]
    parameters += [{"Name": name, "Type": "Boolean", "DefaultValue": False} for name in ("Skip", "Fresh")]

    def run(**given: str) -> Any:
        values = [{"Name": name, "Value": value} for name, value in given.items()]
        return shared.run({"Parameters": parameters, "Steps": [*checks, register]}, PipelineParameters=values)

    assert "no baseline" in run().reason
    assert run(Skip="True", Fresh="True").status == "Succeeded"
    again = run()
    assert again.status == "Succeeded", again.reason
    assert (
        "Data failed: ClientError: Quality check failed. See violation report"
        in run(Data="s3://bucket/drift/drifted.csv").reason
    )
    assert (
        "Model failed: ClientError: Quality check failed. See violation report"
        in run(Model="s3://bucket/drift/bad.csv").reason
    )
    assert run(Skip="True", Data="s3://bucket/drift/drifted.csv").status == "Succeeded"


def test_a_control_plane_that_is_killed_during_a_download(loopback: Any, step: Any, wait_until: Any) -> None:
    """The job is started again by its retry policy, and nothing of the first attempt stays on the disk."""
    loopback.client("s3").create_bucket(Bucket="bucket")
    put(loopback, "big/file", os.urandom(96 << 20))
    inputs = [taken(f"in{number}", "s3://bucket/big/") for number in range(9)]
    retry = {"ExceptionType": ["SageMaker.JOB_INTERNAL_ERROR"], "IntervalSeconds": 1, "MaxAttempts": 2}
    execution = loopback.start({"Steps": [step("Big", "pass", ProcessingInputs=inputs, RetryPolicies=[retry])]})
    jobs = loopback.state / "jobs"
    (lost,) = wait_until(lambda: list(jobs.glob("*")), 10)
    os.kill(loopback.found["pid"], signal.SIGKILL)
    wait_until(lambda: _status(execution) == "Succeeded", 60)
    wait_until(lambda: not lost.exists(), 10)
    wait_until(lambda: not list(jobs.glob("*")), 10)


def _status(execution: Any) -> str:
    """The status, or nothing while the control plane is on its way back."""
    try:
        return str(execution.status)
    except (EndpointConnectionError, HTTPClientError):  # nobody listens yet; the connection went with the process
        return ""
