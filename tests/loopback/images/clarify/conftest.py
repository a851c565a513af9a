"""An analysis in a folder of its own, with a model that is a function of rows."""

import csv
import io
import json
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from loopback.images.clarify.program import analyze
from loopback.images.clarify.settings import ClarifySettings
from slipway.analysis.errors import BadInput

PREDICTOR = {"model_name": "m", "instance_type": "ml.m5.large", "initial_instance_count": 1}
NOW = datetime(2024, 5, 1, 8, tzinfo=UTC)


class Aws:
    """SageMaker and S3 as far as a job asks them; `answer` turns the rows of a CSV request into lines."""

    def __init__(self) -> None:
        self.answer: Callable[[list[list[str]]], list[Any]] = lambda rows: [0.5] * len(rows)
        self.raw: Callable[[str], str] | None = None
        self.calls: list[str] = []
        self.requests: list[dict[str, Any]] = []
        self.status = ["Creating", "InService"]
        self.objects: dict[str, str] = {}
        self.refused: set[str] = set()

    def __call__(self, service: str) -> Any:
        return self

    def __getattr__(self, operation: str) -> Any:
        if not operation.startswith(("create_", "delete_", "describe_")):
            raise AttributeError(operation)
        return lambda **request: self._call(operation, request)

    def _call(self, operation: str, request: dict[str, Any]) -> dict[str, Any]:
        if operation in self.refused:
            raise ClientError({"Error": {"Code": "AccessDeniedException", "Message": "no"}}, operation)
        if operation == "describe_endpoint":
            return {"EndpointStatus": self.status.pop(0) if len(self.status) > 1 else self.status[0]}
        self.calls.append(operation)
        self.requests.append(request)
        return {}

    def invoke_endpoint(self, **request: Any) -> dict[str, Any]:
        self.requests.append(request)
        text = request["Body"].decode()
        if self.raw is not None:
            return {"Body": io.BytesIO(self.raw(text).encode())}
        lines = self.answer(list(csv.reader(text.splitlines())))
        return {"Body": io.BytesIO(("\n".join(map(str, lines)) + "\n").encode())}

    def get_paginator(self, _operation: str) -> Any:
        return self

    def paginate(self, Bucket: str, Prefix: str) -> list[dict[str, Any]]:  # noqa: N803
        keys = [key for key in self.objects if key.startswith(f"{Bucket}/{Prefix}")]
        return [{"Contents": [{"Key": key.partition("/")[2], "Size": len(self.objects[key])} for key in keys]}]

    def download_file(self, bucket: str, key: str, path: str) -> None:
        Path(path).write_text(self.objects[f"{bucket}/{key}"])


class Job:
    """One Clarify job."""

    def __init__(self, base: Path) -> None:
        self.base, self.aws = base, Aws()

    def put(self, name: str, content: str) -> None:
        path = self.base / "processing" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)

    def data(self, *rows: Any, name: str = "data.csv") -> None:
        self.put(f"input/data/{name}", "\n".join(",".join(map(str, row)) for row in rows) + "\n")

    def run(self, config: dict[str, Any], **environ: str) -> dict[str, Any]:
        """The analysis.json that comes of it."""
        self.put("input/config/analysis_config.json", json.dumps(config))
        settings = ClarifySettings.from_environment({"SAGEMAKER_BASE_DIR": str(self.base), **environ})
        self.message = analyze(settings, NOW, self.aws)
        return dict(json.loads(self.read("analysis.json")))

    def refuses(self, config: dict[str, Any], **environ: str) -> str:
        with pytest.raises(BadInput) as fault:
            self.run(config, **environ)
        return str(fault.value)

    def read(self, name: str) -> str:
        return (self.base / "processing" / "output" / name).read_text()

    def exists(self, name: str) -> bool:
        return (self.base / "processing" / "output" / name).exists()


@pytest.fixture
def job(tmp_path: Path) -> Job:
    return Job(tmp_path)


def metrics(section: dict[str, Any], facet: str, place: int = 0) -> dict[str, Any]:
    return {metric["name"]: metric["value"] for metric in section["facets"][facet][place]["metrics"]}
