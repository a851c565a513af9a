"""A model to serve: the template's churn pipeline, trained to a number of trees, and the requests that it is sent."""

import csv
import io
import json
import subprocess
import tarfile
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks import definitions, local_aws, processes
from benchmarks.bench import Bench
from benchmarks.churn import FLOOR, SMALL, Churn
from benchmarks.local_aws import Failed, LocalAws

TREES = 50
START_SECONDS = 60.0
CAPTURE = {
    "EnableCapture": True,
    "InitialSamplingPercentage": 100,
    "DestinationS3Uri": f"s3://{definitions.BUCKET}/captured",
    "CaptureOptions": [{"CaptureMode": "Input"}, {"CaptureMode": "Output"}],
    "CaptureContentTypeHeader": {"CsvContentTypes": ["text/csv"], "JsonContentTypes": ["application/json"]},
}


@dataclass(frozen=True)
class Served:
    """`folder` is an unpacked model.tar.gz; `rows` are lines of CSV with the features only."""

    aws: LocalAws
    folder: Path
    rows: list[str]

    def container(self) -> dict[str, Any]:
        """As CreateModel and CreateModelPackage take it."""
        environ = {"SAGEMAKER_PROGRAM": "inference.py", "SAGEMAKER_SUBMIT_DIRECTORY": "/opt/ml/model/code"}
        return {"Image": definitions.IMAGE, "ModelDataUrl": _uri(self.aws, self.folder), "Environment": environ}

    def endpoint(self, name: str, *, workers: int = 0, **config: Any) -> None:
        """An endpoint with one instance, in service. Raises Failed. Without `workers` it has as many as by default."""
        sagemaker = self.aws.client("sagemaker")
        container = self.container()
        if workers:
            container["Environment"]["SAGEMAKER_MODEL_SERVER_WORKERS"] = str(workers)
        sagemaker.create_model(ModelName=name, PrimaryContainer=container, ExecutionRoleArn=local_aws.ROLE)
        variant = {
            "VariantName": "AllTraffic",
            "ModelName": name,
            "InstanceType": "ml.m5.large",
            "InitialInstanceCount": 1,
        }
        sagemaker.create_endpoint_config(EndpointConfigName=name, ProductionVariants=[variant], **config)
        sagemaker.create_endpoint(EndpointName=name, EndpointConfigName=name)
        in_service(sagemaker, name)

    def instances(self) -> list[Path]:
        """The sockets of all instances."""
        found = [path for path in self.aws.state.rglob("sock") if path.is_socket()]
        return sorted(found, key=lambda path: path.stat().st_mtime)

    def body(self, rows: int) -> bytes:
        """The CSV of so many customers."""
        return "\n".join(self.rows[:rows]).encode()


def prepare(aws: LocalAws, bench: Bench) -> Served:
    """Train the model."""
    churn = Churn(aws, bench, SMALL)
    bench.progress("training")
    setup = json.loads(churn.setup.read_text())
    setup["train"] = {**setup["train"], "num_round": TREES, "early_stopping_rounds": TREES}
    path = bench.folder / "served.json"
    path.write_text(json.dumps(setup))
    made = bench.folder / "served"
    processes.python(str(FLOOR), str(path), str(made))
    features = json.loads((made / "model" / "encoder.json").read_text())["features"]
    return Served(aws, made / "model", _rows(churn.raw / "churn.csv", features))


def _rows(path: Path, features: list[str]) -> list[str]:
    """Lines of the data with the columns that the model wants, in its order."""
    from slipway.tabular.cells import spelling

    with path.open() as file:
        lines = csv.reader(file)
        header = [spelling(cell) for cell in next(lines)]
        places = [header.index(spelling(name)) for name in features]
        return [",".join(row[place] for place in places) for _, row in zip(range(100), lines, strict=False)]


def _uri(aws: LocalAws, folder: Path) -> str:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as archive:
        archive.add(folder, ".")
    aws.client("s3").put_object(Bucket=definitions.BUCKET, Key="served/model.tar.gz", Body=packed.getvalue())
    return f"s3://{definitions.BUCKET}/served/model.tar.gz"


def in_service(sagemaker: Any, name: str, seconds: float = START_SECONDS) -> None:
    """Wait until an endpoint answers. Raises Failed."""
    deadline = time.monotonic() + seconds
    while (found := sagemaker.describe_endpoint(EndpointName=name))["EndpointStatus"] != "InService":
        if found["EndpointStatus"] == "Failed" or time.monotonic() > deadline:
            raise Failed(f"endpoint {name} is {found['EndpointStatus']}: {found.get('FailureReason', 'not in time')}")
        time.sleep(0.02)


def http(path: str, body: bytes, headers: Mapping[str, str]) -> bytes:
    """A POST as bytes on the wire."""
    lines = [f"POST {path} HTTP/1.1", *(f"{name}: {value}" for name, value in headers.items())]
    return "\r\n".join([*lines, f"Content-Length: {len(body)}", "", ""]).encode() + body


CSV = {"Host": "localhost", "Content-Type": "text/csv", "Accept": "text/csv"}


def stop(process: "subprocess.Popen[Any]") -> None:
    """End a process of ours, and wait until it has ended."""
    process.terminate()
    try:
        process.wait(10)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
