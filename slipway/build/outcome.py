"""What a training run has come to, as Markdown for a pull request: figures beside the champion's, the gate."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlparse

MISSING = ("NoSuchKey", "404")


@dataclass(frozen=True)
class Outcome:
    """An execution that has ended. `evaluation` is the document of its first property file with metrics."""

    pipeline: str
    execution: str
    status: str
    reason: str = ""
    gate: str = ""  # the outcome of the first Condition step: True, False, or "" where it came to none
    version: str = ""  # the ARN of what was registered
    evaluation: Mapping[str, Any] = field(default_factory=dict)
    values: Mapping[str, str] = field(default_factory=dict)  # commit, data and data version that it ran with


def read(sagemaker: Any, s3: Any, arn: str, definition: str, status: str, reason: str) -> Outcome:
    """Ask AWS for what an execution has left."""
    pages = sagemaker.get_paginator("list_pipeline_execution_steps").paginate(PipelineExecutionArn=arn)
    steps = {step["StepName"]: step for page in pages for step in page["PipelineExecutionSteps"]}
    made = [step.get("Metadata", {}) for step in steps.values()]
    asked = sagemaker.get_paginator("list_pipeline_parameters_for_execution").paginate(PipelineExecutionArn=arn)
    return Outcome(
        arn.split(":pipeline/")[1].partition("/")[0],
        arn.rpartition("/")[2],
        status,
        reason,
        next((str(m["Condition"]["Outcome"]) for m in made if m.get("Condition", {}).get("Outcome")), ""),
        next((m["RegisterModel"]["Arn"] for m in made if m.get("RegisterModel", {}).get("Arn")), ""),
        next(_evaluations(sagemaker, s3, steps, json.loads(definition)), {}),
        {item["Name"]: item["Value"] for page in asked for item in page["PipelineParameters"]},
    )


def _evaluations(
    sagemaker: Any, s3: Any, steps: Mapping[str, Any], definition: Mapping[str, Any]
) -> Iterator[dict[str, Any]]:
    """The property files with metrics that the jobs of the steps have written."""
    for step in definition["Steps"]:
        arn = steps.get(step["Name"], {}).get("Metadata", {}).get("ProcessingJob", {}).get("Arn")
        if not arn or not step.get("PropertyFiles"):
            continue
        job = sagemaker.describe_processing_job(ProcessingJobName=arn.rpartition("/")[2])
        outputs = {o["OutputName"]: o["S3Output"]["S3Uri"] for o in job["ProcessingOutputConfig"]["Outputs"]}
        for file in step["PropertyFiles"]:
            document = _document(s3, f"{outputs[file['OutputName']]}/{file['FilePath']}")
            if metrics(document):
                yield document


def _document(s3: Any, uri: str) -> dict[str, Any]:
    """A JSON object; empty where a failed job has not written it."""
    from botocore.exceptions import ClientError

    address = urlparse(uri)
    try:
        found = json.loads(s3.get_object(Bucket=address.netloc, Key=address.path.lstrip("/"))["Body"].read())
    except ClientError as fault:
        if fault.response["Error"]["Code"] in MISSING:
            return {}
        raise
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def metrics(document: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    """The metrics of an evaluation by name, whatever kind of problem it is of: entries with a number as `value`."""
    for name, block in document.items():
        if name.endswith("_metrics") and isinstance(block, Mapping):
            return {
                metric: entry
                for metric, entry in block.items()
                if isinstance(entry, Mapping) and isinstance(entry.get("value"), int | float)
            }
    return {}


def markdown(outcome: Outcome) -> str:
    """The page. Its first line says what a reviewer wants to know."""
    champion = outcome.evaluation.get("champion") or {}
    lines = [f"### {outcome.pipeline}: {_verdict(outcome)}", ""]
    if outcome.reason:
        lines += [f"> {line}" for line in outcome.reason.strip().splitlines()] + [""]
    if figures := metrics(outcome.evaluation):
        lines += [f"| metric | on {outcome.evaluation.get('rows', 'all')} test rows |", "|---|---:|"]
        lines += [f"| {name} | {_figure(entry)} |" for name, entry in figures.items()]
        lines += ["", *_comparison(champion)]
    lines += [f"- {name}: `{outcome.values[key]}`" for key, name in NAMES.items() if outcome.values.get(key)]
    return "\n".join([*lines, f"- execution: `{outcome.execution}`", ""])


NAMES = {"CommitId": "commit", "InputDataUrl": "data", "DataVersion": "data version"}


def _verdict(outcome: Outcome) -> str:
    if outcome.gate == "True":
        return "passes the gate" if outcome.status == "Succeeded" else f"passes the gate, then {outcome.status}"
    if outcome.gate == "False":
        return "does not pass the gate"
    return "trained" if outcome.status == "Succeeded" else outcome.status


def _title(champion: Mapping[str, Any]) -> str:
    arn = str(champion.get("model_package_arn", ""))
    return f"champion (version {arn.rpartition('/')[2]})" if arn else "champion"


def _figure(entry: Mapping[str, Any]) -> str:
    spread = entry.get("standard_deviation")
    return f"{entry['value']:.4f}" + (f" ± {spread:.4f}" if isinstance(spread, int | float) else "")


def _comparison(champion: Mapping[str, Any]) -> Iterator[str]:
    """How the two compare on the rows that neither has trained on, in a sentence."""
    if champion.get("compared"):
        by, low, high = (champion["worse_by"][name] for name in ("value", "low", "high"))
        how = "worse"
        if by < 0:
            how, by, low, high = "better", -by, -high, -low
        yield (
            f"On {champion['rows']} test rows that neither has trained on, {champion['metric']} is "
            f"{champion['candidate_value']:.4f}, and {champion['value']:.4f} of the {_title(champion)}: "
            f"{how} by {by:.4f} (95 % interval {low:.4f} to {high:.4f})."
        )
        yield ""
    elif champion.get("reason"):
        yield f"Not compared with a champion: {champion['reason']}."
        yield ""
