"""The AWS CLI as an oracle: another client, with a botocore of its own."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.journey

AWS = Path(sys.executable).with_name("aws")


def aws(loopback: Any, *arguments: str) -> Any:
    done = subprocess.run(
        [str(AWS), *arguments, "--output", "json"], env=loopback.environ, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout or "null")


def test_a_pipeline_from_the_command_line(shared: Any, step: Any, tmp_path: Path, wait_until: Any) -> None:
    definition = tmp_path / "definition.json"
    definition.write_text(json.dumps({"Version": "2020-12-01", "Steps": [step("Hello", "print('hello')")]}))
    role = "arn:aws:iam::000000000000:role/pipeline"
    aws(
        shared,
        *("sagemaker", "create-pipeline", "--pipeline-name", "cli", "--role-arn", role),
        *("--pipeline-definition", f"file://{definition}"),
    )
    arn = aws(shared, "sagemaker", "start-pipeline-execution", "--pipeline-name", "cli")["PipelineExecutionArn"]

    def ended() -> Any:
        found = aws(shared, "sagemaker", "describe-pipeline-execution", "--pipeline-execution-arn", arn)
        return found if found["PipelineExecutionStatus"] != "Executing" else None

    assert wait_until(ended, 30)["PipelineExecutionStatus"] == "Succeeded"
    steps = aws(shared, "sagemaker", "list-pipeline-execution-steps", "--pipeline-execution-arn", arn)
    job = steps["PipelineExecutionSteps"][0]["Metadata"]["ProcessingJob"]["Arn"].rpartition("/")[2]
    aws(shared, "sagemaker", "wait", "processing-job-completed-or-stopped", "--processing-job-name", job)
    group = "/aws/sagemaker/ProcessingJobs"
    found = aws(shared, "logs", "filter-log-events", "--log-group-name", group, "--log-stream-name-prefix", job)
    assert [event["message"] for event in found["events"]] == ["hello"]


def test_pages_are_followed(shared: Any) -> None:
    for number in range(12):
        aws_name = f"page-{number:02d}"
        shared.client("sagemaker").create_model_package_group(ModelPackageGroupName=aws_name)
    found = aws(
        shared,
        *("sagemaker", "list-model-package-groups", "--name-contains", "page-", "--page-size", "5"),
        *("--sort-by", "Name", "--sort-order", "Ascending"),
    )
    names = [group["ModelPackageGroupName"] for group in found["ModelPackageGroupSummaryList"]]
    assert names == [f"page-{number:02d}" for number in range(12)]


def test_what_is_not_run_is_named(shared: Any) -> None:
    done = subprocess.run(
        [str(AWS), "sagemaker", "list-feature-groups"], env=shared.environ, capture_output=True, text=True, check=False
    )
    assert done.returncode != 0
    assert "loopback does not run sagemaker ListFeatureGroups" in done.stderr
