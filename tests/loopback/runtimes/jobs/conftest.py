import hashlib
import shutil
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from loopback.core.objects import NoSuchBucket, NoSuchKey, StoredObject
from loopback.runtimes.jobs.hosts import Zygote
from loopback.runtimes.jobs.images import Images
from loopback.runtimes.jobs.ports import Job, Outcome, Ports
from loopback.runtimes.jobs.run import run_job

XGBOOST = "683313688378.dkr.ecr.us-east-1.amazonaws.com/sagemaker-xgboost:3.2-0"
SKLEARN = "683313688378.dkr.ecr.us-east-1.amazonaws.com/sagemaker-scikit-learn:1.4-2-cpu-py3"


class Folder:
    """S3 as a folder: a bucket is a folder in it."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.bucket("b")

    def bucket(self, name: str) -> Path:
        path = self.root / name
        path.mkdir(parents=True, exist_ok=True)
        return path

    def put(self, key: str, content: bytes | str) -> str:
        path = self.root / "b" / key
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return f"s3://b/{key}"

    def keys(self, prefix: str = "") -> list[str]:
        return [item.key for item in self.list("b", prefix)]

    def list(self, bucket: str, prefix: str) -> list[StoredObject]:
        root = self._bucket(bucket)
        files = sorted(path for path in root.rglob("*") if path.is_file())
        found = [(path, path.relative_to(root).as_posix()) for path in files]
        return [
            StoredObject(key, path.stat().st_size, hashlib.md5(path.read_bytes()).hexdigest())
            for path, key in found
            if key.startswith(prefix)
        ]

    def fetch(self, bucket: str, key: str, target: Path) -> None:
        shutil.copyfile(self._object(bucket, key), target)

    def read(self, bucket: str, key: str) -> bytes:
        return self._object(bucket, key).read_bytes()

    def store(self, bucket: str, key: str, source: Path) -> None:
        target = self._bucket(bucket) / key
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source, target)

    def _bucket(self, name: str) -> Path:
        if not (self.root / name).is_dir():
            raise NoSuchBucket(name)
        return self.root / name

    def _object(self, bucket: str, key: str) -> Path:
        path = self._bucket(bucket) / key
        if not path.is_file():
            raise NoSuchKey(key)
        return path


class Lines:
    """Logs in memory."""

    def __init__(self) -> None:
        self.streams: dict[tuple[str, str], list[tuple[int, str]]] = {}

    def append(self, group: str, stream: str, events: list[tuple[int, str]]) -> None:
        self.streams.setdefault((group, stream), []).extend(events)

    def text(self, host: str = "algo-1") -> str:
        found = [events for (_, stream), events in self.streams.items() if f"/{host}-" in stream]
        return "\n".join(line for events in found for _, line in events)


@dataclass
class Bench:
    """A machine to run jobs on, and what it has seen."""

    ports: Ports
    s3: Folder
    logs: Lines
    stop: threading.Event = field(default_factory=threading.Event)
    states: list[str] = field(default_factory=list)

    def run(self, job: Job) -> Outcome:
        return run_job(job, self.ports, self.stop, lambda state, _message: self.states.append(state))

    def left(self) -> list[Path]:
        """What remains in the jobs' folder when removals have had their time."""
        for _ in range(100):
            if not (found := list(self.ports.folder.glob("*"))):
                break
            time.sleep(0.02)
        return found

    def process(self, *argv: str, **request) -> Outcome:
        return self.run(processing(*argv, **request))


def processing(*argv: str, image: str = XGBOOST, hosts: int = 1, inputs=(), outputs=(), **request) -> Job:
    """A processing job of `argv`. Inputs: (name, uri) or (name, uri, extra); outputs: (name, uri) or with extra."""
    return Job(
        "processing",
        "prep-1",
        "arn:aws:sagemaker:us-east-1:000000000000:processing-job/prep-1",
        {
            "AppSpecification": {"ImageUri": image, "ContainerEntrypoint": list(argv)},
            "ProcessingResources": {"ClusterConfig": {"InstanceCount": hosts, "InstanceType": "ml.m5.large"}},
            "ProcessingInputs": [_input(*entry) for entry in inputs],
            "ProcessingOutputConfig": {"Outputs": [_output(*entry) for entry in outputs]},
            **request,
        },
        environ={"AWS_ACCESS_KEY_ID": "test"},
    )


def _input(name: str, uri: str, extra=()) -> dict:
    source = {"S3Uri": uri, "LocalPath": f"/opt/ml/processing/{name}", "S3DataType": "S3Prefix", **dict(extra)}
    return {"InputName": name, "S3Input": source}


def _output(name: str, uri: str, extra=()) -> dict:
    target = {"S3Uri": uri, "LocalPath": f"/opt/ml/processing/{name}", "S3UploadMode": "EndOfJob", **dict(extra)}
    return {"OutputName": name, "S3Output": target}


@pytest.fixture(scope="session")
def zygote():
    zygote = Zygote()
    zygote.start()
    yield zygote
    zygote.close()


@pytest.fixture
def bench(tmp_path: Path, zygote: Zygote) -> Bench:
    s3, logs = Folder(tmp_path / "s3"), Lines()
    return Bench(Ports(s3, logs, zygote, tmp_path / "jobs", Images(), grace_seconds=2.0), s3, logs)


def training(image: str = XGBOOST, hosts: int = 1, hyperparameters=(), algorithm=(), channels=(), **request) -> Job:
    """A training job. Channels: name -> (uri, extra S3DataSource keys and ContentType)."""
    return Job(
        "training",
        "train-1",
        "arn:aws:sagemaker:us-east-1:000000000000:training-job/train-1",
        {
            "AlgorithmSpecification": {"TrainingImage": image, "TrainingInputMode": "File", **dict(algorithm)},
            "HyperParameters": dict(hyperparameters),
            "InputDataConfig": [_channel(name, *entry) for name, entry in dict(channels).items()],
            "OutputDataConfig": {"S3OutputPath": "s3://b/models"},
            "ResourceConfig": {"InstanceCount": hosts, "InstanceType": "ml.m5.large", "VolumeSizeInGB": 1},
            "StoppingCondition": {"MaxRuntimeInSeconds": 60},
            **request,
        },
    )


def _channel(name: str, uri: str, content_type: str | None = None, **source) -> dict:
    found = {"ChannelName": name, "DataSource": {"S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": uri, **source}}}
    return found | ({"ContentType": content_type} if content_type else {})
