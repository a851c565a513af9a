"""One AWS on this machine, for tests: the clients, role and bucket of its account, its reset, and faults on demand."""

import contextlib
import importlib.util
import json
import os
import subprocess
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import boto3
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from botocore.httpsession import URLLib3Session
from botocore.session import Session

from slipway.cli import local
from slipway.cli.target import Target, UserError, local_environment

TESTING = "/_loopback/testing/"
PROFILES = ("AWS_PROFILE", "AWS_DEFAULT_PROFILE", "AWS_WEB_IDENTITY_TOKEN_FILE")
START_SECONDS = 60.0
END_SECONDS = 20.0
LOOK_SECONDS = 0.01
CAPACITY = (
    "CapacityError: Unable to provision requested ML compute capacity. Please retry using a different ML instance type."
)


class LocalAws:
    """The AWS that a test talks to. It is empty but for the bucket and the role of jobs when a test begins.

    Attributes: `environment` (the variables that point any AWS client at it), `region`, `account`, `role` (the ARN of a
    role that SageMaker may take), `bucket`, `session` (a boto3 session).
    """

    def __init__(self, state: Path, variables: Mapping[str, str]) -> None:
        self._state, self._pointed_at = state, False
        self._account = Target(variables, local=True, project="slipway")
        self._prepare()

    def client(self, service: str) -> Any:
        """A boto3 client, made once a service."""
        return self._target.client(service)

    @property
    def session(self) -> Any:
        """A boto3 session with the credentials of the role, as in a notebook."""
        return self._target.session

    @property
    def region(self) -> str:
        """The region of the account."""
        return self._target.region

    @property
    def account(self) -> str:
        """The id of the account."""
        return self.role.split(":")[4]

    @property
    def role(self) -> str:
        """The ARN of the role that jobs, models and pipelines get."""
        return str(self.environment["SAGEMAKER_PIPELINE_ROLE_ARN"])

    @property
    def bucket(self) -> str:
        """The name of a bucket that is there, and empty when a test begins."""
        return str(self.environment["ARTIFACT_BUCKET"])

    def reset(self) -> None:
        """Stop what works and delete everything; then make the bucket and the role again.

        The role's session is a new one then: make clients anew. Raises UserError, which names what did not stop within
        a minute.
        """
        self._ask("POST", "reset")
        self._prepare()
        if self._pointed_at:
            os.environ.update(self.environment)
            boto3.DEFAULT_SESSION = None

    def fail_calls(
        self, operation: str, code: str, message: str = "", *, status: int = 400, times: int = 1, seconds: float = 0.0
    ) -> None:
        """Let the next `times` calls of an operation (`sagemaker:CreateTrainingJob`, `s3:Get*`) end with an error.

        `code` is AWS's, such as ThrottlingException. boto3 repeats calls that were throttled or that end with a status
        of 500 and more; `times` counts every try. The answer comes `seconds` late.
        """
        text = message or f"{code}, as the test has asked for"
        self._fault(operation=operation, code=code, message=text, status=status, times=times, seconds=seconds)

    def throttle(self, operation: str, times: int = 1) -> None:
        """Let the next `times` calls of an operation end with ThrottlingException: Rate exceeded."""
        self.fail_calls(operation, "ThrottlingException", "Rate exceeded", times=times)

    def delay_calls(self, operation: str, seconds: float, times: int = 1) -> None:
        """Let the next `times` calls of an operation come `seconds` late: `sagemaker:InvokeEndpoint`, a slow model."""
        self._fault(operation=operation, seconds=seconds, times=times)

    def fail_jobs(self, kind: str, reason: str, *, name: str = "*", times: int = 1) -> None:
        """Let the next `times` jobs of a kind (TrainingJob, ProcessingJob or TransformJob) end as Failed for a reason.

        `name` may hold `*`. The step of a pipeline that has started the job fails with it, or is retried if its policy
        says so: a reason that begins with CapacityError, ResourceLimitExceeded or InternalServerError counts as that.
        """
        self._fault(kind=kind, name=name, reason=reason, times=times)

    def refuse_capacity(self, kind: str, *, name: str = "*", times: int = 1) -> None:
        """Let the next `times` jobs of a kind find no instances: they fail with a CapacityError."""
        self.fail_jobs(kind, CAPACITY, name=name, times=times)

    def take_spot_instances(self, name: str = "*", *, after: float = 0.0, times: int = 1) -> None:
        """Take away the spot instances of training jobs of a name, `after` seconds from the start of their containers.

        The job goes on with others, and with its checkpoints. `times` counts over all jobs.
        """
        self._fault(interrupt=name, after=after, times=times)

    def clear_faults(self) -> None:
        """Drop the faults that nothing has met yet."""
        self._ask("DELETE", "faults")

    @contextlib.contextmanager
    def in_environment(self) -> Iterator[Mapping[str, str]]:
        """Point this process's environment at it, and take it back afterwards."""
        with environment(self.environment), own_sts(self._state):
            self._pointed_at = True
            try:
                yield self.environment
            finally:
                self._pointed_at = False

    def _prepare(self) -> None:
        """Make the bucket and the role, and begin a session of the role."""
        with environment(self._account.environ):
            local.prepare(self._account)
            paths = local.python_path(self._state)
            self.environment: Mapping[str, str] = {
                **self._account.environ,
                **local.role_session(self._account),
                **paths,
            }
        self._target = Target(self.environment, local=True, project="slipway")

    def _fault(self, **document: Any) -> None:
        self._ask("POST", "faults", document)

    def _ask(self, method: str, path: str, document: Mapping[str, Any] | None = None) -> None:
        own = self._account.environ
        request = AWSRequest(method, own["AWS_ENDPOINT_URL"] + TESTING + path, data=json.dumps(document or {}))
        key = Credentials(own["AWS_ACCESS_KEY_ID"], own["AWS_SECRET_ACCESS_KEY"])
        SigV4Auth(key, "loopback", self.region).add_auth(request)
        answer = URLLib3Session().send(request.prepare())
        if answer.status_code != 200:
            raise UserError(json.loads(answer.content).get("message", answer.text))


@contextlib.contextmanager
def running(state: Path) -> Iterator[LocalAws]:
    """Start an AWS on this machine that ends with this process, and end it. Raises UserError."""
    command = ["up", "--testing", "--state", str(state), "--port", str(local.free_port(0))]
    with (state.parent / f"{state.name}.log").open("ab") as log:
        process = local.start_process(command, log)
    try:
        yield LocalAws(state, _await_start(process, state, Path(log.name)))
    finally:
        process.terminate()
        try:
            process.wait(END_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()


def _await_start(process: "subprocess.Popen[bytes]", state: Path, log: Path) -> dict[str, str]:
    """Wait for its port; the variables that point AWS clients at it. Raises UserError."""
    deadline = time.monotonic() + START_SECONDS
    while (found := local_environment(state)) is None:
        if process.poll() is not None or time.monotonic() > deadline:
            raise UserError(f"the AWS of this machine did not start: {log.read_text(errors='replace').strip()[-1000:]}")
        time.sleep(LOOK_SECONDS)
    return found


@contextlib.contextmanager
def own_sts(state: Path) -> Iterator[None]:
    """The SDK makes its STS clients with AWS's own address; here they get this machine's: see the file."""
    path = state / "python" / "sitecustomize.py"
    spec = importlib.util.spec_from_file_location("sts_address", path)
    if spec is None or spec.loader is None:
        raise UserError(f"{path} is gone")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    create_client = Session.create_client
    Session.create_client = module.redirect(create_client)
    try:
        yield
    finally:
        Session.create_client = create_client


@contextlib.contextmanager
def environment(variables: Mapping[str, str]) -> Iterator[None]:
    """Set variables of this process; afterwards its environment, and boto3's default session, are what they were."""
    before, session = dict(os.environ), boto3.DEFAULT_SESSION
    boto3.DEFAULT_SESSION = None  # it has the credentials of who made it
    for name in PROFILES:
        os.environ.pop(name, None)
    os.environ.update(variables)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)
        boto3.DEFAULT_SESSION = session
