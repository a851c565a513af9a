"""An analysis on a folder of its own."""

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from loopback.images.model_monitor.analyzer import main


class Analysis:
    """Runs the analyzer's program; paths of the container are below `base`."""

    def __init__(self, base: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self.base, self.capsys, self.code = base, capsys, 0

    def put(self, name: str, content: str | bytes) -> str:
        """Write a file below the base and tell its path in the container."""
        path = self.base / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return f"/opt/ml/{name}"

    def run(self, source: str, kind: Mapping[str, Any], output: str = "out", **environ: str) -> str:
        """Analyze; the message, which is also what the program printed."""
        given = {
            "SAGEMAKER_BASE_DIR": str(self.base),
            "dataset_source": f"/opt/ml/{source}",
            "dataset_format": json.dumps(kind),
            "output_path": f"/opt/ml/{output}",
            **environ,
        }
        self.code = main(given)
        message = (self.base / "output" / "message").read_text()
        printed = self.capsys.readouterr()
        assert (printed.err if self.code else printed.out).strip() == message
        return message

    def check(self, source: str, kind: Mapping[str, Any], **environ: str) -> list[dict[str, str]]:
        """Compare with the baseline that `run` left in `out`; the violations."""
        names = {"baseline_statistics": "statistics.json", "baseline_constraints": "constraints.json"}
        baseline = {key: f"/opt/ml/out/{name}" for key, name in names.items()}
        message = self.run(source, kind, "now", **{**baseline, **environ})
        assert self.code == 0, message
        path = self.base / "now" / "constraint_violations.json"
        found = json.loads(path.read_text())["violations"] if path.exists() else []
        told = f"CompletedWithViolations: Job completed successfully with {len(found)} violations."
        assert message == (told if found else "Completed: Job completed successfully with no violations.")
        return found

    def document(self, name: str) -> Any:
        """A result."""
        return json.loads((self.base / name).read_text())


@pytest.fixture
def analysis(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Analysis:
    return Analysis(tmp_path, capsys)


@pytest.fixture
def csv_text() -> Callable[..., str]:
    def text(header: str, *rows: Any) -> str:
        return "\n".join([*([header] if header else []), *(",".join(map(str, row)) for row in rows)]) + "\n"

    return text
