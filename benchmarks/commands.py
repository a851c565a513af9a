"""How long a person waits for a command that does next to nothing."""

import sys
from collections.abc import Iterator
from functools import partial
from pathlib import Path

from benchmarks import definitions, local_aws, processes
from benchmarks.bench import Bench
from benchmarks.local_aws import LocalAws
from benchmarks.rows import Goal, Row, measure_in_turns

ROUNDS = 7
COMPILE = ("-m", "slipway.build.get_pipeline_definition", "-n", "pipelines.churn.pipeline")
PROJECT = "benchmark"


def measure(bench: Bench) -> Iterator[Row]:
    """`slipway --help`, `slipway status`, and compiling a pipeline that has not changed."""
    with local_aws.running() as aws:
        environ = aws.environ | {
            "SAGEMAKER_PROJECT_NAME": PROJECT,
            "SAGEMAKER_PIPELINE_ROLE_ARN": local_aws.ROLE,
            "ARTIFACT_BUCKET": definitions.BUCKET,
        }
        _have_something_to_show(aws)
        for arguments, limit in ((("--help",), 0.3), (("status",), 0.8)):
            command = partial(processes.run, [*_slipway(), *arguments], environ)
            bench.progress("warm-up")
            command()
            ours, floor = measure_in_turns(command, _nothing, ROUNDS, bench.progress)
            yield Row(f"slipway {arguments[0]}", "s", ours, Goal("ours", limit, below=True), floor, note=NOTE)
        bench.progress("compiling the first time")
        again = partial(processes.run, [sys.executable, *COMPILE], environ)
        again()
        ours, floor = measure_in_turns(again, _nothing, ROUNDS, bench.progress)
        name = "compiling an unchanged pipeline again"
        yield Row(name, "s", ours, Goal("ours", 0.5, below=True), floor, note="get-pipeline-definition; " + NOTE)


NOTE = "a whole process; floor: python -c pass"


def _nothing() -> float:
    return processes.run([sys.executable, "-c", "pass"])


def _slipway() -> list[str]:
    """The installed command, or the same as a module where it is not installed."""
    installed = Path(sys.executable).with_name("slipway")
    return [str(installed)] if installed.exists() else [sys.executable, "-m", "slipway"]


def _have_something_to_show(aws: LocalAws) -> None:
    sagemaker = aws.client("sagemaker")
    name = f"{PROJECT}-nothing"
    local_aws.put_pipeline(sagemaker, name, definitions.no_ops(1, chained=False))
    local_aws.run_pipeline(sagemaker, name)
