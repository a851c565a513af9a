"""AWS's CDK, as it is, bootstraps this account and deploys a stack; only AWS_ENDPOINT_URL is set.

`make cdk` installs it with npm: where that has not been done the journey is left out.
"""

import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

FOLDER = Path(__file__).parent / "cdk"
CDK = FOLDER / "node_modules/aws-cdk/bin/cdk"
pytestmark = [
    pytest.mark.journey,
    pytest.mark.skipif(not CDK.exists() or not shutil.which("node"), reason="the CDK is not installed: make cdk"),
]


def test_a_stack_of_the_cdk(loopback: Any, tmp_path: Path) -> None:
    home = {"HOME": str(tmp_path), "CDK_DISABLE_VERSION_CHECK": "1", "CDK_OUTDIR": str(tmp_path / "out")}
    environ = {**loopback.environ, **home, "PATH": os.environ["PATH"]}

    def cdk(*arguments: str) -> None:
        command = ["node", str(CDK), "--app", "node app.js", "--ci", *arguments]
        done = subprocess.run(
            command, cwd=FOLDER, env=environ, capture_output=True, text=True, timeout=600, check=False
        )
        assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]

    cdk("bootstrap", "aws://000000000000/us-east-1")
    cdk("deploy", "--require-approval", "never")
    [stack] = loopback.client("cloudformation").describe_stacks(StackName="Ml")["Stacks"]
    assert stack["StackStatus"] == "CREATE_COMPLETE"
    name = stack["Outputs"][0]["OutputValue"]
    answer = loopback.client("lambda").invoke(FunctionName=name, Payload=b"{}")
    assert json.loads(answer["Payload"].read()) == "answered"
    assert loopback.client("sagemaker").describe_pipeline(PipelineName="cdk")["PipelineStatus"] == "Active"
    assert loopback.client("codepipeline").get_pipeline(name="cdk")["pipeline"]["name"] == "cdk"
    cdk("destroy", "--force")
    assert loopback.client("lambda").list_functions()["Functions"] == []
    assert loopback.client("codepipeline").list_pipelines()["pipelines"] == []
