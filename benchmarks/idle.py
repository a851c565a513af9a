"""What a warm loopback that has nothing to do costs: memory and processor."""

import time
from collections.abc import Iterator

from benchmarks import definitions, local_aws, processes
from benchmarks.bench import Bench
from benchmarks.rows import Goal, Row

SECONDS = 10.0
SETTLE_SECONDS = 5.0  # the base saves its state 2 s after a change


def measure(bench: Bench) -> Iterator[Row]:
    """All its processes, the warm one that jobs are forked from included, after it has run a job."""
    with local_aws.running() as aws:
        sagemaker = aws.client("sagemaker")
        local_aws.put_pipeline(sagemaker, "nothing", definitions.no_ops(1, chained=False))
        local_aws.run_pipeline(sagemaker, "nothing")
        bench.progress("settling")
        time.sleep(SETTLE_SECONDS)
        pids = processes.tree(aws.supervisor, processes.parents())
        memory = processes.alone_mb(pids)
        bench.progress(f"{len(pids)} processes, idle for {SECONDS:.0f} s")
        before = processes.cpu_seconds(pids)
        time.sleep(SECONDS)
        share = 100 * (processes.cpu_seconds(pids) - before) / SECONDS
    note = "PSS of all processes as if nothing else ran here, soon after a job: the process for the next one is warm"
    yield Row("loopback idle: memory", "MB", memory, Goal("ours", 250, below=True), note=note)
    yield Row(
        "loopback idle: processor", "% of a core", share, Goal("ours", 1, below=True), note=f"over {SECONDS:.0f} s"
    )
