"""Test the version that runs on staging, with real requests, and tell the approver.

Sends the golden requests that the data preparation set aside, and compares with what the evaluation answered. Writes
report.md, report.svg, junit.xml and results.json, uploads them, and writes the variables that the approval shows.
"""

import argparse
import gc
import json
import os
import shlex
import sys
import time
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from slipway.build.project import UsageError
from slipway.deploy import captured, checks, figures, report
from slipway.deploy.calls import CSV, JSON, Caller, Queued, RealTime, split_uri
from slipway.deploy.captured import Sent
from slipway.deploy.checks import Finding, Subject

# argument: environment variable, default
ARGUMENTS = {
    "config": ("BUILD_CONFIG", "staging-config-export.json"),
    "promotion": ("EXPORT_PROMOTION", "promotion.json"),
    "output": ("STAGING_TESTS_OUTPUT", "staging-tests"),
    "s3-bucket": ("ARTIFACT_BUCKET", ""),
    "execution": ("PIPELINE_EXECUTION_ID", ""),
    "export-test-results": ("EXPORT_TEST_RESULTS", "results.json"),
    "export-variables": ("EXPORT_TEST_VARIABLES", "test-variables.sh"),
}
CONSOLES = {"cn-": "console.amazonaws.cn", "us-gov-": "console.amazonaws-us-gov.com"}
CONTENT_TYPES = {
    ".md": "text/markdown",
    ".svg": "image/svg+xml",
    ".xml": "application/xml",
    ".json": "application/json",
}
CAPTURE = "requests are captured with their content types"


class NotTestableError(Exception):
    """There is nothing to test with. The command prints it and exits with 1."""


@dataclass(frozen=True)
class World:
    """What a test touches: clients, time and chance."""

    sagemaker: Any
    runtime: Any
    s3: Any
    clock: Callable[[], float] = time.perf_counter
    sleep: Callable[[float], None] = time.sleep
    now: Callable[[], datetime] = lambda: datetime.now(UTC)
    new_id: Callable[[], str] = lambda: uuid.uuid4().hex

    @classmethod
    def real(cls) -> "World":
        """boto3's clients; the runtime's never asks twice, so that no failure is hidden."""
        import boto3
        from botocore.config import Config

        once = Config(retries={"total_max_attempts": 1}, read_timeout=70)
        return cls(boto3.client("sagemaker"), boto3.client("sagemaker-runtime", config=once), boto3.client("s3"))


def run(subject: Subject, contents: Mapping[str, str], world: World) -> list[Finding]:
    """All checks, in order; nothing is asked of an endpoint that does not serve the promised version."""
    first = _run_check("the endpoint serves the promised version", lambda: checks.serves(world.sagemaker, subject))
    findings = [*first, checks.check_files(contents, subject.promotion)]
    if any(finding.status == "failed" for finding in first):
        return [*findings, Finding("requests", "skipped", "not sent: the endpoint does not serve the promised version")]
    sent: dict[str, Sent] = {}  # before all others, so that their records are written while the rest is checked
    unsent = _run_check(CAPTURE, lambda: send_for_capture(subject, world, sent))
    steps: dict[str, Callable[[], Iterator[Finding]]] = {
        "answers have the promised form": lambda: checks.form(subject),
        "answers agree with the evaluation": lambda: iter([checks.agreement(subject)]),
        "the metric is the registered one": lambda: iter([checks.registered_metric(subject)]),
        "p95 latency": lambda: iter([checks.latency(subject)]),
        "malformed requests are refused": lambda: checks.check_malformed_requests(subject),
    }
    for name, step in steps.items():
        findings += _run_check(name, step)
    return findings + (unsent or _run_check(CAPTURE, lambda: iter([find_captured(subject, world, sent)])))


def _run_check(name: str, step: Callable[[], Iterator[Finding]]) -> list[Finding]:
    """A check's findings; what AWS refuses is a failed check, not the end of the test."""
    found: list[Finding] = []
    try:
        found.extend(step())
    except (ClientError, BotoCoreError) as error:
        found.append(Finding(name, "failed", str(error)))
    return found


def send_for_capture(subject: Subject, world: World, sent: dict[str, Sent]) -> Iterator[Finding]:
    """Send requests of our own, each with an id, into `sent`; a finding where none can be looked for later."""
    parameters = subject.parameters
    if parameters.get("EnableDataCapture") != "true":
        yield Finding(CAPTURE, "skipped", "capture is off on this stage")
        return
    percent = float(parameters["SamplingPercentage"])
    count = captured.requests_to_send(percent)
    if count > captured.MOST_REQUESTS:
        yield Finding(CAPTURE, "skipped", f"at {percent:g} % it takes {count} requests to be sure of one record")
        return
    row = subject.rows[0]
    for content_type, body in {CSV: row["csv"], JSON: json.dumps({"instances": [row["instance"]]})}.items():
        for _ in range(count):
            key = world.new_id()
            answer = subject.call(body, content_type, accept=content_type, inference_id=key)
            if not answer.ok:
                yield Finding(CAPTURE, "failed", f"answered {answer.status} {answer.code}: {answer.body[:200]}")
                return
            sent[key] = Sent(content_type, body, answer.body)


def find_captured(subject: Subject, world: World, sent: Mapping[str, Sent]) -> Finding:
    """The requests that were sent for it arrive in the capture, as they were sent and answered."""
    folder = f"{subject.parameters['DataCaptureUploadPath']}/{subject.endpoint}/AllTraffic"
    timeout = subject.limits["capture_timeout_seconds"]
    found = captured.wait(world.s3, folder, sent, timeout=timeout, now=world.now, sleep=world.sleep)
    absent = sorted({one.content_type for one in sent.values()} - {sent[key].content_type for key in found})
    faults = [f"no record of {kind} below {folder} within {timeout} s" for kind in absent]
    faults += sorted({fault for key, record in found.items() for fault in captured.faults(record, sent[key])})
    return Finding.of(CAPTURE, "; ".join(faults), f"found below {folder}, encoding CSV and JSON")


def caller(parameters: Mapping[str, str], limits: Mapping[str, Any], folder: str, world: World) -> Caller:
    """How the stage's kind of endpoint is asked; in an A/B test the promised version's variant is."""
    endpoint = f"{parameters['SageMakerProjectName']}-{parameters['StageName']}"
    if parameters.get("InferenceMode") == "ASYNCHRONOUS":
        timeout = limits["answer_timeout_seconds"]
        return Queued(
            world.runtime, world.s3, endpoint, f"{folder}/requests", timeout, world.clock, world.sleep, world.new_id
        )
    variant = "AllTraffic" if parameters.get("ChallengerModelPackageName") else ""
    return RealTime(world.runtime, endpoint, world.clock, variant)


def golden(s3: Any, promotion: Mapping[str, Any]) -> dict[str, Any]:
    """The golden requests of a version; NotTestableError when it has none."""
    uri = promotion.get("GoldenRequests")
    if not uri:
        raise NotTestableError(f"{promotion['ModelPackageArn']} names no GoldenRequests to send")
    bucket, key = split_uri(uri)
    try:
        found = json.loads(s3.get_object(Bucket=bucket, Key=key)["Body"].read())
        if not found["rows"]:
            raise NotTestableError(f"{uri} has no rows")
    except ClientError as error:
        raise NotTestableError(f"{uri} can't be read: {error.response['Error'].get('Code')}") from None
    except (ValueError, KeyError, TypeError):
        raise NotTestableError(f"{uri} holds no golden requests") from None
    return dict(found)


def link(region: str, bucket: str, prefix: str) -> str:
    """The folder's page in the AWS console: it needs a sign-in, and never expires as a signed link would."""
    host = next((host for start, host in CONSOLES.items() if region.startswith(start)), "console.aws.amazon.com")
    return f"https://{region}.{host}/s3/buckets/{bucket}?region={region}&prefix={prefix}/"


def variables(findings: Sequence[Finding], promotion: Mapping[str, Any], uri: str, url: str) -> dict[str, str]:
    """What the approval shows. APPROVAL_TEXT is all of it in one; CodePipeline allows it 1000 characters."""
    registered = _registered_metrics(promotion)
    said, version = report.verdict(findings), str(promotion["ModelPackageVersion"])
    approval = f"Version {version} of {promotion['ModelPackageGroupName']}. Registered: {registered}. "
    approval += f"Staging {said[:400]}. Production is watched by {promotion['Watched']['prod']}. "
    approval += f"Commit {promotion.get('CommitId') or 'unknown'}. Report: {uri}/report.md"
    return {
        "APPROVAL_TEXT": approval[:1000],
        "REPORT_URI": f"{uri}/report.md",
        "REPORT_URL": url,
        "STAGING_VERDICT": said[:400],
        "MODEL_PACKAGE_ARN": promotion["ModelPackageArn"],
        "MODEL_PACKAGE_VERSION": version,
        "MODEL_METRICS": registered,
    }


def _registered_metrics(promotion: Mapping[str, Any]) -> str:
    return figures.summary(promotion["Metrics"]) or "no metrics"


def parse(arguments: Sequence[str], environment: Mapping[str, str]) -> argparse.Namespace:
    """The arguments, the environment where one is missing."""
    parser = argparse.ArgumentParser(prog="python -m slipway.deploy.staging_tests", description=__doc__)
    for name, (variable, default) in ARGUMENTS.items():
        aliases = ["--import-build-config"] if name == "config" else []
        value = environment.get(variable) or default
        parser.add_argument(
            f"--{name}", *aliases, default=value, help=f"default: ${variable}, else {default or 'none'}"
        )
    found = parser.parse_args(arguments)
    if not found.s3_bucket:
        raise UsageError("not given: --s3-bucket or $ARTIFACT_BUCKET")
    return found


def _read(path: str) -> str:
    try:
        return Path(path).read_text()
    except OSError as error:
        raise UsageError(f"{path}: {error.strerror}; slipway.deploy.build writes it") from None


def _documents(found: argparse.Namespace) -> tuple[dict[str, str], dict[str, Any], dict[str, str]]:
    """The stage's parameters, the promotion, and the content of all files that the promotion names."""
    try:
        parameters, promotion = json.loads(_read(found.config))["Parameters"], json.loads(_read(found.promotion))
        folder = Path(found.promotion).parent
        return parameters, promotion, {name: _read(str(folder / name)) for name in promotion["Sha256"]}
    except (ValueError, KeyError, TypeError) as error:
        raise UsageError(
            f"{found.config} or {found.promotion} is not what slipway.deploy.build writes: {error!r}"
        ) from None


def main(arguments: Sequence[str], environment: Mapping[str, str] = os.environ, world: World | None = None) -> int:
    """0 when every check passed or can't be made on this kind of stage; 1 when one failed; 2 for a wrong command."""
    try:
        found = parse(arguments, environment)
        parameters, promotion, contents = _documents(found)
        world = world or World.real()
        limits = promotion["Tests"][parameters["StageName"]]
        build = environment.get("CODEBUILD_BUILD_ID", "").rpartition(":")[2]
        execution = found.execution or build or world.new_id()
        prefix = f"{parameters['SageMakerProjectName']}/staging-tests/{execution}"
        uri = f"s3://{found.s3_bucket}/{prefix}"
        call = caller(parameters, limits, uri, world)
        subject = Subject(parameters, promotion, limits, golden(world.s3, promotion), call)
        findings = run(subject, contents, world)
        url = link(world.s3.meta.region_name, found.s3_bucket, prefix)
        exported = variables(findings, promotion, uri, url)
        _write(found, findings, subject, exported)
        _upload(world.s3, Path(found.output), found.s3_bucket, prefix)
    except (UsageError, NotTestableError, ClientError, BotoCoreError, OSError) as error:
        print(f"staging is not tested: {error}", file=sys.stderr)
        return 2 if isinstance(error, UsageError) else 1
    for finding in findings:
        print(f"{finding.status:8} {finding.name}: {finding.said}")
    print(f"{report.verdict(findings)}\nreport: {uri}/report.md\n        {url}")
    return 1 if any(finding.status == "failed" for finding in findings) else 0


def _write(found: argparse.Namespace, findings: list[Finding], subject: Subject, exported: Mapping[str, str]) -> None:
    folder = Path(found.output)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "junit.xml").write_text(report.junit(findings, f"staging {subject.endpoint}"))
    (folder / "report.md").write_text(report.markdown(findings, subject, _registered_metrics(subject.promotion)))
    (folder / "report.svg").write_text(report.picture(subject))
    results = {
        "verdict": report.verdict(findings),
        "ModelPackageArn": subject.promotion["ModelPackageArn"],
        "checks": [vars(finding) for finding in findings],
    }
    (folder / found.export_test_results).write_text(json.dumps(results, indent=1) + "\n")
    lines = [f"export {name}={shlex.quote(value)}\n" for name, value in exported.items()]
    Path(found.export_variables).write_text("".join(lines))


def _upload(s3: Any, folder: Path, bucket: str, prefix: str) -> None:
    for path in sorted(folder.iterdir()):
        content_type = CONTENT_TYPES.get(path.suffix, "application/octet-stream")
        s3.put_object(Bucket=bucket, Key=f"{prefix}/{path.name}", Body=path.read_bytes(), ContentType=content_type)


if __name__ == "__main__":
    ended = main(sys.argv[1:])
    gc.freeze()  # Python would look through all that is left once more, for a tenth of a second
    sys.exit(ended)
