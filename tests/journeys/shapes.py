"""Steps in the shapes that public templates and the SageMaker SDK give them, and files in the bucket `bucket`."""

import io
import tarfile
import textwrap
from typing import Any

from tests.tables import table

ROLE = "arn:aws:iam::000000000000:role/pipeline"
ECR = "683313688378.dkr.ecr.us-east-1.amazonaws.com"
XGBOOST, OLD_XGBOOST = f"{ECR}/sagemaker-xgboost:3.2-0", f"{ECR}/sagemaker-xgboost:1.0-1-cpu-py3"
SKLEARN = f"{ECR}/sagemaker-scikit-learn:0.23-1-cpu-py3"
MONITOR = "156813124566.dkr.ecr.us-east-1.amazonaws.com/sagemaker-model-monitor-analyzer"
ABALONE = table("abalone").read_text().split()
CLUSTER = {"InstanceCount": 1, "InstanceType": "ml.m5.xlarge", "VolumeSizeInGB": 30}
REPORT = [{"PropertyFileName": "Report", "OutputName": "evaluation", "FilePath": "evaluation.json"}]


def get(path: str) -> dict[str, str]:
    return {"Get": path}


def put(loopback: Any, key: str, body: str | bytes) -> str:
    content = body if isinstance(body, bytes) else textwrap.dedent(body).encode()
    loopback.client("s3").put_object(Bucket="bucket", Key=key, Body=content)
    return f"s3://bucket/{key}"


def archive(files: dict[str, str]) -> bytes:
    target = io.BytesIO()
    with tarfile.open(fileobj=target, mode="w:gz") as packed:
        for name, text in files.items():
            content = textwrap.dedent(text).encode()
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            packed.addfile(entry, io.BytesIO(content))
    return target.getvalue()


def taken(name: str, uri: Any) -> dict[str, Any]:
    path = f"/opt/ml/processing/{name}"
    return {"InputName": name, "S3Input": {"S3Uri": uri, "LocalPath": path, "S3DataType": "S3Prefix"}}


def made(name: str) -> dict[str, Any]:
    uri = {"Std:Join": {"On": "/", "Values": ["s3://bucket/made", get("Execution.PipelineExecutionId"), name]}}
    return {
        "OutputName": name,
        "S3Output": {"S3Uri": uri, "LocalPath": f"/opt/ml/processing/{name}", "S3UploadMode": "EndOfJob"},
    }


def script(name: str, code: str, image: str, inputs: list[Any], outputs: list[str], *arguments: Any) -> dict[str, Any]:
    """A Processing step as a ScriptProcessor makes it; `code` is the script's S3 URI."""
    path = f"/opt/ml/processing/input/code/{code.rpartition('/')[2]}"
    app = {"ImageUri": image, "ContainerEntrypoint": ["python3", path]}
    return {
        "Name": name,
        "Type": "Processing",
        "Arguments": {
            "AppSpecification": app | ({"ContainerArguments": list(arguments)} if arguments else {}),
            "ProcessingInputs": [*inputs, taken("input/code", code)],
            "ProcessingOutputConfig": {"Outputs": [made(output) for output in outputs]},
            "ProcessingResources": {"ClusterConfig": CLUSTER},
            "RoleArn": ROLE,
        },
    }


def training(name: str, image: str, channels: dict[str, Any], hyperparameters: dict[str, Any]) -> dict[str, Any]:
    source = {"S3DataType": "S3Prefix", "S3DataDistributionType": "FullyReplicated"}
    return {
        "Name": name,
        "Type": "Training",
        "Arguments": {
            "AlgorithmSpecification": {"TrainingImage": image, "TrainingInputMode": "File"},
            "HyperParameters": hyperparameters,
            "InputDataConfig": [
                {
                    "ChannelName": channel,
                    "ContentType": "text/csv",
                    "DataSource": {"S3DataSource": source | {"S3Uri": uri}},
                }
                for channel, uri in channels.items()
            ],
            "OutputDataConfig": {"S3OutputPath": "s3://bucket/models"},
            "ResourceConfig": CLUSTER,
            "StoppingCondition": {"MaxRuntimeInSeconds": 86400},
            "ProfilerConfig": {"S3OutputPath": "s3://bucket/models"},
            "RoleArn": ROLE,
        },
    }


def container(image: str, train: str) -> dict[str, Any]:
    return {"Image": image, "ModelDataUrl": get(f"Steps.{train}.ModelArtifacts.S3ModelArtifacts")}


def model(image: str, train: str, **environment: str) -> dict[str, Any]:
    primary = container(image, train) | {"Environment": environment}
    return {"Name": "Create", "Type": "Model", "Arguments": {"ExecutionRoleArn": ROLE, "PrimaryContainer": primary}}


def transform(uri: Any, **more: Any) -> dict[str, Any]:
    source = {"S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": uri}}
    return {
        "Name": "Score",
        "Type": "Transform",
        "Arguments": {
            "ModelName": get("Steps.Create.ModelName"),
            "TransformInput": {"DataSource": source, "ContentType": "text/csv", "SplitType": "Line"},
            "TransformOutput": {"S3OutputPath": "s3://bucket/scored", "AssembleWith": "Line"},
            "TransformResources": {"InstanceCount": 1, "InstanceType": "ml.m5.xlarge"},
            **more,
        },
    }


def registered(image: str, group: str, status: str, **more: Any) -> dict[str, Any]:
    specification = {
        "Containers": [container(image, "Train")],
        "SupportedContentTypes": ["text/csv"],
        "SupportedResponseMIMETypes": ["text/csv"],
        "SupportedRealtimeInferenceInstanceTypes": ["ml.m5.large"],
        "SupportedTransformInstanceTypes": ["ml.m5.large"],
    }
    arguments = {
        "ModelPackageGroupName": group,
        "ModelApprovalStatus": status,
        "InferenceSpecification": specification,
    }
    return {"Name": "Register-RegisterModel", "Type": "RegisterModel", "Arguments": arguments | more}
