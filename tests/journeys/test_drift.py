"""`slipway monitor run` and `slipway drift` against a real endpoint, its captures and the real analyzer."""

import io
import json
import tarfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytestmark = pytest.mark.journey

ROOT = Path(__file__).resolve().parents[2]
XGBOOST = "683313688378.dkr.ecr.us-east-1.amazonaws.com/sagemaker-xgboost:3.2-0"
ANALYZER = "156813124566.dkr.ecr.us-east-1.amazonaws.com/sagemaker-model-monitor-analyzer"
ROLE = "arn:aws:iam::000000000000:role/monitor"
CLUSTER = {"ClusterConfig": {"InstanceCount": 1, "InstanceType": "ml.m5.large", "VolumeSizeInGB": 1}}
NAMES = ("age", "minutes", "plan")
SCRIPT = """
def model_fn(folder): return 0
def input_fn(body, kind): return (body if isinstance(body, str) else body.decode()).strip().splitlines()
def predict_fn(rows, model): return [0.5 for row in rows]
def output_fn(found, accept): return "\\n".join(map(str, found)) + "\\n", "text/csv"
"""
CAPTURE = {
    "EnableCapture": True,
    "InitialSamplingPercentage": 100,
    "DestinationS3Uri": "s3://bucket/captured",
    "CaptureOptions": [{"CaptureMode": "Input"}, {"CaptureMode": "Output"}],
    "CaptureContentTypeHeader": {"CsvContentTypes": ["text/csv"]},
}
# The command line as it is, on a project that needs no stack.
COMMAND = """
from slipway import __main__
from slipway.cli import projects
made = projects.Project("demo", "p-1", {"StagingStackName": "none-staging", "ProdStackName": "none-prod"})
projects.require = lambda target: made
__main__.main()
"""


def rows(count: int, *, drifted: bool = False) -> list[str]:
    chance = np.random.default_rng(count)
    minutes = chance.normal(90 if drifted else 50, 10, count).round(2)
    plans = chance.choice(["yes", "no", "perhaps"] if drifted else ["yes", "no"], count)
    return [f"{age},{m},{p}" for age, m, p in zip(chance.integers(18, 80, count), minutes, plans, strict=True)]


class Watched:
    """The endpoint `demo-prod` with capture, a baseline, and an hourly schedule of whatever name."""

    def __init__(self, loopback: Any, wait_until: Any, folder: Path) -> None:
        self.loopback, self.wait, self.folder = loopback, wait_until, folder
        self.s3, self.sagemaker = loopback.client("s3"), loopback.client("sagemaker")
        self.s3.create_bucket(Bucket="bucket")
        self._serve()
        self._baseline()
        self._schedule()

    def _put(self, key: str, body: bytes) -> None:
        self.s3.put_object(Bucket="bucket", Key=key, Body=body)

    def _serve(self) -> None:
        packed = io.BytesIO()
        with tarfile.open(fileobj=packed, mode="w:gz") as archive:
            entry = tarfile.TarInfo("code/inference.py")
            entry.size = len(SCRIPT)
            archive.addfile(entry, io.BytesIO(SCRIPT.encode()))
        self._put("model.tar.gz", packed.getvalue())
        container = {"Image": XGBOOST, "ModelDataUrl": "s3://bucket/model.tar.gz"}
        container |= {"Environment": {"SAGEMAKER_PROGRAM": "inference.py"}}
        self.sagemaker.create_model(ModelName="m", PrimaryContainer=container, ExecutionRoleArn=ROLE)
        variant = {"VariantName": "AllTraffic", "ModelName": "m", "InstanceType": "ml.m5.large"}
        variant |= {"InitialInstanceCount": 1}
        self.sagemaker.create_endpoint_config(
            EndpointConfigName="c", ProductionVariants=[variant], DataCaptureConfig=CAPTURE
        )
        self.sagemaker.create_endpoint(EndpointName="demo-prod", EndpointConfigName="c")
        described = lambda: self.sagemaker.describe_endpoint(EndpointName="demo-prod")  # noqa: E731
        self.wait(lambda: described()["EndpointStatus"] == "InService", 30, lambda: str(described()))

    def _baseline(self) -> None:
        self._put("base/data.csv", ("\n".join([",".join(NAMES), *rows(3000)]) + "\n").encode())
        source, output = "/opt/ml/processing/input/baseline_dataset_input", "/opt/ml/processing/output"
        data = {"S3Uri": "s3://bucket/base/", "LocalPath": source, "S3DataType": "S3Prefix", "S3InputMode": "File"}
        left = {"S3Uri": "s3://bucket/baseline", "LocalPath": output, "S3UploadMode": "EndOfJob"}
        self.sagemaker.create_processing_job(
            ProcessingJobName="baseline",
            AppSpecification={"ImageUri": ANALYZER},
            ProcessingInputs=[{"InputName": "baseline_dataset_input", "S3Input": data}],
            ProcessingOutputConfig={"Outputs": [{"OutputName": "monitoring_output", "S3Output": left}]},
            Environment={
                "dataset_format": json.dumps({"csv": {"header": True}}),
                "dataset_source": source,
                "output_path": output,
            },
            ProcessingResources=CLUSTER,
            RoleArn=ROLE,
        )
        described = lambda: self.sagemaker.describe_processing_job(ProcessingJobName="baseline")  # noqa: E731
        self.wait(lambda: described()["ProcessingJobStatus"] == "Completed", 30, lambda: str(described()))

    def _schedule(self) -> None:
        self._put("code/pre.py", (ROOT / "slipway/deploy/monitor_preprocessor.py").read_bytes())
        source = {"EndpointName": "demo-prod", "LocalPath": "/opt/ml/processing/input/endpoint"}
        output = {"S3Uri": "s3://bucket/reports", "LocalPath": "/opt/ml/processing/output", "S3UploadMode": "EndOfJob"}
        self.sagemaker.create_data_quality_job_definition(
            JobDefinitionName="dq",
            DataQualityBaselineConfig={
                "StatisticsResource": {"S3Uri": "s3://bucket/baseline/statistics.json"},
                "ConstraintsResource": {"S3Uri": "s3://bucket/baseline/constraints.json"},
            },
            DataQualityAppSpecification={
                "ImageUri": ANALYZER,
                "RecordPreprocessorSourceUri": "s3://bucket/code/pre.py",
            },
            DataQualityJobInput={"EndpointInput": source},
            DataQualityJobOutputConfig={"MonitoringOutputs": [{"S3Output": output}]},
            JobResources=CLUSTER,
            RoleArn=ROLE,
        )
        config = {"ScheduleConfig": {"ScheduleExpression": "cron(0 * ? * * *)"}, "MonitoringType": "DataQuality"}
        self.sagemaker.create_monitoring_schedule(
            MonitoringScheduleName="some-name", MonitoringScheduleConfig=config | {"MonitoringJobDefinitionName": "dq"}
        )

    def send(self, lines: list[str]) -> None:
        runtime = self.loopback.client("sagemaker-runtime")
        for start in range(0, len(lines), 200):
            body = "\n".join(lines[start : start + 200])
            runtime.invoke_endpoint(EndpointName="demo-prod", ContentType="text/csv", Body=body)

    def captured(self) -> int:
        listed = self.s3.list_objects_v2(Bucket="bucket", Prefix="captured/").get("Contents", [])
        return sum(self.s3.get_object(Bucket="bucket", Key=i["Key"])["Body"].read().count(b"\n") for i in listed)


def test_a_stage_is_looked_at_now_and_its_drift_is_told(
    loopback: Any, wait_until: Any, run_python: Any, tmp_path: Path
) -> None:
    watched = Watched(loopback, wait_until, tmp_path)

    def slipway(*arguments: str) -> Any:
        return run_python("-c", COMMAND, *arguments, env=loopback.environ, cwd=tmp_path)

    nothing = slipway("drift", "prod")
    assert (nothing.returncode, nothing.stdout) == (1, "")
    assert "no execution yet" in nothing.stderr
    assert nothing.stderr.strip().endswith("slipway monitor run prod")
    empty = slipway("monitor", "run", "prod")
    assert (empty.returncode, "has captured nothing since" in empty.stderr) == (1, True)

    watched.send(rows(1000))
    wait_until(lambda: watched.captured() == 5, 20, lambda: str(watched.captured()))
    usual = slipway("monitor", "run", "prod")
    assert usual.returncode == 0, usual.stdout + usual.stderr
    assert "prod is like its baseline" in usual.stdout
    assert "1 000 rows" in usual.stdout

    watched.send(rows(3000, drifted=True))
    wait_until(lambda: watched.captured() == 20, 20, lambda: str(watched.captured()))
    drifted = slipway("monitor", "run", "prod", "--json")
    assert drifted.returncode == 1, drifted.stderr
    found = json.loads(drifted.stdout)
    [monitor] = found["monitors"]
    assert {(one["subject"], one["check"]) for one in monitor["violations"]} == {
        ("minutes", "baseline_drift_check"),
        ("plan", "baseline_drift_check"),
        ("plan", "categorical_values_check"),
    }
    assert monitor["rows"] == 4000
    features = {one["name"]: one["drift"] for one in monitor["features"]}
    assert features["minutes"]["distance"] > 0.5  # of this side, from the same sketches as the monitor's
    told = next(one for one in monitor["violations"] if one["subject"] == "minutes")
    assert f"distance: {features['minutes']['distance']:.6f}"[:15] in told["description"]
    assert (tmp_path / found["page"]).read_text().startswith("<!doctype html>")

    again = slipway("drift", "prod", "--page", "drift.html")
    assert again.returncode == 1
    assert 'new category "perhaps"' in again.stdout
    assert (tmp_path / "drift.html").is_file()
    state = json.loads(slipway("monitor", "status", "--json").stdout)
    assert [(one["schedule"], one["violations"]) for one in state["monitors"]] == [("some-name", 3)]
