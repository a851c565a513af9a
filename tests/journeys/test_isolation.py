"""What a job, a function, a build and a model server can do to the user's machine; as root and as an ordinary user."""

import io
import json
import os
import subprocess
import sys
import tarfile
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from loopback.sandbox import confine
from tests.journeys.conftest import FINAL, ROLE, ROOT, XGBOOST, Loopback, free_port, processing, until

pytestmark = [
    pytest.mark.journey,
    pytest.mark.skipif(confine.refusal() is not None, reason=str(confine.refusal())),
]
USER = ("unshare", "--user", "--map-user=1000", "--map-group=1000")
PROBE = """
import json, os, sys

def attempt(name, body):
    try:
        seen[name] = body() or "done"
    except Exception as error:
        seen[name] = type(error).__name__

seen = {{}}
attempt("key", lambda: open({home!r} + "/.ssh/id_rsa").read())
attempt("database", lambda: open({state!r} + "/loopback.db", "rb").read(9).decode())
attempt("secrets", lambda: os.listdir({state!r} + "/base"))
attempt("bucket", lambda: os.listdir({state!r} + "/s3"))
attempt("others", lambda: str(len(os.listdir({state!r} + "/jobs"))))
attempt("package", lambda: open({package!r} + "/written-by-a-probe", "w").close())
attempt("environment", lambda: open({prefix!r} + "/written-by-a-probe", "w").close())
attempt("control plane", lambda: os.kill({pid}, 0))
attempt("memory", lambda: open("/proc/{pid}/mem", "rb").close())
attempt("own", lambda: open(os.path.expanduser("~/mine"), "w").close())
attempt("temporary", lambda: open("/tmp/mine", "w").close())
import boto3
attempt("endpoint", lambda: boto3.client("s3").list_buckets()["Buckets"][0]["Name"])
"""
REFUSED = {
    "key": "FileNotFoundError",
    "database": "FileNotFoundError",
    "secrets": "FileNotFoundError",
    "bucket": "FileNotFoundError",
    "package": "OSError",
    "environment": "OSError",
    "control plane": "ProcessLookupError",
    "memory": "FileNotFoundError",
    "own": "done",
    "temporary": "done",
}
SERVER = """
def model_fn(folder): return 0
def input_fn(body, kind): return body
def predict_fn(data, model):
    exec(PROBE, globals())
    return json.dumps(seen)
def output_fn(prediction, accept): return prediction
"""


class Site:
    """A loopback whose user has a key in the home folder."""

    def __init__(self, root: Path, before: tuple[str, ...]) -> None:
        self.home = root / "home"
        (self.home / ".ssh").mkdir(parents=True)
        (self.home / ".ssh/id_rsa").write_text("a key")
        self.loopback = Loopback(root / "state", free_port())
        up = [*before, sys.executable, "-m", "loopback", "up", "--detach", "--port", str(self.loopback.port)]
        environ = self.loopback.environ | {"HOME": str(self.home)}
        command = [*up, "--state", str(self.loopback.state)]
        started = subprocess.run(command, env=environ, cwd=ROOT, capture_output=True, text=True, check=False)
        assert started.returncode == 0, started.stderr
        self.loopback.client("s3").create_bucket(Bucket="bucket")

    @property
    def probe(self) -> str:
        return PROBE.format(
            home=str(self.home),
            state=str(self.loopback.state),
            package=str(ROOT / "loopback"),
            prefix=sys.prefix,
            pid=self.loopback.found["supervisor"],
        )

    def put(self, key: str, body: bytes) -> None:
        self.loopback.client("s3").put_object(Bucket="bucket", Key=key, Body=body)


@pytest.fixture(scope="module", params=["root", "user"])
def site(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    if request.param == "user" and os.getuid():
        pytest.skip("everything here runs as an ordinary user")
    made = Site(tmp_path_factory.mktemp("isolated"), USER if request.param == "user" else ())
    yield made
    made.loopback.down()


def judge(seen: dict[str, Any]) -> None:
    seen["environment"] = seen["environment"].replace("done", "OSError")  # what a cold job writes there ends with it
    assert {name: seen[name] for name in REFUSED} == REFUSED
    assert seen["others"] in ("FileNotFoundError", "1")
    assert seen["endpoint"] == "bucket"
    assert not Path(sys.prefix, "written-by-a-probe").exists()
    assert not (ROOT / "loopback/written-by-a-probe").exists()


@pytest.mark.parametrize("kind", ["warm", "cold"])
def test_a_job(site: Site, kind: str) -> None:
    target = "/opt/ml/processing/out/seen.json"
    site.put("code/probe.py", f"{site.probe}\nopen({target!r}, 'w').write(json.dumps(seen))".encode())
    place = "/opt/ml/processing/code"
    entrypoint = ["python3", f"{place}/probe.py"]
    if kind == "cold":
        entrypoint = ["/bin/sh", "-c", " ".join(entrypoint)]
    output = {"S3Uri": f"s3://bucket/{kind}", "LocalPath": "/opt/ml/processing/out", "S3UploadMode": "EndOfJob"}
    code = {"S3Uri": "s3://bucket/code", "LocalPath": place, "S3DataType": "S3Prefix", "S3InputMode": "File"}
    other = processing("Other", "import time; time.sleep(60)")  # what the probe must not see
    step = processing(
        "Probe",
        "",
        AppSpecification={"ImageUri": XGBOOST, "ContainerEntrypoint": entrypoint},
        ProcessingInputs=[{"InputName": "code", "S3Input": code}],
        ProcessingOutputConfig={"Outputs": [{"OutputName": "out", "S3Output": output}]},
    )
    ran = site.loopback.start({"Steps": [step, other]})
    until(lambda: ran.steps().get("Probe", {}).get("StepStatus") in FINAL, 60, lambda: str(ran.steps()))
    assert (ran.steps()["Probe"]["StepStatus"], ran.steps()["Other"]["StepStatus"]) == ("Succeeded", "Executing")
    site.loopback.client("sagemaker").stop_pipeline_execution(PipelineExecutionArn=ran.arn)
    answer = site.loopback.client("s3").get_object(Bucket="bucket", Key=f"{kind}/seen.json")
    judge(json.loads(answer["Body"].read()))


def test_a_function(site: Site) -> None:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr(
            "index.py", f"def handler(event, context):\n    exec({site.probe!r}, globals())\n    return seen"
        )
    client = site.loopback.client("lambda")
    code = {"ZipFile": packed.getvalue()}
    role = "arn:aws:iam::000000000000:role/function"
    client.create_function(
        FunctionName="probe", Runtime="python3.11", Handler="index.handler", Role=role, Code=code, Timeout=60
    )
    judge(json.loads(client.invoke(FunctionName="probe")["Payload"].read()))


def test_a_build(site: Site) -> None:
    site.put("source/probe.py", f"{site.probe}\nopen('seen.json', 'w').write(json.dumps(seen))".encode())
    spec = {
        "version": 0.2,
        "phases": {"build": {"commands": ["python probe.py", "git init -q . && git status --short"]}},
        "artifacts": {"files": ["seen.json"]},
    }
    client = site.loopback.client("codebuild")
    image = {"type": "LINUX_CONTAINER", "image": "aws/codebuild/standard:7.0", "computeType": "BUILD_GENERAL1_SMALL"}
    client.create_project(
        name="probe",
        serviceRole="arn:aws:iam::000000000000:role/build",
        source={"type": "S3", "location": "bucket/source/", "buildspec": json.dumps(spec)},
        artifacts={"type": "S3", "location": "bucket", "path": "built", "name": "out"},
        environment=image,
    )
    name = client.start_build(projectName="probe")["build"]["id"]
    build = until(
        lambda: next((b for b in client.batch_get_builds(ids=[name])["builds"] if b["buildComplete"]), None), 90
    )
    assert build["buildStatus"] == "SUCCEEDED", build["phases"]
    answer = site.loopback.client("s3").get_object(Bucket="bucket", Key="built/out/seen.json")
    judge(json.loads(answer["Body"].read()))


def test_a_model_server(site: Site) -> None:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as archive:
        content = f"PROBE = {site.probe!r}\n{SERVER}".encode()
        entry = tarfile.TarInfo("code/inference.py")
        entry.size = len(content)
        archive.addfile(entry, io.BytesIO(content))
    site.put("model.tar.gz", packed.getvalue())
    client = site.loopback.client("sagemaker")
    container = {
        "Image": XGBOOST,
        "ModelDataUrl": "s3://bucket/model.tar.gz",
        "Environment": {"SAGEMAKER_PROGRAM": "inference.py"},
    }
    client.create_model(ModelName="probe", ExecutionRoleArn=ROLE, PrimaryContainer=container)
    variant = {"VariantName": "a", "ModelName": "probe", "InstanceType": "ml.m5.large", "InitialInstanceCount": 1}
    client.create_endpoint_config(EndpointConfigName="probe", ProductionVariants=[variant])
    client.create_endpoint(EndpointName="probe", EndpointConfigName="probe")
    until(lambda: client.describe_endpoint(EndpointName="probe")["EndpointStatus"] in ("InService", "Failed"), 90)
    assert client.describe_endpoint(EndpointName="probe")["EndpointStatus"] == "InService"
    runtime = site.loopback.client("sagemaker-runtime")
    answer = runtime.invoke_endpoint(EndpointName="probe", ContentType="text/csv", Body=b"1")
    judge(json.loads(answer["Body"].read()))
