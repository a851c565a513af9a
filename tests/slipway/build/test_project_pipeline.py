"""The pipeline that a project's get_pipeline returns, made and started by the SDK itself; botocore checks it."""

import json
from pathlib import Path
from types import SimpleNamespace

import pytest

from slipway.build.compiled import build

ROOT = Path(__file__).resolve().parents[3]
ROLE = "arn:aws:iam::111122223333:role/pipeline"
ARGUMENTS = {"region": "eu-west-1", "role": ROLE, "default_bucket": "bucket", "sagemaker_project_name": "demo"}
ARN = "arn:aws:sagemaker:eu-west-1:111122223333:pipeline/demo-churn"


class Account:
    """The clients of an account without a pipeline; what they are asked."""

    def __init__(self, session):
        self.asked = []
        self.sagemaker_client = session.boto_session.client("sagemaker")
        self.s3 = session.boto_session.client("s3")
        for client in (self.sagemaker_client, self.s3):
            client.meta.events.register("before-call", self.answer)
        self.boto_session = SimpleNamespace(client=lambda _: self.s3)
        self.local_mode = False

    def _append_sagemaker_config_tags(self, tags, _path):
        return tags

    def answer(self, model, params, **_):
        body = params["body"]
        self.asked.append((model.name, json.loads(body) if isinstance(body, bytes) and body[:1] == b"{" else body))
        found = {"PipelineArn": ARN, "PipelineExecutionArn": f"{ARN}/execution/abc", "KeyCount": 0}
        data = {"Key": "data/churn/a.csv", "Size": 3, "ETag": '"e"'}
        found |= {"Contents": [data]} if "data%2Fchurn" in str(params) or "data/churn" in str(params) else {}
        return SimpleNamespace(status_code=200), found | {"ModelPackageSummaryList": []}

    def requests(self, name):
        return [request for asked, request in self.asked if asked == name]


@pytest.fixture
def pipeline(monkeypatch):
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-west-1")
    import pipelines.churn.pipeline as module

    made = module.get_pipeline(**ARGUMENTS)
    made.sagemaker_session = Account(made.workshop.session)
    return made


def test_upsert_puts_the_code_and_makes_the_pipeline(pipeline):
    account = pipeline.sagemaker_session
    assert pipeline.upsert(role_arn=ROLE)["PipelineArn"] == ARN
    (request,) = account.requests("CreatePipeline")
    assert (request["PipelineName"], request["RoleArn"]) == ("demo-churn", ROLE)
    assert request["PipelineDefinition"] == build("pipelines.churn.pipeline", ARGUMENTS, ROOT).text
    names = [name for name, _ in account.asked]
    assert names.count("PutObject") >= len(pipeline.workshop.bundles)
    assert names.index("PutObject") < names.index("CreatePipeline")


def test_a_run_starts_with_its_commit_data_and_champion(pipeline, monkeypatch):
    monkeypatch.setenv("CODEBUILD_RESOLVED_SOURCE_VERSION", "c1")
    execution = pipeline.start(parameters={"MinAuc": 0.9})
    assert execution.arn == f"{ARN}/execution/abc"
    (request,) = pipeline.sagemaker_session.requests("StartPipelineExecution")
    values = {item["Name"]: item["Value"] for item in request["PipelineParameters"]}
    assert (values["MinAuc"], values["CommitId"], values["ChampionModelPackageArn"]) == ("0.9", "c1", "none")
    assert len(values["DataVersion"]) == 16


def test_it_is_compiled_without_an_account(monkeypatch):
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-west-1")
    import pipelines.churn.pipeline as module

    made = module.get_pipeline(**ARGUMENTS)
    assert json.loads(made.definition())["Steps"]
    assert made._account is None
