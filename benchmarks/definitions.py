"""Pipeline definitions of the benchmarks, as JSON documents. Pure."""

from typing import Any

Document = dict[str, Any]
IMAGE = "683313688378.dkr.ecr.us-east-1.amazonaws.com/sagemaker-xgboost:3.2-0"
INSTANCE = {"InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": 30}
BUCKET = "benchmark"
GROUP = "benchmark-models"
CODE = f"s3://{BUCKET}/code/workload.py"
INPUTS, OUTPUTS = "/opt/ml/processing/input", "/opt/ml/processing/output"
CHANNELS = "/opt/ml/input/data"


def five_steps(raw: str, least_auc: float) -> Document:
    """Preprocess, Train, Evaluate, Gate, Register; `raw` is the S3 URI of the CSV file."""
    name = raw.rpartition("/")[2]
    preprocess = _processing(
        "Preprocess",
        ["preprocess", f"{INPUTS}/raw/{name}", f"{OUTPUTS}/data"],
        {"raw": raw},
        "data",
    )
    model = {"Get": "Steps.Train.ModelArtifacts.S3ModelArtifacts"}
    evaluate = _processing(
        "Evaluate",
        ["evaluate", f"{INPUTS}/model/model.tar.gz", f"{INPUTS}/data", f"{OUTPUTS}/evaluation"],
        {"model": model, "data": _output_of("Preprocess", "data")},
        "evaluation",
    )
    evaluate["PropertyFiles"] = [
        {"PropertyFileName": "Evaluation", "OutputName": "evaluation", "FilePath": "evaluation.json"}
    ]
    return _document([preprocess, _training(), evaluate, _gate(least_auc, _register(model))])


def no_ops(count: int, *, chained: bool) -> Document:
    """Processing jobs that do nothing; each waits for the one before it, or none waits for another."""
    steps = []
    for number in range(count):
        arguments = {
            "ProcessingResources": {"ClusterConfig": INSTANCE},
            "AppSpecification": {"ImageUri": IMAGE, "ContainerEntrypoint": ["python3", "-c", "pass"]},
        }
        step: Document = {"Name": f"Nothing{number}", "Type": "Processing", "Arguments": arguments}
        if chained and number:
            step["DependsOn"] = [f"Nothing{number - 1}"]
        steps.append(step)
    return _document(steps)


def _document(steps: list[Document]) -> Document:
    return {"Version": "2020-12-01", "Metadata": {}, "Parameters": [], "Steps": steps}


def _below(*parts: Any) -> Document:
    """An S3 URI of this execution's own."""
    start = [f"s3://{BUCKET}/runs", {"Get": "Execution.PipelineExecutionId"}]
    return {"Std:Join": {"On": "/", "Values": [*start, *parts]}}


def _output_of(step: str, output: str) -> Document:
    return {"Get": f"Steps.{step}.ProcessingOutputConfig.Outputs['{output}'].S3Output.S3Uri"}


def _processing(name: str, arguments: list[str], inputs: dict[str, Any], output: str) -> Document:
    brought = [_processing_input(key, uri, f"{INPUTS}/{key}") for key, uri in {"code": CODE, **inputs}.items()]
    sent = {"S3Uri": _below(output), "LocalPath": f"{OUTPUTS}/{output}", "S3UploadMode": "EndOfJob"}
    request = {
        "ProcessingResources": {"ClusterConfig": INSTANCE},
        "AppSpecification": {
            "ImageUri": IMAGE,
            "ContainerEntrypoint": ["python3", f"{INPUTS}/code/workload.py"],
            "ContainerArguments": arguments,
        },
        "ProcessingInputs": brought,
        "ProcessingOutputConfig": {"Outputs": [{"OutputName": output, "S3Output": sent}]},
    }
    return {"Name": name, "Type": "Processing", "Arguments": request}


def _processing_input(name: str, uri: Any, path: str) -> Document:
    source = {"S3Uri": uri, "LocalPath": path, "S3DataType": "S3Prefix", "S3InputMode": "File"}
    return {"InputName": name, "S3Input": source}


def _training() -> Document:
    command = ["python3", f"{CHANNELS}/code/workload.py", "train", f"{CHANNELS}/data", "/opt/ml/model"]
    request = {
        "AlgorithmSpecification": {
            "TrainingImage": IMAGE,
            "TrainingInputMode": "File",
            "ContainerEntrypoint": command,
        },
        "InputDataConfig": [_channel("code", CODE), _channel("data", _output_of("Preprocess", "data"))],
        "OutputDataConfig": {"S3OutputPath": _below("model")},
        "ResourceConfig": INSTANCE,
        "StoppingCondition": {"MaxRuntimeInSeconds": 3600},
    }
    return {"Name": "Train", "Type": "Training", "Arguments": request}


def _channel(name: str, uri: Any) -> Document:
    source = {"S3Uri": uri, "S3DataType": "S3Prefix", "S3DataDistributionType": "FullyReplicated"}
    return {"ChannelName": name, "DataSource": {"S3DataSource": source}}


def _gate(least_auc: float, register: Document) -> Document:
    found = {"PropertyFile": {"Get": "Steps.Evaluate.PropertyFiles.Evaluation"}, "Path": "auc"}
    condition = {"Type": "GreaterThanOrEqualTo", "LeftValue": {"Std:JsonGet": found}, "RightValue": least_auc}
    arguments = {"Conditions": [condition], "IfSteps": [register], "ElseSteps": []}
    return {"Name": "Gate", "Type": "Condition", "Arguments": arguments, "DependsOn": ["Evaluate"]}


def _register(model: Document) -> Document:
    request = {
        "ModelPackageGroupName": GROUP,
        "ModelApprovalStatus": "PendingManualApproval",
        "InferenceSpecification": {
            "Containers": [{"Image": IMAGE, "ModelDataUrl": model}],
            "SupportedContentTypes": ["text/csv"],
            "SupportedResponseMIMETypes": ["text/csv"],
        },
        "ModelMetrics": {
            "ModelQuality": {
                "Statistics": {"ContentType": "application/json", "S3Uri": _below("evaluation", "evaluation.json")}
            }
        },
    }
    return {"Name": "Register", "Type": "RegisterModel", "Arguments": request}
