"""What an input names, where it lands, and what is said when it cannot come or go."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from loopback.runtimes.jobs import transfer
from loopback.runtimes.jobs.ports import JobFault, Outcome
from loopback.runtimes.jobs.transfer import S3Item, Sync
from tests.loopback.runtimes.jobs.conftest import Bench, Folder, processing

LIST = (
    "import pathlib; root = pathlib.Path('/opt/ml/processing')\n"
    "print(*sorted(str(path.relative_to(root)) for path in root.rglob('*') if path.is_file()))"
)


@pytest.mark.parametrize(
    ("key", "prefix", "path"),
    [
        ("p/x/y.csv", "p/", "x/y.csv"),
        ("p/y.csv", "p/y.csv", "y.csv"),
        ("p/x/y.csv", "p/x", "y.csv"),
        ("p/ab/c.csv", "p/a", "ab/c.csv"),
        ("y.csv", "", "y.csv"),
    ],
)
def test_local_path(key: str, prefix: str, path: str) -> None:
    assert transfer.local_path(key, prefix) == path


def test_a_key_that_leads_out_is_refused() -> None:
    with pytest.raises(JobFault, match="leads out"):
        transfer.local_path("p/../../etc/passwd", "p/")


@pytest.mark.parametrize("count", [1, 2, 3, 7])
def test_shards_are_a_partition(count: int) -> None:
    found = [S3Item("b", f"k{number}", f"k{number}") for number in range(5)]
    parts = [transfer.share(found, "ShardedByS3Key", host, count) for host in range(count)]
    assert sorted(item.key for part in parts for item in part) == [item.key for item in found]
    assert max(map(len, parts)) - min(map(len, parts)) <= 1


def test_a_manifest_lists_keys_below_a_prefix(bench: Bench) -> None:
    bench.s3.put("d/one.csv", "1")
    bench.s3.put("d/deep/two.csv", "2")
    manifest = bench.s3.put("m.json", json.dumps([{"prefix": "s3://b/d/"}, "one.csv", "deep/two.csv"]))
    bench.process("python3", "-c", LIST, inputs=[("data", manifest, {"S3DataType": "ManifestFile"})])
    assert bench.logs.text() == "data/deep/two.csv data/one.csv"


def test_sharded_inputs_are_divided_among_hosts(bench: Bench) -> None:
    for name in "abc":
        bench.s3.put(f"d/{name}.csv", name)
    inputs = [("data", "s3://b/d/", {"S3DataDistributionType": "ShardedByS3Key"})]
    assert bench.process("python3", "-c", LIST, hosts=2, inputs=inputs).status == "Completed"
    assert [bench.logs.text(host) for host in ("algo-1", "algo-2")] == ["data/a.csv data/c.csv", "data/b.csv"]


def test_many_files_come_and_go(bench: Bench) -> None:
    for number in range(30):
        bench.s3.put(f"d/{number:02}.csv", str(number))
    code = "import shutil; shutil.copytree('/opt/ml/processing/data', '/opt/ml/processing/out', dirs_exist_ok=True)"
    outcome = bench.process("python3", "-c", code, inputs=[("data", "s3://b/d/")], outputs=[("out", "s3://b/o/")])
    assert outcome.status == "Completed"
    assert bench.s3.keys("o/") == [f"o/{number:02}.csv" for number in range(30)]


def refused(outcome: Outcome, *words: str) -> None:
    assert (outcome.status, outcome.failure_kind) == ("Failed", None)
    for word in words:
        assert word in str(outcome.failure_reason)


@pytest.mark.parametrize(
    ("request_", "words"),
    [
        (
            {"inputs": [("data", "s3://b/nothing/")]},
            ["ClientError", 'No S3 objects found under S3 URL "s3://b/nothing/"'],
        ),
        (
            {"inputs": [("data", "s3://no-bucket/x")]},
            ["ClientError", "the S3 bucket of s3://no-bucket/x does not exist"],
        ),
        ({"inputs": [("data", "s3://b/m", {"S3DataType": "ManifestFile"})]}, ["s3://b/m does not exist"]),
        ({"inputs": [("data", "s3://b/x", {"S3InputMode": "Pipe"})]}, ["input data", "Pipe is not supported"]),
        ({"inputs": [("data", "s3://b/x", {"LocalPath": "/tmp/x"})]}, ["'/tmp/x' must start with /opt/ml/processing/"]),
        ({"inputs": [("data", "s3://b/x", {"LocalPath": "/opt/ml/processing/../x"})]}, ["/opt/ml/processing/../x"]),
        ({"outputs": [("out", "s3://b/x", {"LocalPath": "/opt/ml/model"})]}, ["output out", "/opt/ml/model"]),
        ({"image": "1.dkr.ecr.eu-west-1.amazonaws.com/mine:1"}, ["loopback.yml", '"*/mine:*": host']),
        ({"image": "1.dkr.ecr.eu-west-1.amazonaws.com/sagemaker-spark-processing:3"}, ["Spark", "not available"]),
    ],
)
def test_what_cannot_be_run_is_named(bench: Bench, request_: dict, words: list[str]) -> None:
    outcome = bench.process("true", **request_)
    refused(outcome, *words)
    assert bench.left() == []


def test_outputs_to_a_bucket_that_does_not_exist(bench: Bench) -> None:
    code = "open('/opt/ml/processing/out/x', 'w').write('x')"
    outcome = bench.process("python3", "-c", code, outputs=[("out", "s3://nowhere/o")])
    refused(outcome, "Data upload failed: s3://nowhere/o/x: the bucket does not exist")


def test_symbolic_links_and_empty_folders_are_not_sent(bench: Bench) -> None:
    code = (
        "import os; os.chdir('/opt/ml/processing/out'); open('a', 'w').write('a'); os.symlink('a', 'b'); os.mkdir('c')"
    )
    outcome = bench.process("python3", "-c", code, outputs=[("out", "s3://b/o"), ("empty", "s3://b/e")])
    assert outcome.status == "Completed"
    assert bench.s3.keys("") == ["o/a"]


def test_a_failed_job_sends_only_continuous_outputs(bench: Bench) -> None:
    code = "[open(f'/opt/ml/processing/{name}/x', 'w').write('x') for name in ('live', 'end')]; 1 / 0"
    outputs = [("live", "s3://b/live", {"S3UploadMode": "Continuous"}), ("end", "s3://b/end")]
    refused(bench.process("python3", "-c", code, outputs=outputs), "ZeroDivisionError")
    assert bench.s3.keys("") == ["live/x"]


class Hasty(Folder):
    """An S3 before which the job is quicker: `gone` is taken away just when it is to be sent."""

    def store(self, bucket: str, key: str, source: Path) -> None:
        if source.name == "gone":
            source.unlink()
        super().store(bucket, key, source)


def test_a_file_that_the_job_takes_away_is_let_go(tmp_path: Path) -> None:
    for name in ("gone", "kept"):
        (tmp_path / name).write_text("1")
    objects = Hasty(tmp_path / "s3")
    sync = Sync(objects)
    files = [(tmp_path / name, f"s3://b/{name}") for name in ("never", "gone", "kept")]
    sync.send(files)
    assert objects.keys() == ["kept"]
    (objects.root / "b/kept").unlink()
    sync.send(files)
    assert objects.keys() == []  # nothing new
    with pytest.raises(JobFault, match="Data upload failed: s3://nobody/kept"):
        Sync(objects).send([(tmp_path / "kept", "s3://nobody/kept")])


def test_the_exit_message_is_cut_at_a_kilobyte_of_text(bench: Bench) -> None:
    code = "open('/opt/ml/output/message', 'w').write('é' * 600); raise SystemExit(1)"
    outcome = bench.process("python3", "-c", code)
    assert outcome.exit_message == "é" * 512
    refused(bench.process("python3", "-c", "open('/opt/ml/output/message', 'wb').write(b'\\xff\\xfe')"), "not UTF-8")


class FullDisk(Folder):
    """The disk is full after some bytes, as the kernel says it."""

    def fetch(self, bucket, key, target) -> None:
        raise OSError(28, "No space left on device", str(target))


def test_a_full_disk_says_what_and_where(bench: Bench) -> None:
    bench.s3.put("d/a.csv", "1")
    bench.ports = replace(bench.ports, objects=FullDisk(bench.s3.root))
    outcome = bench.run(processing("true", inputs=[("data", "s3://b/d/")]))
    refused(outcome, "ClientError: Data download failed: s3://b/d/a.csv: No space left on device", "data/a.csv")
