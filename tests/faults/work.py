"""What goes on while processes are killed: runs, stacks, uploads and deployments, and what was acknowledged of each."""

import hashlib
import itertools
import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from tests.journeys.conftest import ROLE, XGBOOST, Loopback, processing
from tests.journeys.test_endpoints import MARK, packed

GROUP, ENDPOINT, BUCKET, PIPELINE = "faults", "faults", "faults", "faults"
PATIENT = [
    {"ExceptionType": ["SageMaker.JOB_INTERNAL_ERROR"], "IntervalSeconds": 1, "BackoffRate": 1.0, "MaxAttempts": 20},
    {"ExceptionType": ["SageMaker.CAPACITY_ERROR"], "IntervalSeconds": 1, "BackoffRate": 1.0, "MaxAttempts": 20},
]
QUEUES = 3  # of a stack
PART = 5 << 20
PAUSE = 0.3  # between two pieces of work: the machine has to get something done, too


def clients(loopback: Loopback) -> Callable[[str], Any]:
    """Clients that try nothing again: what they have no answer to may or may not have happened."""
    made: dict[str, Any] = {}

    def client(service: str) -> Any:
        if service not in made:
            made[service] = boto3.session.Session().client(
                service,
                endpoint_url=f"http://127.0.0.1:{loopback.port}",
                region_name="us-east-1",
                aws_access_key_id="000000000000",
                aws_secret_access_key=loopback.secret,
                config=Config(retries={"max_attempts": 0}, read_timeout=60),
            )
        return made[service]

    return client


@dataclass
class Work:
    """One loopback under load. What is in its lists was answered with success."""

    loopback: Loopback
    executions: list[str] = field(default_factory=list)
    stacks: list[str] = field(default_factory=list)
    objects: dict[str, str] = field(default_factory=dict)  # key to the digest of its content
    configs: list[str] = field(default_factory=list)  # of the endpoint, as UpdateEndpoint took them
    faults: list[str] = field(default_factory=list)
    over: threading.Event = field(default_factory=threading.Event)

    def prepare(self) -> None:
        """What all of it needs, before anything is killed."""
        s3, sagemaker = self.loopback.client("s3"), self.loopback.client("sagemaker")
        s3.create_bucket(Bucket=BUCKET)
        s3.put_object(Bucket=BUCKET, Key="model.tar.gz", Body=packed({"a": b""}))
        sagemaker.create_model_package_group(ModelPackageGroupName=GROUP)
        sagemaker.create_pipeline(PipelineName=PIPELINE, PipelineDefinition=json.dumps(_definition()), RoleArn=ROLE)
        for mark in ("one", "two"):
            script = {"code/inference.py": MARK.format(mark=mark).encode()}
            s3.put_object(Bucket=BUCKET, Key=f"{mark}/model.tar.gz", Body=packed(script))
            container = {
                "Image": XGBOOST,
                "ModelDataUrl": f"s3://{BUCKET}/{mark}/model.tar.gz",
                "Environment": {"SAGEMAKER_PROGRAM": "inference.py"},
            }
            sagemaker.create_model(ModelName=mark, PrimaryContainer=container, ExecutionRoleArn=ROLE)
            variant = {"VariantName": "v", "ModelName": mark, "InstanceType": "ml.m5.large", "InitialInstanceCount": 1}
            sagemaker.create_endpoint_config(EndpointConfigName=mark, ProductionVariants=[variant])
        sagemaker.create_endpoint(EndpointName=ENDPOINT, EndpointConfigName="one")
        sagemaker.get_waiter("endpoint_in_service").wait(EndpointName=ENDPOINT, WaiterConfig={"Delay": 1})

    @contextmanager
    def going_on(self) -> Iterator[None]:
        """All of it at once, until the end of the block."""
        parts = (self._run, self._stack, self._upload, self._deploy)
        threads = [threading.Thread(target=self._repeat, args=(part, clients(self.loopback))) for part in parts]
        for thread in threads:
            thread.start()
        try:
            yield
        finally:
            self.over.set()
            for thread in threads:
                thread.join(120)

    def _repeat(self, part: Callable[[Any, int], None], client: Any) -> None:
        for number in itertools.count():
            if self.over.is_set():
                return
            try:
                part(client, number)
            except (BotoCoreError, ClientError) as fault:
                self.faults.append(f"{part.__name__}: {fault}")
            self.over.wait(PAUSE)

    def _run(self, client: Any, _number: int) -> None:
        sagemaker = client("sagemaker")
        going = sagemaker.list_pipeline_executions(PipelineName=PIPELINE)["PipelineExecutionSummaries"]
        if sum(one["PipelineExecutionStatus"] == "Executing" for one in going) < 3:
            arn = sagemaker.start_pipeline_execution(PipelineName=PIPELINE)["PipelineExecutionArn"]
            self.executions.append(arn)

    def _stack(self, client: Any, number: int) -> None:
        name = f"faults-{number}"
        queues = {f"Queue{n}": {"Type": "AWS::SQS::Queue", "Properties": {}} for n in range(QUEUES)}
        client("cloudformation").create_stack(StackName=name, TemplateBody=json.dumps({"Resources": queues}))
        self.stacks.append(name)

    def _upload(self, client: Any, number: int) -> None:
        s3, key = client("s3"), f"upload-{number}"
        body = f"{key} ".encode() * (number % 50 + 1)
        if number % 4:
            s3.put_object(Bucket=BUCKET, Key=key, Body=body)
        else:
            parts = [bytes([number % 256]) * PART, body]
            upload = {"Bucket": BUCKET, "Key": key}
            upload["UploadId"] = s3.create_multipart_upload(**upload)["UploadId"]
            etags = [
                {"PartNumber": n, "ETag": s3.upload_part(**upload, PartNumber=n, Body=part)["ETag"]}
                for n, part in enumerate(parts, 1)
            ]
            s3.complete_multipart_upload(**upload, MultipartUpload={"Parts": etags})
            body = b"".join(parts)
        self.objects[key] = hashlib.sha256(body).hexdigest()

    def _deploy(self, client: Any, number: int) -> None:
        sagemaker = client("sagemaker")
        if sagemaker.describe_endpoint(EndpointName=ENDPOINT)["EndpointStatus"] == "InService":
            name = ("two", "one")[number % 2]
            sagemaker.update_endpoint(EndpointName=ENDPOINT, EndpointConfigName=name)
            self.configs.append(name)


def _definition() -> dict[str, Any]:
    """Two jobs, one after the other, and a registration that says which execution it is of."""
    specification = {
        "Containers": [{"Image": XGBOOST, "ModelDataUrl": f"s3://{BUCKET}/model.tar.gz"}],
        "SupportedContentTypes": ["text/csv"],
        "SupportedResponseMIMETypes": ["text/csv"],
    }
    register = {
        "Name": "Register",
        "Type": "RegisterModel",
        "DependsOn": ["Second"],
        "Arguments": {
            "ModelPackageGroupName": GROUP,
            "ModelApprovalStatus": "PendingManualApproval",
            "InferenceSpecification": specification,
            "CustomerMetadataProperties": {"execution": {"Get": "Execution.PipelineExecutionId"}},
        },
    }
    job = "import time; time.sleep(0.3)"
    jobs = [
        processing("First", job, RetryPolicies=PATIENT),
        processing("Second", job, RetryPolicies=PATIENT, DependsOn=["First"]),
    ]
    return {"Version": "2020-12-01", "Parameters": [], "Steps": [*jobs, register]}
