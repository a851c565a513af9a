"""Which AWS a command talks to, and the clients for it."""

import fcntl
import json
import os
import socket
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

STATE = Path(".slipway/local")  # of the AWS of this machine, in the folder where it was first started
ACCOUNT = "000000000000"  # of the local AWS
_AWS_VARIABLES = (
    "AWS_PROFILE",
    "AWS_ACCESS_KEY_ID",
    "AWS_WEB_IDENTITY_TOKEN_FILE",
    "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
)


class UserError(Exception):
    """The command cannot be carried out; the message says what is missing or wrong, and what to do. Exit code 1."""


class WrongUsage(UserError):
    """An argument or a file given is wrong. Exit code 2."""


@dataclass(frozen=True)
class Target:
    """One AWS: the account that the environment points at, or the one on this machine.

    `project` is what the names of pipelines and model package groups begin with.
    """

    environ: Mapping[str, str]
    local: bool
    project: str

    @classmethod
    def find(cls, environ: Mapping[str, str] = os.environ, state: Path | None = None) -> "Target":
        """What AWS_ENDPOINT_URL or AWS credentials name, else the AWS of this folder, or of one above, when it runs."""
        project = environ.get("SAGEMAKER_PROJECT_NAME", "slipway")
        endpoint = environ.get("AWS_ENDPOINT_URL", "")
        if endpoint:
            return cls(environ, local="127.0.0.1" in endpoint or "localhost" in endpoint, project=project)
        if any(name in environ for name in _AWS_VARIABLES):
            return cls(environ, local=False, project=project)
        variables = local_environment(state or state_folder())
        if variables is None:
            raise UserError(
                "No AWS to talk to: no AWS credentials in the environment, and nothing runs on this machine. "
                "Start the local one with `slipway local up --detach`, or set AWS_PROFILE"
            )
        return cls({**environ, **variables}, local=True, project=project)

    @property
    def title(self) -> str:
        """What a person is told it is."""
        if self.local:
            return f"this machine ({self.environ['AWS_ENDPOINT_URL']})"
        return f"AWS ({self.environ.get('AWS_PROFILE', 'default credentials')}, {self.region})"

    @property
    def region(self) -> str:
        """The region of the environment."""
        return self.environ.get("AWS_DEFAULT_REGION") or self.environ.get("AWS_REGION") or "us-east-1"

    @cached_property
    def session(self) -> Any:
        """A boto3 session; importing boto3 takes a quarter of a second, so nothing before needs it."""
        import boto3

        os.environ.update(self.environ)
        return boto3.Session(region_name=self.region)

    def client(self, service: str) -> Any:
        """The boto3 client of a service; to make one takes as long as several requests."""
        if service not in self._clients:
            self._clients[service] = self.session.client(service)
        return self._clients[service]

    @cached_property
    def _clients(self) -> dict[str, Any]:
        return {}

    def read(self, uri: str) -> bytes:
        """The bytes of an S3 object. Raises UserError when it cannot be read."""
        from botocore.exceptions import ClientError

        bucket, _, key = uri.removeprefix("s3://").partition("/")
        try:
            body: bytes = self.client("s3").get_object(Bucket=bucket, Key=key)["Body"].read()
        except ClientError as fault:
            raise UserError(f"{uri} cannot be read: {fault.response['Error']['Message']}") from None
        return body


def state_folder(start: Path | None = None) -> Path:
    """The state folder of the AWS of this machine: below the working folder or the nearest one above that has it.

    A git repository is looked through to its top, never beyond.
    """
    here = (start or Path.cwd()).absolute()
    for folder in (here, *here.parents):
        if (folder / STATE).is_dir():
            return folder / STATE
        if (folder / ".git").exists():
            break
    return here / STATE


def _is_held(lock: Path) -> bool:
    """Whether a control plane holds its state folder."""
    with lock.open() as file:
        try:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False


def local_environment(state: Path = STATE) -> dict[str, str] | None:
    """The variables that point AWS clients and the template at the AWS of this machine; None when it is down."""
    try:
        found = json.loads((state / "endpoint.json").read_text())
        if not _is_held(state / "control.lock"):
            return None  # it was killed, and another may be on its port
        with socket.create_connection(("127.0.0.1", found["port"]), timeout=1):
            pass
    except (OSError, ValueError):
        return None
    region, secret = found["region"], state / "account-secret"
    return {
        "AWS_ENDPOINT_URL": found["url"],
        "AWS_ACCESS_KEY_ID": ACCOUNT,
        "AWS_SECRET_ACCESS_KEY": secret.read_text() if secret.exists() else "local",
        "AWS_SESSION_TOKEN": "",  # one of an earlier `slipway local env` belongs to another key
        "AWS_DEFAULT_REGION": region,
        "AWS_REGION": region,
        "AWS_EC2_METADATA_DISABLED": "true",
        "SAGEMAKER_USER_CONFIG_OVERRIDE": str((state / "sagemaker.yaml").absolute()),
        "ARTIFACT_BUCKET": f"slipway-{ACCOUNT}-{region}",
        "SAGEMAKER_PIPELINE_ROLE_ARN": f"arn:aws:iam::{ACCOUNT}:role/slipway-pipeline",
        "SAGEMAKER_PROJECT_NAME": "slipway",
    }
