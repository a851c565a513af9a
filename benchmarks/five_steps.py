"""Five steps as a SageMaker pipeline, against the same functions called one after another in one process."""

import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

from benchmarks import churn_data, definitions, local_aws, orchestrators, processes, workload
from benchmarks.bench import Bench
from benchmarks.local_aws import Failed, LocalAws
from benchmarks.rows import Goal, Row, measure_in_turns

SMALL, LARGE = 5_000, 1_000_000
LARGE_ROUNDS = 3
PEER_ROUNDS = 3


def small(bench: Bench) -> Iterator[Row]:
    """5,000 rows: what starting, moving files and deciding cost."""
    with local_aws.running() as aws:
        pipeline = Pipeline(aws, bench.folder, SMALL)
        bench.progress("warm-up")
        pipeline.ours()
        ours, floor = measure_in_turns(pipeline.ours, pipeline.floor, bench.rounds, bench.progress)
        pipeline.require_versions(bench.rounds + 1)
        peer, told = orchestrators.beside(pipeline.raw, bench.folder, ours, PEER_ROUNDS, bench.progress)
    yield Row(f"five steps, {SMALL:,} rows", "s", ours, Goal("ratio", 1.2), floor, peer, details=told)


def large(bench: Bench) -> Iterator[Row]:
    """1,000,000 rows: what moving large files costs, in time and in memory."""
    with local_aws.running() as aws:
        pipeline = Pipeline(aws, bench.folder, LARGE)
        bench.progress("warm-up")
        Pipeline(aws, bench.folder, SMALL).ours()
        ours, floor = measure_in_turns(pipeline.ours, pipeline.floor, LARGE_ROUNDS, bench.progress)
        # before the peers, whose time would let the warm process leave
        memory = processes.peaks(aws.supervisor, pipeline.ours, pipeline.floor, bench.progress)
        peer, told = orchestrators.beside(pipeline.raw, bench.folder, ours, 1, bench.progress)
    yield Row(f"five steps, {LARGE:,} rows", "s", ours, Goal("ratio", 1.05), floor, peer, details=told)
    name = f"five steps, {LARGE:,} rows: peak memory of the jobs"
    yield Row(name, "MB", memory[0], Goal("ratio", 1.1), memory[1], note=processes.HOW_MEMORY)


class Pipeline:
    """The workload on some rows: as a pipeline of a loopback, and as one bare process."""

    def __init__(self, aws: LocalAws, folder: Path, rows: int) -> None:
        self.aws, self.folder, self.name = aws, folder, f"five-steps-{rows}"
        self.raw = churn_data.write(folder / f"churn-{rows}.csv", rows)
        self.sagemaker = aws.client("sagemaker")
        s3, key = aws.client("s3"), f"raw/{self.raw.name}"
        s3.create_bucket(Bucket=definitions.BUCKET)
        s3.upload_file(str(self.raw), definitions.BUCKET, key)
        s3.upload_file(workload.__file__, definitions.BUCKET, "code/workload.py")
        document = definitions.five_steps(f"s3://{definitions.BUCKET}/{key}", workload.LEAST_AUC)
        local_aws.put_pipeline(self.sagemaker, self.name, document)

    def ours(self) -> float:
        """Seconds from StartPipelineExecution to its success, which is after the registration."""
        return local_aws.run_pipeline(self.sagemaker, self.name)

    def floor(self) -> float:
        """Seconds of one process from its start to its end, imports included."""
        out = self.folder / "floor"
        seconds = processes.run([sys.executable, workload.__file__, "all", str(self.raw), str(out)])
        shutil.rmtree(out)
        return seconds

    def require_versions(self, count: int) -> None:
        """Each run has registered a model. Raises Failed."""
        pages = self.sagemaker.get_paginator("list_model_packages").paginate(ModelPackageGroupName=definitions.GROUP)
        found = sum(len(page["ModelPackageSummaryList"]) for page in pages)
        if found != count:
            raise Failed(f"{count} executions have registered {found} versions")
