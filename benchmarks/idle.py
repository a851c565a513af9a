"""What a loopback that has nothing to do costs: memory and processor."""

import time
from collections.abc import Iterator

from benchmarks import definitions, local_aws, processes
from benchmarks.bench import Bench
from benchmarks.rows import Goal, Row

SECONDS = 10.0
MOST_SECONDS = 120.0  # by then the warm process has given its memory back, and the base has saved its state


def measure(bench: Bench) -> Iterator[Row]:
    """All its processes, after it has run a job and then had no request long enough to call it idle."""
    with local_aws.running() as aws:
        sagemaker = aws.client("sagemaker")
        local_aws.put_pipeline(sagemaker, "nothing", definitions.no_ops(1, chained=False))
        local_aws.run_pipeline(sagemaker, "nothing")
        warm = processes.tree(aws.supervisor, processes.parents())
        warm_memory = processes.alone_mb(warm)
        bench.progress("waiting until the warm process has left")
        pids = _wait_until_settled(aws.supervisor, len(warm))
        memory = processes.alone_mb(pids)
        bench.progress(f"{len(pids)} processes, idle for {SECONDS:.0f} s")
        before = processes.cpu_seconds(pids)
        time.sleep(SECONDS)
        share = 100 * (processes.cpu_seconds(pids) - before) / SECONDS
    note = f"PSS of all processes as if nothing else ran here; {warm_memory:.0f} MB in the minute after a job"
    yield Row("loopback idle: memory", "MB", memory, Goal("ours", 250, below=True), note=note)
    yield Row(
        "loopback idle: processor", "% of a core", share, Goal("ours", 1, below=True), note=f"over {SECONDS:.0f} s"
    )


def _wait_until_settled(supervisor: int, busy: int) -> list[int]:
    """The processes once there are fewer of them than `busy`, or after MOST_SECONDS."""
    deadline = time.monotonic() + MOST_SECONDS
    while True:
        time.sleep(1.0)
        pids = processes.tree(supervisor, processes.parents())
        if len(pids) < busy or time.monotonic() > deadline:
            time.sleep(3.0)
            return list(processes.tree(supervisor, processes.parents()))
