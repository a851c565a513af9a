"""The template's own churn pipeline, against its jobs' functions called in one script."""

import json
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from benchmarks import definitions, local_aws, processes
from benchmarks.bench import Bench
from benchmarks.local_aws import LocalAws
from benchmarks.rows import Goal, Row, measure_in_turns

SMALL, LARGE = 5_000, 1_000_000
LARGE_ROUNDS = 3
MODULE = "pipelines.churn.pipeline"
FLOOR = Path(__file__).with_name("churn_floor.py")  # not imported: that would take seconds
SAME = "floor: the same prepare, baseline, train and evaluate in one process, its imports included"


def small(bench: Bench) -> Iterator[Row]:
    """5,000 rows."""
    with local_aws.running() as aws:
        churn = Churn(aws, bench, SMALL)
        bench.progress("warm-up")
        churn.ours()
        ours, floor = measure_in_turns(churn.ours, churn.floor, bench.rounds, bench.progress)
    yield Row(f"churn pipeline, {SMALL:,} rows", "s", ours, Goal("ratio", 1.2), floor, note=SAME)


def large(bench: Bench) -> Iterator[Row]:
    """1,000,000 rows, and the memory they take."""
    with local_aws.running() as aws:
        bench.progress("warm-up")
        Churn(aws, bench, SMALL).ours()
        churn = Churn(aws, bench, LARGE)
        ours, floor = measure_in_turns(churn.ours, churn.floor, LARGE_ROUNDS, bench.progress)
        yield Row(f"churn pipeline, {LARGE:,} rows", "s", ours, Goal("ratio", 1.05), floor, note=SAME)
        ours, floor = processes.peaks(aws.supervisor, churn.ours, churn.floor, bench.progress)
    name = f"churn pipeline, {LARGE:,} rows: peak memory of the jobs"
    yield Row(name, "MB", ours, Goal("ratio", 1.1), floor, note=processes.HOW_MEMORY)


class Churn:
    """The pipeline on some rows: compiled and uploaded by its own commands' functions, and as one bare process."""

    def __init__(self, aws: LocalAws, bench: Bench, rows: int) -> None:
        self.name, self.folder, self.runs = f"churn-{rows}", bench.folder, 0
        self.raw = bench.folder / f"raw-{rows}"
        self.raw.mkdir()
        path = self.raw / "churn.csv"
        processes.python("-m", "slipway.build.sample_data", "churn", "--rows", str(rows), "--out", str(path))
        self.sagemaker, s3 = aws.client("sagemaker"), aws.client("s3")
        s3.create_bucket(Bucket=definitions.BUCKET)
        s3.upload_file(str(path), definitions.BUCKET, f"raw/{self.name}/churn.csv")
        bench.progress("compiling")
        made = self._compile_pipeline(s3)
        local_aws.put_pipeline(self.sagemaker, self.name, json.loads(made.text))
        self.setup = bench.folder / f"setup-{rows}.json"
        self.setup.write_text(json.dumps(self._floor_setup(made)))

    def _compile_pipeline(self, s3: Any) -> Any:
        from slipway.build import compiled
        from slipway.build.project import Project

        project = Project("benchmark", local_aws.ROLE, definitions.BUCKET, local_aws.REGION)
        made = compiled.build(MODULE, project.arguments, local_aws.ROOT)
        compiled.upload_code(made, MODULE, project.arguments, local_aws.ROOT, s3)
        return made

    def _floor_setup(self, made: Any) -> dict[str, Any]:
        arguments = {step["Name"]: step["Arguments"] for step in json.loads(made.text)["Steps"]}
        code = self.folder / f"code-{self.name}"
        made.bundles["Train"].write(code)
        return {
            "raw": str(self.raw),
            "prepare": json.loads(made.bundles["Prepare"].files["config.json"]),
            "evaluate": json.loads(made.bundles["Evaluate"].files["config.json"]),
            "train": _hyperparameters(arguments["Train"]["HyperParameters"]),
            "serving_code": str(code / "serving_code"),
        }

    def ours(self) -> float:
        """Seconds from StartPipelineExecution to its success; its own data version, so that no step is cached."""
        self.runs += 1
        values = {
            "InputDataUrl": f"s3://{definitions.BUCKET}/raw/{self.name}/",
            "DataVersion": f"{self.name}-{self.runs}",
            "ChampionModelPackageArn": "none",
        }
        return local_aws.run_pipeline(self.sagemaker, self.name, values)

    def floor(self) -> float:
        """Seconds of one process from its start to its end."""
        out = self.folder / "floor"
        seconds = processes.run([sys.executable, str(FLOOR), str(self.setup), str(out)])
        shutil.rmtree(out)
        return seconds


def _hyperparameters(texts: dict[str, str]) -> dict[str, Any]:
    """As script mode hands them to the job: JSON where it is JSON, without those of the toolkit."""
    return {name: _decode(text) for name, text in texts.items() if not name.startswith("sagemaker_")}


def _decode(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text
