"""A monitor's job in a folder of its own, with buckets and CloudWatch in memory."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from slipway.analysis import data_quality
from slipway.analysis.source import Source
from slipway.deploy import monitor_preprocessor
from slipway.monitoring import job
from slipway.monitoring.settings import PREPROCESSOR

SCRIPT = Path(monitor_preprocessor.__file__)


@dataclass
class Bucket:
    """The part of S3 that the job uses, of one bucket."""

    objects: dict[str, bytes] = field(default_factory=dict)
    refuses: bool = False

    def get_paginator(self, operation: str) -> "Bucket":
        assert operation == "list_objects_v2"
        return self

    def paginate(self, Bucket: str, Prefix: str, Delimiter: str = "") -> Iterator[dict[str, Any]]:  # noqa: N803
        assert Bucket == "b"
        if self.refuses:
            raise ClientError({"Error": {"Code": "AccessDenied", "Message": "no"}}, "ListObjectsV2")
        keys = sorted(key for key in self.objects if key.startswith(Prefix))
        if Delimiter:
            folders = {Prefix + key.removeprefix(Prefix).partition(Delimiter)[0] + Delimiter for key in keys}
            yield {"CommonPrefixes": [{"Prefix": folder} for folder in sorted(folders)]}
            return
        for key in keys:  # a page each
            yield {"Contents": [{"Key": key, "Size": len(self.objects[key])}]}

    def download_file(self, bucket: str, key: str, path: str) -> None:
        Path(path).write_bytes(self.objects[key])


@dataclass
class CloudWatch:
    """Keeps what it is told."""

    told: list[dict[str, Any]] = field(default_factory=list)
    refuses: bool = False

    def put_metric_data(self, **request: Any) -> None:
        if self.refuses:
            raise ClientError({"Error": {"Code": "AccessDenied", "Message": "no"}}, "PutMetricData")
        self.told.append(request)


@dataclass
class Monitor:
    """Runs the job's program."""

    base: Path
    s3: Bucket = field(default_factory=Bucket)
    cloudwatch: CloudWatch = field(default_factory=CloudWatch)
    code: int = 0

    def baseline(self, rows: str) -> None:
        """Of a CSV file with a header, as a version has it."""
        (self.base / "base.csv").write_text(rows)
        found = data_quality.analyze(Source(self.base / "base.csv", "csv", {"header": True}))
        for folder, document in (
            ("stats/statistics", found.statistics),
            ("constraints/constraints", found.constraints),
        ):
            path = self.base / f"processing/baseline/{folder}.json"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(json.dumps(document))

    def capture(
        self,
        hour: str,
        *requests: str,
        answers: tuple[str, ...] = (),
        variant: str = "champion",
        encoding: str = "CSV",
    ) -> None:
        """A file of an hour, `2026/11/30/07`: one record for each request."""
        lines = [
            record(request, answers[number] if answers else "0.5", f"{hour}-{number}", encoding)
            for number, request in enumerate(requests)
        ]
        key = f"captured/demo-prod/{variant}/{hour}/{len(self.s3.objects)}.jsonl"
        self.s3.objects[key] = "\n".join(lines).encode()

    def label(self, hour: str, labels: dict[str, str]) -> None:
        """A file of labels in an hour, by the id of their requests."""
        lines = [
            json.dumps({"groundTruthData": {"data": value, "encoding": "CSV"}, "eventMetadata": {"eventId": name}})
            for name, value in labels.items()
        ]
        self.s3.objects[f"labels/{hour}/{len(self.s3.objects)}.jsonl"] = "\n".join(lines).encode()

    def run(self, **environ: str) -> str:
        """The exit message; `code` is the exit code."""
        given = {
            "monitor": "data_quality",
            "endpoint": "demo-prod",
            "schedule": "demo-prod-data-quality",
            "captures": "s3://b/captured",
            "started": "2026-11-30T08:15:02Z",
            "hours": "1",
            **environ,
        }
        folder = self.base / "code"
        folder.mkdir(exist_ok=True)
        (folder / PREPROCESSOR).write_text(SCRIPT.read_text())
        clients = {"s3": self.s3, "cloudwatch": self.cloudwatch}
        self.code = job.main(given, folder, self.base, clients.__getitem__)
        return (self.base / "output/message").read_text()

    def document(self, name: str) -> Any:
        """What was left for S3, by its path below the schedule's folder."""
        return json.loads((self.base / "processing/output" / name).read_text())

    @property
    def written(self) -> list[str]:
        """The files that are left for S3."""
        root = self.base / "processing/output"
        return sorted(str(path.relative_to(root)) for path in root.rglob("*") if path.is_file())


def record(request: str, answer: str, name: str, encoding: str = "CSV") -> str:
    """A captured record; `encoding` is that of the answer."""
    sides = {
        "endpointInput": {"observedContentType": "text/csv", "mode": "INPUT", "data": request, "encoding": "CSV"},
        "endpointOutput": {"observedContentType": "text/csv", "mode": "OUTPUT", "data": answer, "encoding": encoding},
    }
    return json.dumps({"captureData": sides, "eventMetadata": {"eventId": name, "inferenceId": name}})


@pytest.fixture
def monitor(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Monitor]:
    constraints = tmp_path / "processing/baseline/constraints/constraints.json"
    monkeypatch.setenv("baseline_constraints", str(constraints))  # of the job's environment, for the script
    return Monitor(tmp_path)
