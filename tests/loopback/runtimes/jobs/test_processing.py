import json

from tests.loopback.runtimes.jobs.conftest import Bench

COPY = """
import pathlib, sys
for file in sorted(pathlib.Path("/opt/ml/processing/data").rglob("*.csv")):
    pathlib.Path("/opt/ml/processing/out", file.name).write_text(file.read_text().upper())
    print("read", file)
pathlib.Path("/opt/ml/output/message").write_text("two files")
"""


def test_a_script_reads_its_inputs_and_its_outputs_are_sent(bench: Bench) -> None:
    code = bench.s3.put("code/prep.py", COPY)
    bench.s3.put("raw/a.csv", "a")
    bench.s3.put("raw/deep/b.csv", "b")
    script = "/opt/ml/processing/code/prep.py"
    inputs = [("code", code), ("data", "s3://b/raw/")]
    outcome = bench.process("python3", script, inputs=inputs, outputs=[("out", "s3://b/clean")])
    assert (outcome.status, outcome.failure_reason, outcome.exit_message) == ("Completed", None, "two files")
    assert bench.s3.keys("clean/") == ["clean/a.csv", "clean/b.csv"]
    assert bench.logs.text() == "read /opt/ml/processing/data/a.csv\nread /opt/ml/processing/data/deep/b.csv"
    assert bench.states == ["Starting", "Downloading", "Training", "Uploading", "Completed"]
    assert bench.left() == []


def test_config_files_tell_the_host_who_it_is(bench: Bench) -> None:
    show = (
        "import json;print(json.dumps([json.load(open(f'/opt/ml/config/{name}.json'))"
        " for name in ('resourceconfig', 'processingjobconfig')]))"
    )
    bench.process("python3", "-c", show, Environment={"STAGE": "dev"})
    resources, config = json.loads(bench.logs.text())
    assert resources == {"current_host": "algo-1", "hosts": ["algo-1"]}
    assert config["ProcessingJobName"] == "prep-1"
    assert config["Environment"] == {"STAGE": "dev"}
