"""`slipway`, as a person and as a program use it, against real processes."""

import io
import json
import os
import re
import signal
import subprocess
import sys
import time
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from seed_code import seed
from tests.tables import table

pytestmark = pytest.mark.journey

ROOT = Path(__file__).resolve().parents[2]


class Terminal:
    """A project's files to work in, as a clone of it has them, and a loopback of its own."""

    def __init__(self, folder: Path, port: int) -> None:
        self.folder, self.port = folder, port
        with zipfile.ZipFile(io.BytesIO(seed.project().content)) as archive:
            archive.extractall(folder)
        clean = {key: value for key, value in os.environ.items() if not key.startswith(("AWS_", "SAGEMAKER_"))}
        self.environ = clean | {"PYTHONPATH": str(ROOT), "NO_COLOR": "1"}

    def command(self, *arguments: str) -> list[str]:
        return [sys.executable, "-m", "slipway", *arguments]

    def __call__(self, *arguments: str, code: int = 0, folder: Path | None = None) -> str:
        done = subprocess.run(
            self.command(*arguments),
            cwd=folder or self.folder,
            env=self.environ,
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )
        assert done.returncode == code, done.stdout + done.stderr
        assert "Traceback" not in done.stderr
        return done.stdout + done.stderr

    def client(self, service: str) -> Any:
        import boto3

        keys = {"aws_access_key_id": "000000000000", "aws_secret_access_key": "local", "region_name": "us-east-1"}
        return boto3.client(service, endpoint_url=f"http://127.0.0.1:{self.port}", **keys)

    def json(self, *arguments: str) -> Any:
        return json.loads(self(*arguments, "--json"))


@pytest.fixture(scope="module")
def terminal(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Terminal]:
    import socket

    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    made = Terminal(tmp_path_factory.mktemp("work"), port)
    assert "loopback is up" in made("local", "up", "--detach", "--port", str(port))
    yield made
    made("local", "down")


@pytest.fixture(scope="module")
def registered(terminal: Terminal) -> dict[str, Any]:
    """The first version of churn, from the real data."""
    summary: dict[str, Any] = terminal.json("run", "churn", "--data", str(table("churn")))
    return summary


def test_a_run_ends_with_a_version_that_waits(registered: dict[str, Any]) -> None:
    assert (registered["status"], registered["version"]) == ("Succeeded", 1)
    assert registered["approval"] == "PendingManualApproval"
    assert registered["steps"][0]["name"] == "Prepare"
    assert not any(step["cached"] for step in registered["steps"])
    auc = next(gate for gate in registered["gates"] if gate["metric"] == "auc")
    assert auc["holds"]
    assert auc["value"] > 0.97


@pytest.mark.usefixtures("registered")
def test_what_a_run_brings_along_lies_outside_of_the_training_data(terminal: Terminal) -> None:
    """A project that is launched later, or was before, trains on all that is below data/."""
    lineage = terminal.json("version", "1")["lineage"]
    bucket, _, prefix = lineage["InputDataUrl"].removeprefix("s3://").partition("/")
    client = terminal.client("s3")
    keys = [item["Key"] for item in client.list_objects_v2(Bucket=bucket)["Contents"]]
    assert f"{prefix}churn.csv" in keys
    assert prefix.startswith("run-data/churn/")
    assert [key for key in keys if key.startswith("data/")] == []


def test_pictures_are_there_and_are_pictures(terminal: Terminal, registered: dict[str, Any]) -> None:
    names = {Path(path).name for path in registered["pictures"]}
    assert {"roc.png", "precision_recall.png", "calibration.png", "confusion_matrix.png"} <= names
    assert all((terminal.folder / path).read_bytes().startswith(b"\x89PNG") for path in registered["pictures"])


@pytest.mark.usefixtures("registered")
def test_a_second_run_takes_its_steps_from_the_cache_and_says_so(terminal: Terminal) -> None:
    screen = terminal("run", "churn", "--data", str(table("churn")))
    assert "4 of 6 steps from the cache" in screen
    assert re.search(r"Train +Succeeded +0\.\d s  from cache", screen)
    assert "approve  slipway approve 2" in screen


@pytest.mark.usefixtures("registered")
def test_approval_makes_the_champion(terminal: Terminal) -> None:
    approved = terminal.json("approve", "1", "--reason", "good figures")
    assert approved["ModelApprovalStatus"] == "Approved"
    assert approved["ApprovalDescription"] == "good figures"
    assert approved["CustomerMetadataProperties"]["ApprovedBy"].startswith("arn:aws:")
    summary = terminal.json("run", "churn", "--data", str(table("churn")))
    page = terminal.json("version", str(summary["version"]))
    champion = page["evaluation"]["champion"]
    assert champion["model_package_arn"].endswith("/1")
    assert champion["worse_by"]["value"] == pytest.approx(0, abs=1e-6)
    cached = {step["name"]: step["cached"] for step in summary["steps"]}
    assert (cached["Train"], cached["Evaluate"]) == (True, False)


def test_two_instances_train_as_well_as_one(terminal: Terminal, registered: dict[str, Any]) -> None:
    two = terminal.json("run", "churn", "--data", str(table("churn")), "-P", "TrainingInstanceCount=2")
    figures = [{gate["metric"]: gate["value"] for gate in run["gates"]} for run in (registered, two)]
    assert two["status"] == "Succeeded"
    assert figures[1]["auc"] == pytest.approx(figures[0]["auc"], abs=0.01)


@pytest.mark.usefixtures("registered")
def test_a_gate_that_is_missed_ends_in_a_message_with_the_figures(terminal: Terminal) -> None:
    screen = terminal("run", "churn", "--data", str(table("churn")), "-P", "MinAuc=0.999", code=1)
    assert re.search(r"auc +0\.9\d+ +>= 0\.9990 +FAIL", screen)
    assert re.search(r"Not registered: .*auc 0\.9\d+", screen)


@pytest.mark.usefixtures("registered")
def test_reading_verbs(terminal: Terminal) -> None:
    assert "PendingManualApproval" in terminal("versions")
    assert "Train" in terminal("steps")
    assert "validation-logloss" in terminal("logs", "Train")
    assert "churn" in terminal("status")
    lineage = terminal.json("version", "1")["lineage"]
    assert lineage["InputDataUrl"].startswith("s3://")
    assert lineage["execution"].startswith("arn:aws:sagemaker:")
    rejected = terminal.json("reject", "2", "--reason", "too slow")
    assert rejected["ModelApprovalStatus"] == "Rejected"
    differences = terminal.json("diff", "1", "2")
    assert set(differences) == {"metrics", "parameters", "data", "code"}
    assert terminal.json("executions")[0]["PipelineExecutionArn"]


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["run", "nope"], 2, "pipelines; there is: abalone, churn"),
        (["run", "churn", "--data", "nope.csv"], 2, "There is no data file nope.csv"),
        (["run", "churn", "-P", "MinAuc"], 2, "'MinAuc' is not k=v"),
        (["run", "churn", "-P", "Typo=1"], 2, "unknown parameter 'Typo'; the pipeline has"),
        (["version", "99"], 1, "has no version 99; its newest: "),
        (["reject", "1"], 2, "--reason"),
        (["logs", "Nope"], 1, "has no step Nope"),
        (["steps", "zzz"], 1, "has no execution zzz"),
        (["executions", "-p", "nope"], 1, "There is no pipeline nope on this machine"),
        (["nonsense"], 2, "No such command"),
    ],
)
@pytest.mark.usefixtures("registered")
def test_wrong_usage_is_one_clear_message(terminal: Terminal, arguments: list[str], code: int, message: str) -> None:
    assert message in terminal(*arguments, code=code)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "is empty"),
        ("State,Phone\nPA,403-2562\n", "day_mins"),
        (None, "day_mins"),
    ],
    ids=["empty", "missing columns", "a column of the wrong type"],
)
def test_data_that_does_not_fit_is_told_by_column(terminal: Terminal, content: str | None, message: str) -> None:
    bad = terminal.folder / "bad.csv"
    if content is None:
        header, *rows = table("churn").read_text().splitlines()
        rows[6] = ",".join(["PA", "1", "806", "x", "no", "yes", "1", "many", *rows[6].split(",")[8:]])
        content = "\n".join([header, *rows]) + "\n"
    bad.write_text(content)
    screen = terminal("run", "churn", "--data", str(bad), code=2 if not content else 1)
    assert message in screen


@pytest.mark.parametrize("seconds", [0.3, 1.5, 5.0])
def test_ctrl_c_at_any_moment_leaves_nothing_half_made(terminal: Terminal, seconds: float) -> None:
    process = subprocess.Popen(
        terminal.command("run", "abalone", "--data", str(table("abalone"))),
        cwd=terminal.folder,
        env=terminal.environ,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    time.sleep(seconds)
    process.send_signal(signal.SIGINT)
    _, told = process.communicate(timeout=30)
    if process.returncode == -signal.SIGINT:  # Python itself was still starting, and says so in its own way
        assert "/slipway/" not in told
    else:
        assert ("Traceback" in told, process.returncode in (0, 130)) == (False, True), told
    summary = terminal.json("run", "abalone", "--data", str(table("abalone")))
    assert summary["status"] == "Succeeded"


def test_the_clone_that_one_works_in_is_what_is_trained(terminal: Terminal) -> None:
    config = terminal.folder / "pipelines" / "churn" / "config.yml"
    text = config.read_text()
    config.write_text(re.sub(r"num_round: \d+", "num_round: 7", text))
    options = ("-P", "MinAuc=0.5", "-P", "MinF1=0.1", "-P", "ChampionMargin=1", "-P", "ChampionModelPackageArn=none")
    summary = terminal.json("run", "churn", "--data", str(table("churn")), *options)
    lines = terminal.json("logs", "Train", "--execution", summary["execution"])
    assert sum("validation-logloss" in line for line in lines) == 7
    config.write_text(text + "nonsense: true\n")
    assert "unknown key 'nonsense'" in terminal("run", "churn", code=2)
    config.write_text(text)
    assert "slipway works on the project of the working folder" in terminal("run", "churn", code=2, folder=Path("/"))


def test_help_loads_no_aws_client() -> None:
    code = (
        "import sys; from slipway.cli.verbs import app\n"
        "try: app(['--help'])\n"
        "except SystemExit: pass\n"
        "print([name for name in ('boto3', 'botocore', 'sagemaker', 'pandas') if name in sys.modules], file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stderr.strip() == "[]"
