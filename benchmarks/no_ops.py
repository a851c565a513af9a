"""200 steps that do nothing, in a row and side by side: what a step costs by itself."""

import os
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

from benchmarks import definitions, local_aws, processes
from benchmarks.bench import Bench
from benchmarks.rows import Goal, Row, measure_in_turns

STEPS = 200
PUBLISHED_CHAIN = "not installed; published ms a step: Prefect 5.9, Kedro 9.1, Kubeflow local 65, Metaflow 296"
PUBLISHED_FAN_OUT = "not installed; published s: Kedro 2.5, Dagster 7.8, Prefect 9.2, Kubeflow local 13.4, Metaflow 43"
NOTHING = [sys.executable, "-c", "pass"]


def measure(bench: Bench) -> Iterator[Row]:
    """Chain and fan-out."""
    with local_aws.running() as aws:
        sagemaker = aws.client("sagemaker")
        for name, chained in (("chain", True), ("fan-out", False)):
            local_aws.put_pipeline(sagemaker, name, definitions.no_ops(STEPS, chained=chained))
        bench.progress("warm-up")
        local_aws.run_pipeline(sagemaker, "fan-out")

        rounds = 2 if bench.quick else 5
        ours, floor = measure_in_turns(
            lambda: local_aws.run_pipeline(sagemaker, "chain"), _chain_floor, rounds, bench.progress
        )
        yield Row(f"{STEPS} no-ops, chain", "s", ours, Goal("ours", 3.0), floor, note=f"peer: {PUBLISHED_CHAIN}")
        ours, floor = measure_in_turns(
            lambda: local_aws.run_pipeline(sagemaker, "fan-out"), _fan_out_floor, rounds, bench.progress
        )
        yield Row(f"{STEPS} no-ops, fan-out", "s", ours, Goal("ours", 2.5), floor, note=f"peer: {PUBLISHED_FAN_OUT}")


def _chain_floor() -> float:
    return sum(processes.run(NOTHING) for _ in range(STEPS))


def _fan_out_floor() -> float:
    """As many at a time as there are processors."""
    began = time.perf_counter()
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        list(pool.map(processes.run, [NOTHING] * STEPS))
    return time.perf_counter() - began
