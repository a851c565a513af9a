"""The functions of project.yml, with the services they talk to played."""

import io
import json
import re
from types import SimpleNamespace

import pytest
from botocore.exceptions import ClientError

from slipway.cli import verbs

ARN = "arn:aws:sagemaker:eu-west-1:111122223333:model-package/demo-churn/{}"
BUILD, DEPLOY = "sagemaker-demo-p-1-modelbuild", "sagemaker-demo-p-1-modeldeploy"


@pytest.fixture(autouse=True)
def environment(monkeypatch) -> None:
    monkeypatch.setenv("MODELBUILD_PIPELINE", BUILD)
    monkeypatch.setenv("MODELDEPLOY_PIPELINE", DEPLOY)
    monkeypatch.setenv("MODEL_PACKAGE_GROUP_NAME", "demo-churn")
    monkeypatch.setenv("ENDPOINT", "demo-prod")


def refusal(code: str) -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": code}}, "operation")


class TestStart:
    """What starts the pipelines."""

    @staticmethod
    def approval(**detail):
        return {"id": "e-1", "source": "aws.sagemaker", "detail": {"ModelPackageArn": ARN.format(3), **detail}}

    @pytest.mark.parametrize(
        "fields", [None, [], ["ModelApprovalStatus"], ["ApprovalDescription", "ModelApprovalStatus"]]
    )
    def test_an_approval_starts_a_deployment_of_that_version(self, fields, function, client) -> None:
        codepipeline = client(start_pipeline_execution={"pipelineExecutionId": "x"})
        start = function("StartFunction", codepipeline=codepipeline)
        assert start.handler(self.approval(UpdatedModelPackageFields=fields), None) == "x"
        variables = [{"name": "ModelPackageArn", "value": ARN.format(3)}]
        request = {"name": DEPLOY, "clientRequestToken": "e-1", "variables": variables}
        assert codepipeline.calls == [("start_pipeline_execution", request)]

    @pytest.mark.parametrize(
        ("second", "executions"),
        [
            ({}, 1),
            ({"LastModifiedTime": "2026-11-02T08:00:00Z"}, 2),
            ({"ModelPackageArn": ARN.format(4)}, 2),
        ],
    )
    def test_one_approval_is_one_deployment_however_many_events_tell_of_it(
        self, second, executions, function, client
    ) -> None:
        """AWS may send several events for a change of state, each with its own id."""
        codepipeline = client(start_pipeline_execution={"pipelineExecutionId": "x"})
        start = function("StartFunction", codepipeline=codepipeline)
        told = {"ModelApprovalStatus": "Approved", "LastModifiedTime": "2026-11-02T07:10:00Z"}
        for event in (self.approval(**told), self.approval(**told | second) | {"id": "e-2"}):
            start.handler(event, None)
        tokens = {request["clientRequestToken"] for _, request in codepipeline.calls}
        assert len(tokens) == executions
        assert all(re.fullmatch("[a-zA-Z0-9-]{1,128}", token) for token in tokens)

    def test_recording_what_is_in_production_starts_nothing(self, function, client) -> None:
        codepipeline = client()
        start = function("StartFunction", codepipeline=codepipeline)
        assert start.handler(self.approval(UpdatedModelPackageFields=["ModelLifeCycle"]), None) == "no approval"
        assert codepipeline.calls == []

    @pytest.mark.parametrize(
        ("paths", "started"),
        [
            (["pipelines/churn/config.yml"], [BUILD]),
            (["buildspec.yml"], [BUILD]),
            (["deploy/stages/prod.yml"], [DEPLOY]),
            (["codebuild/build-deploy.yml", "requirements.txt"], [BUILD, DEPLOY]),
            (["README.md", "docs/pipelines/x.md"], []),
        ],
    )
    def test_a_push_starts_what_its_files_concern(self, paths, started, function, client) -> None:
        codepipeline = client(start_pipeline_execution={"pipelineExecutionId": "x"})
        sides = [{"beforeBlob": {"path": path}, "afterBlob": {"path": path}} for path in paths]
        codecommit = client(get_differences=[{"differences": sides[:1]}, {"differences": sides[1:]}])
        start = function("StartFunction", codepipeline=codepipeline, codecommit=codecommit)
        detail = {"repositoryName": "r", "oldCommitId": "a", "commitId": "b"}
        start.handler({"id": "e-2", "source": "aws.codecommit", "detail": detail}, None)
        assert [request["name"] for _, request in codepipeline.calls] == started

    def test_a_push_that_can_not_be_looked_into_is_not_lost(self, function, client) -> None:
        def pages():
            raise refusal("AccessDeniedException")
            yield

        codepipeline = client(start_pipeline_execution={"pipelineExecutionId": "x"})
        start = function("StartFunction", codepipeline=codepipeline, codecommit=client(get_differences=pages()))
        detail = {"repositoryName": "r", "oldCommitId": "a", "commitId": "b"}
        start.handler({"id": "e-4", "source": "aws.codecommit", "detail": detail}, None)
        assert [request["name"] for _, request in codepipeline.calls] == [BUILD, DEPLOY]

    @pytest.mark.parametrize(("source", "detail"), [("aws.s3", {}), ("aws.codecommit", {"commitId": "b"})])
    def test_a_new_zip_or_branch_concerns_everything(self, source, detail, function, client) -> None:
        codepipeline = client(start_pipeline_execution={"pipelineExecutionId": "x"})
        start = function("StartFunction", codepipeline=codepipeline)
        start.handler({"id": "e-3", "source": source, "detail": detail}, None)
        assert [request["name"] for _, request in codepipeline.calls] == [BUILD, DEPLOY]


def serving(version, **endpoint):
    """What SageMaker answers about an endpoint whose new variant has this version, a challenger beside it."""
    variants = [{"VariantName": "Challenger", "ModelName": "other"}, {"VariantName": "AllTraffic", "ModelName": "m"}]
    return {
        "describe_endpoint": {"EndpointConfigName": "c", "EndpointStatus": "InService", **endpoint},
        "describe_endpoint_config": {"ProductionVariants": variants},
        "describe_model": lambda ModelName: {  # noqa: N803  boto3's name
            "Containers": [{"ModelPackageName": ARN.format(version if ModelName == "m" else 0)}]
        },
    }


class TestPromotion:
    """The two actions beside the deployment to production."""

    @staticmethod
    def job(do, **more):
        given = json.dumps({"Do": do, "ModelPackageArn": ARN.format(3), **more})
        configuration = {"configuration": {"FunctionName": "f", "UserParameters": given}}
        return {"CodePipeline.job": {"id": "job-1", "data": {"actionConfiguration": configuration}}}

    def test_a_version_that_is_still_approved_goes_on(self, function, client) -> None:
        codepipeline = client()
        version = {"ModelApprovalStatus": "Approved", "ModelPackageVersion": 3}
        promotion = function(
            "PromotionFunction", codepipeline=codepipeline, sagemaker=client(describe_model_package=version)
        )
        promotion.handler(self.job("StillApproved"), None)
        ((operation, request),) = codepipeline.calls
        assert operation == "put_job_success_result"
        assert request["executionDetails"] == {"summary": "version 3 is still approved"}

    @pytest.mark.parametrize("status", ["Rejected", "PendingManualApproval"])
    def test_one_that_is_not_stops_with_the_reason(self, status, function, client) -> None:
        codepipeline = client()
        version = {"ModelApprovalStatus": status, "ModelPackageVersion": 3, "ApprovalDescription": "biased"}
        promotion = function(
            "PromotionFunction", codepipeline=codepipeline, sagemaker=client(describe_model_package=version)
        )
        promotion.handler(self.job("StillApproved"), None)
        ((operation, request),) = codepipeline.calls
        assert operation == "put_job_failure_result"
        assert f"/3 is {status} by now (biased)" in request["failureDetails"]["message"]

    @pytest.mark.parametrize(
        ("source", "kind", "runs", "goes_on"),
        [
            ("production", "STANDARD", 3, True),
            ("production", "STANDARD", 4, False),
            ("production", "ROLLBACK", 4, True),
            ("given", "STANDARD", 2, True),
            ("newest", "STANDARD", 2, True),
        ],
        ids=["settings", "settings of a version that was replaced", "back to it", "an approval", "a first release"],
    )
    def test_a_push_of_settings_never_brings_back_a_version(
        self, source, kind, runs, goes_on, function, client
    ) -> None:
        codepipeline = client(get_pipeline_execution={"pipelineExecution": {"executionType": kind}})
        version = {"ModelApprovalStatus": "Approved", "ModelPackageVersion": 3}
        sagemaker = client(describe_model_package=version, **serving(runs))
        job = self.job("StillApproved", From=source, Execution="e-1")
        function("PromotionFunction", codepipeline=codepipeline, sagemaker=sagemaker).handler(job, None)
        operation, request = codepipeline.calls[-1]
        assert operation == ("put_job_success_result" if goes_on else "put_job_failure_result")
        if not goes_on:
            said = request["failureDetails"]["message"]
            assert "demo-prod runs version 4 by now, this push was for version 3" in said
            assert said.endswith("slipway promote 4")

    def test_production_is_recorded_and_what_was_there_archived(self, function, client) -> None:
        live = {"Stage": "Production", "StageStatus": "Approved"}
        pages = [
            {"ModelPackageSummaryList": [{"ModelPackageArn": ARN.format(3)}]},
            {
                "ModelPackageSummaryList": [
                    {"ModelPackageArn": ARN.format(2), "ModelLifeCycle": live},
                    {
                        "ModelPackageArn": ARN.format(1),
                        "ModelLifeCycle": {"Stage": "Archived", "StageStatus": "Approved"},
                    },
                    {"ModelPackageArn": ARN.format(0)},
                ]
            },
        ]
        sagemaker, codepipeline = client(list_model_packages=pages, **serving(3)), client()
        function("PromotionFunction", codepipeline=codepipeline, sagemaker=sagemaker).handler(
            self.job("RecordProduction"), None
        )
        written = [
            (request["ModelPackageArn"], request["ModelLifeCycle"]["Stage"])
            for operation, request in sagemaker.calls
            if operation == "update_model_package"
        ]
        assert written == [(ARN.format(3), "Production"), (ARN.format(2), "Archived")]
        assert codepipeline.calls[0][0] == "put_job_success_result"

    def test_what_is_in_production_already_is_not_recorded_again(self, function, client) -> None:
        """Its event would name no field, and start the next deployment."""
        live = {"ModelPackageArn": ARN.format(3), "ModelLifeCycle": {"Stage": "Production", "StageStatus": "Approved"}}
        pages = [{"ModelPackageSummaryList": [live]}]
        sagemaker, codepipeline = client(list_model_packages=pages, **serving(3)), client()
        function("PromotionFunction", codepipeline=codepipeline, sagemaker=sagemaker).handler(
            self.job("RecordProduction"), None
        )
        assert "update_model_package" not in [operation for operation, _ in sagemaker.calls]
        assert codepipeline.calls[0][0] == "put_job_success_result"

    @pytest.mark.parametrize(
        ("reason", "said"), [("alarm demo-prod-5xx-errors", "alarm demo-prod-5xx-errors"), (None, "gives no reason")]
    )
    def test_a_release_that_was_taken_back_is_not_recorded(self, reason, said, function, client) -> None:
        """The endpoint is InService then, on its old configuration: terraform-provider-aws #48997."""
        sagemaker, codepipeline = client(list_model_packages=[], **serving(2, FailureReason=reason)), client()
        function("PromotionFunction", codepipeline=codepipeline, sagemaker=sagemaker).handler(
            self.job("RecordProduction"), None
        )
        ((operation, request),) = codepipeline.calls
        assert operation == "put_job_failure_result"
        assert f"demo-prod serves {ARN.format(2)} and not {ARN.format(3)}" in request["failureDetails"]["message"]
        assert said in request["failureDetails"]["message"]
        assert "update_model_package" not in [operation for operation, _ in sagemaker.calls]

    def test_a_fault_is_told_and_never_leaves_the_action_waiting(self, function, client) -> None:
        codepipeline = client()
        sagemaker = client(describe_model_package=refusal("ThrottlingException"))
        function("PromotionFunction", codepipeline=codepipeline, sagemaker=sagemaker).handler(
            self.job("StillApproved"), None
        )
        ((operation, request),) = codepipeline.calls
        assert operation == "put_job_failure_result"
        assert "ThrottlingException" in request["failureDetails"]["message"]


RUN = "arn:aws:sagemaker:eu-west-1:111122223333:pipeline/demo-churn/execution/{}"
EVALUATION = {
    "binary_classification_metrics": {"auc": {"value": 0.98123}, "f1": {"value": 0.5}, "matrix": {"0": {}}},
    "champion": {"compared": True, "metric": "auc", "worse_by": {"value": -0.01, "low": -0.02, "high": 0.001}},
}


def of_action(execution, name, status, **result):
    kind = "Test" if name == "TestStaging" else "Build"
    return {
        "pipelineExecutionId": execution,
        "stageName": f"{name}Stage",
        "actionName": name,
        "status": status,
        "input": {"actionTypeId": {"category": kind}},
        "output": {"executionResult": result},
    }


def of_run(number, status, description=""):
    shown = {"PipelineExecutionDescription": description} if description else {}
    return {"PipelineExecutionArn": RUN.format(number), "PipelineExecutionStatus": status, **shown}


class TestNotify:
    """What the topic is told."""

    @pytest.fixture(autouse=True)
    def environment(self, monkeypatch) -> None:
        for name, value in {"PROJECT": "demo", "PIPELINE": "churn", "TOPIC_ARN": "arn:topic"}.items():
            monkeypatch.setenv(name, value)

    @pytest.fixture
    def tell(self, function, client):
        """What is published for an event, None for nothing."""

        def tell(title, detail, actions=(), runs=(), steps=(), body=None):
            codepipeline = client(list_action_executions=[{"actionExecutionDetails": list(actions)}])
            sagemaker = client(
                list_pipeline_executions={"PipelineExecutionSummaries": list(runs)},
                list_pipeline_execution_steps=[{"PipelineExecutionSteps": list(steps)}],
            )
            sagemaker.exceptions = SimpleNamespace(ResourceNotFound=ClientError)
            case = {"name": "latency", "message": "p95 is 900 ms, more than 500"}
            codebuild = client(
                batch_get_builds={"builds": [{"reportArns": ["arn:report"]}]},
                describe_test_cases={"testCases": [case]},
            )
            s3 = client(get_object=body if isinstance(body, Exception) else {"Body": io.BytesIO(body or b"{}")})
            sns = client()
            notify = function(
                "NotifyFunction", codepipeline=codepipeline, sagemaker=sagemaker, codebuild=codebuild, s3=s3, sns=sns
            )
            said = notify.handler({"detail-type": title, "detail": detail}, None)
            if not sns.calls:
                assert said == "nothing to tell"
                return None
            ((operation, request),) = sns.calls
            message = json.loads(request["Message"])
            assert (operation, request["TopicArn"], message["project"]) == ("publish", "arn:topic", "demo")
            assert request["Subject"] == f"demo: {message['what']}"[:100]  # SNS takes as many characters of ASCII
            assert set(message) == {"project", "what", "why", "next"}
            assert all(message["why"])
            for command in re.findall(r"slipway (\w+)", message["next"]):
                assert command in {found.name or found.callback.__name__ for found in verbs.app.registered_commands}
            return message

        return tell

    def delivery(self, tell, pipeline, state, *actions, runs=()):
        detail = {"pipeline": pipeline, "execution-id": "e-9", "state": state}
        return tell("CodePipeline Pipeline Execution State Change", detail, actions, runs)

    @pytest.mark.parametrize(
        ("pipeline", "action", "why"),
        [
            (BUILD, of_action("e-9", "Build", "Failed", externalExecutionSummary="exit 3"), ["Build: exit 3"]),
            (BUILD, of_action("e-9", "Source", "Failed", errorDetails={"message": "no zip"}), ["Source: no zip"]),
            (DEPLOY, of_action("e-9", "DeployProd", "Failed"), ["DeployProd: it gives no reason"]),
            (
                DEPLOY,
                of_action("e-9", "TestStaging", "Failed", externalExecutionId="b:1", externalExecutionSummary="exit 1"),
                ["TestStaging: exit 1", "latency: p95 is 900 ms, more than 500"],
            ),
        ],
    )
    def test_a_delivery_that_failed(self, pipeline, action, why, tell) -> None:
        older = of_action("e-8", "Build", "Failed", externalExecutionSummary="another's")
        message = self.delivery(tell, pipeline, "FAILED", action, older)
        kind = pipeline.rpartition("-")[2]
        assert message["what"] == f"{kind} failed in {action['actionName']}: execution e-9"
        assert message["why"] == why

    def test_a_gate_is_told_once(self, tell) -> None:
        """Its run says why; the build that waited for the run says nothing."""
        failed = of_action("e-9", "Build", "Failed", externalExecutionId="p:1", externalExecutionSummary="exit 1")
        assert self.delivery(tell, BUILD, "FAILED", failed, runs=[of_run(1, "Failed", "build p:1")]) is None
        for other in (of_run(1, "Failed", "build p:0"), of_run(1, "Failed"), of_run(1, "Executing", "build p:1")):
            assert self.delivery(tell, BUILD, "FAILED", failed, runs=[other]) is not None

        reason = 'Not registered: auc 0.91 (MinAuc 0.95), "f1" 0.7'
        steps = [
            {"StepName": "Fail", "StepStatus": "Failed", "FailureReason": reason},
            {"StepName": "Train", "StepStatus": "Succeeded"},
        ]
        detail = {"pipelineExecutionArn": RUN.format("r1"), "currentPipelineExecutionStatus": "Failed"}
        message = tell("SageMaker Model Building Pipeline Execution Status Change", detail, steps=steps)
        assert message["what"] == "run r1 of pipeline churn failed in Fail; no version was registered"
        assert message["why"] == [f"Fail: {reason}"]
        assert message["next"].startswith("slipway steps -p churn")

    @pytest.mark.parametrize(
        ("before", "failures"),
        [
            ([], 0),
            ([("e-8", "Succeeded")], 0),
            ([("e-8", "Failed")], 1),
            ([("e-8", "Failed"), ("e-7", "Failed"), ("e-6", "Succeeded"), ("e-5", "Failed")], 2),
            ([("e-9", "Failed")], 1),  # its own, which somebody tried again
        ],
    )
    def test_a_build_that_works_again(self, before, failures, tell) -> None:
        actions = [of_action("e-9", "Build", "Succeeded"), *(of_action(one, "Build", how) for one, how in before)]
        message = self.delivery(tell, BUILD, "SUCCEEDED", *actions)
        assert (message is not None) == bool(failures)
        if message:
            assert message["what"] == "modelbuild works again: execution e-9"
            assert message["why"] == [f"{failures} failed before it, the last in Build of stage BuildStage"]

    def test_a_deployment_that_had_nothing_to_deploy_is_no_recovery(self, tell) -> None:
        before = of_action("e-8", "DeployProd", "Failed")
        skipped, whole = of_action("e-9", "Build", "Succeeded"), of_action("e-9", "DeployProdMonitor", "Succeeded")
        assert self.delivery(tell, DEPLOY, "SUCCEEDED", skipped, before) is None
        assert self.delivery(tell, DEPLOY, "SUCCEEDED", whole, skipped, before)["next"] == "slipway stages"

    def test_a_build_whose_run_failed_is_no_failure_of_builds(self, tell) -> None:
        failed = of_action("e-8", "Build", "Failed", externalExecutionId="p:1")
        runs = [of_run(1, "Failed", "build p:1")]
        assert (
            self.delivery(tell, BUILD, "SUCCEEDED", of_action("e-9", "Build", "Succeeded"), failed, runs=runs) is None
        )

    @pytest.mark.parametrize(
        ("before", "failures"),
        [((), 0), (("Succeeded", "Failed"), 0), (("Stopped", "Failed", "Failed", "Succeeded", "Failed"), 2)],
    )
    def test_runs_that_work_again(self, before, failures, tell) -> None:
        runs = [of_run(number, status) for number, status in enumerate(["Executing", "Succeeded", *before])]
        detail = {"pipelineExecutionArn": RUN.format(1), "currentPipelineExecutionStatus": "Succeeded"}
        message = tell("SageMaker Model Building Pipeline Execution Status Change", detail, runs=runs)
        assert (message is not None) == bool(failures)
        if message:
            assert message["why"] == [f"{failures} failed before it, the last was run 3"]

    @pytest.mark.parametrize(
        ("body", "why"),
        [
            (
                json.dumps(EVALUATION).encode(),
                [
                    "auc 0.9812, f1 0.5000",
                    "auc better than the champion's by 0.0100 (95 % interval -0.0010 to 0.0200)",
                ],
            ),
            (
                json.dumps(EVALUATION | {"champion": {"reason": "there is none"}}).encode(),
                ["auc 0.9812, f1 0.5000", "not compared with a champion: there is none"],
            ),
            (b"[]", ["its figures are in s3://b/e.json, which can't be read here: AttributeError"]),
            (refusal("AccessDenied"), ["its figures are in s3://b/e.json, which can't be read here: ClientError"]),
        ],
    )
    def test_a_version_that_waits(self, body, why, tell) -> None:
        statistics = {"ModelQuality": {"Statistics": {"S3Uri": "s3://b/e.json"}}}
        detail = {"ModelPackageVersion": 3, "ModelPackageGroupName": "demo-churn", "ModelMetrics": statistics}
        message = tell("SageMaker Model Package State Change", detail, body=body)
        assert message["what"] == "version 3 of demo-churn waits for approval"
        assert [found[: len(expected)] for found, expected in zip(message["why"], why, strict=True)] == why
        assert "slipway approve 3 -p churn" in message["next"]

    @pytest.mark.parametrize(("changed", "told"), [(["ModelApprovalStatus"], True), (["ApprovalDescription"], False)])
    def test_one_that_waits_already_is_told_once(self, changed, told, tell) -> None:
        detail = {"ModelPackageVersion": 3, "ModelPackageGroupName": "g", "UpdatedModelPackageFields": changed}
        message = tell("SageMaker Model Package State Change", detail)
        assert (message is not None) == told
        if message:
            assert message["why"] == ["it was registered without an evaluation"]


CONNECTION = "arn:aws:codeconnections:eu-west-1:111122223333:connection/abc-1"
GIVEN = {
    "SourceType": "CodeConnection",
    "ConnectionArn": CONNECTION,
    "RepositoryName": "team/model",
    "Branch": "main",
    "Region": "eu-west-1",
    "Bucket": "artifacts",
    "SourceKey": "source/project.zip",
    "SeedBucket": "published",
    "SeedKey": "seed/project.zip",
    "CheckinProject": "checkin",
}


class TestSeed:
    """The custom resource that fills the source."""

    @pytest.fixture
    def run(self, function, monkeypatch):
        def run(request_type="Create", left=900.0, clients=None, **given):
            seed = function("SeedFunction", **(clients or {}))
            answers = []
            monkeypatch.setattr(
                seed.urllib.request, "urlopen", lambda request, timeout: answers.append(request) or io.BytesIO()
            )
            monkeypatch.setattr(seed.time, "sleep", lambda seconds: None)
            event = {
                "RequestType": request_type,
                "ResponseURL": "https://example.com/answer",
                "StackId": "stack",
                "RequestId": "request",
                "LogicalResourceId": "SeedCheckin",
                "ResourceProperties": GIVEN | given,
            }
            clock = iter(range(10_000))
            context = SimpleNamespace(get_remaining_time_in_millis=lambda: (left - 100 * next(clock)) * 1000)
            seed.handler(event, context)
            (request,) = answers
            assert request.get_method() == "PUT"
            return json.loads(request.data)

        return run

    @pytest.mark.parametrize(
        ("given", "url"),
        [
            (
                {},
                "https://codeconnections.eu-west-1.amazonaws.com/git-http/111122223333/eu-west-1/abc-1/team/model.git",
            ),
            (
                {"ConnectionArn": CONNECTION.replace("codeconnections", "codestar-connections")},
                "https://codestar-connections.eu-west-1.amazonaws.com/git-http/111122223333/eu-west-1/abc-1/team/model.git",
            ),
            (
                {"SourceType": "CodeCommit", "RepositoryName": "model", "ConnectionArn": ""},
                "https://git-codecommit.eu-west-1.amazonaws.com/v1/repos/model",
            ),
            ({"SourceType": "S3", "RepositoryName": "", "ConnectionArn": ""}, "s3://artifacts/source/project.zip"),
        ],
    )
    def test_where_the_source_is(self, given, url, function) -> None:
        assert function("SeedFunction").repository_url(GIVEN | given) == url

    def test_a_push_is_waited_for(self, run, client) -> None:
        states = iter(["IN_PROGRESS", "SUCCEEDED"])

        def look(ids):
            exported = [{"name": "CHECKIN_RESULT", "value": "left as it was"}]
            return {"builds": [{"id": "b:1", "buildStatus": next(states), "exportedEnvironmentVariables": exported}]}

        codebuild = client(start_build={"build": {"id": "b:1", "buildStatus": "IN_PROGRESS"}}, batch_get_builds=look)
        answer = run(clients={"codebuild": codebuild})
        assert (answer["Status"], answer["Data"]["Result"]) == ("SUCCESS", "left as it was")
        variables = {v["name"]: v["value"] for v in codebuild.calls[0][1]["environmentVariablesOverride"]}
        assert variables["GIT_REPOSITORY_URL"].endswith("/abc-1/team/model.git")
        assert variables["GIT_REPOSITORY_BRANCH"] == "main"

    def test_a_build_that_fails_says_why(self, run, client) -> None:
        contexts = [{"statusCode": "COMMAND_EXECUTION_ERROR", "message": "exit status 128"}]
        build = {"id": "b:1", "buildStatus": "FAILED", "phases": [{"contexts": contexts}, {}]}
        answer = run(clients={"codebuild": client(start_build={"build": build})})
        assert (answer["Status"], answer["Reason"]) == (
            "FAILED",
            "RuntimeError: build b:1 FAILED: exit status 128",
        )

    def test_a_build_that_does_not_end_is_given_up_in_time(self, run, client) -> None:
        build = {"id": "b:1", "buildStatus": "IN_PROGRESS"}
        codebuild = client(start_build={"build": build}, batch_get_builds={"builds": [build]})
        answer = run(left=400, clients={"codebuild": codebuild})
        assert answer["Status"] == "FAILED"
        assert answer["Reason"] == "TimeoutError: build b:1 has not ended in time; see its log"

    def test_deleting_leaves_the_repository_alone(self, run, client) -> None:
        codebuild = client()
        answer = run("Delete", clients={"codebuild": codebuild})
        assert (answer["Status"], codebuild.calls) == ("SUCCESS", [])

    def test_a_source_in_s3_is_a_copy_of_the_seed(self, run, client) -> None:
        s3 = client(head_object=refusal("404"))
        answer = run(clients={"s3": s3}, SourceType="S3")
        assert answer["Data"]["Result"] == "copied"
        copy = {"CopySource": {"Bucket": "published", "Key": "seed/project.zip"}}
        assert s3.calls[1] == ("copy_object", copy | {"Bucket": "artifacts", "Key": "source/project.zip"})

    def test_a_source_in_s3_that_is_there_stays(self, run, client) -> None:
        s3 = client(head_object={})
        answer = run("Update", clients={"s3": s3}, SourceType="S3")
        assert answer["Data"]["Result"] == "left as it was"
        assert [operation for operation, _ in s3.calls] == ["head_object"]

    def test_iam_may_need_a_while_to_know_the_role_that_was_made_a_moment_ago(self, run, client) -> None:
        answers = iter([refusal("AccessDeniedException"), refusal("AccessDeniedException"), {"build": {}}])

        def start(**_):
            answer = next(answers)
            if isinstance(answer, Exception):
                raise answer
            return {"build": {"id": "b:1", "buildStatus": "SUCCEEDED"}}

        assert run(clients={"codebuild": client(start_build=start)})["Status"] == "SUCCESS"
        assert next(answers, None) is None

    def test_a_refusal_fails_the_resource(self, run, client) -> None:
        answer = run(clients={"s3": client(head_object=refusal("403"))}, SourceType="S3")
        assert answer["Status"] == "FAILED"
        assert "403" in answer["Reason"]
