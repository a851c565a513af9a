"""Where a loopback lives and what it serves: read once, passed on as a value."""

import json
import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib import resources
from pathlib import Path
from urllib.parse import urlsplit

from loopback.core.account import account_secret
from loopback.core.arn import Place

DEFAULT_PORT = 4566
IAM, ENFORCE = "LOOPBACK_IAM", "enforce"
PACE = "LOOPBACK_PACE"
EVENT_DAYS, DEFAULT_EVENT_DAYS = "LOOPBACK_EVENT_DAYS", 7.0
TESTING = "LOOPBACK_TESTING"
JOB_PYTHON = "LOOPBACK_JOB_PYTHON"
ISSUERS = "LOOPBACK_ISSUERS"
ACCOUNT, ACCOUNTS = "LOOPBACK_ACCOUNT", ("existing", "new")


def _pace(text: str) -> float:
    """At least 1; what is no number is 1, since the variable only saves time."""
    try:
        return max(float(text or 1), 1.0)
    except ValueError:
        return 1.0


class WrongSetting(ValueError):
    """A variable of the environment that cannot be meant; the message names it."""


def _days(text: str) -> float:
    """Raises WrongSetting for what is no number of days."""
    try:
        days = float(text or DEFAULT_EVENT_DAYS)
    except ValueError:
        days = -1.0
    if not 0 <= days < float("inf"):
        raise WrongSetting(f"{EVENT_DAYS} is {text!r}; expected a number of days, 0 or more")
    return days


def _python(path: str) -> str:
    """Raises WrongSetting for what is no program."""
    if path and not os.access(path, os.X_OK):
        raise WrongSetting(f"{JOB_PYTHON} is {path!r}; expected the path of a Python with the packages of jobs")
    return path or sys.executable


def _issuers(text: str) -> dict[str, str]:
    """`https://gitlab.com=http://127.0.0.1:9000 ...`: where issuers of tokens are here. Raises WrongSetting."""
    found = {}
    for pair in text.split():
        issuer, _, address = pair.partition("=")
        host = urlsplit(address).hostname
        if not issuer.startswith("https://") or host not in ("127.0.0.1", "localhost", "::1"):
            raise WrongSetting(
                f"{ISSUERS} has {pair!r}; expected https://ISSUER=http://127.0.0.1:PORT, more of them after a space"
            )
        found[issuer.rstrip("/")] = address.rstrip("/")
    return found


@dataclass(frozen=True)
class Settings:
    """One running loopback: its port on 127.0.0.1, its state folder, its account and region."""

    state: Path
    port: int = DEFAULT_PORT
    place: Place = field(default_factory=Place)
    autosave_seconds: float = 2.0  # design: what changes in ministack without a request is on disk this long after
    idle_seconds: float = 60.0  # without a job; then the warm process gives its memory back
    enforce_iam: bool = False  # requests are signed and allowed by policies, as on AWS; what works acts with its role

    is_new_account: bool = False  # to what AWS has closed to new customers, such as Model Monitor
    testing: bool = False  # tests may delete everything in one request, and have calls and jobs fail
    accept_loss: bool = False  # start without what is damaged or missing in the state folder
    event_days: float = DEFAULT_EVENT_DAYS  # rows of changes are kept so long after they were announced
    pace: float = 1.0  # waits of endpoint deployments pass so many times as fast as they say
    issuers: Mapping[str, str] = field(default_factory=dict)  # of OpenID Connect tokens: where their keys are fetched
    job_python: str = sys.executable  # jobs, builds and model servers run with it, and see its packages

    @classmethod
    def from_environment(cls, state: Path, port: int, environ: Mapping[str, str] = os.environ) -> "Settings":
        """The region is the caller's; the account is fixed, as ministack knows it."""
        region = environ.get("AWS_DEFAULT_REGION") or environ.get("AWS_REGION") or "us-east-1"
        enforce = environ.get(IAM, "") == ENFORCE
        return cls(
            state.absolute(),
            port,
            Place(region=region),
            enforce_iam=enforce,
            is_new_account=environ.get(ACCOUNT) == "new",
            testing=environ.get(TESTING) == "1",
            pace=_pace(environ.get(PACE, "")),
            event_days=_days(environ.get(EVENT_DAYS, "")),
            issuers=_issuers(environ.get(ISSUERS, "")),
            job_python=_python(environ.get(JOB_PYTHON, "")),
        )

    @property
    def url(self) -> str:
        """What goes into AWS_ENDPOINT_URL."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def database(self) -> Path:
        """The SQLite file of our own services."""
        return self.state / "loopback.db"

    @property
    def base_database(self) -> Path:
        """The SQLite file of what ministack keeps."""
        return self.state / "base.db"

    @property
    def base_folder(self) -> Path:
        """The base's own files, such as the code of Lambda functions."""
        return self.state / "base"

    @property
    def objects_folder(self) -> Path:
        """S3 objects, as files."""
        return self.state / "s3"

    @property
    def iam_usage(self) -> Path:
        """What roles were asked for, where IAM is enforced."""
        return self.state / "iam-asked.jsonl"

    @property
    def aws_warnings(self) -> Path:
        """What AWS would refuse of what was asked here."""
        return self.state / "aws-warnings.json"

    @property
    def sdk_config(self) -> Path:
        """The SageMaker SDK's configuration for programs that talk to this loopback."""
        return self.state / "sagemaker.yaml"

    def sdk_defaults(self) -> str:
        """The SDK asks STS for the account by an address of its own making when it names its default bucket.

        That address is AWS's whatever AWS_ENDPOINT_URL says, so the bucket is named here; JSON is YAML too.
        """
        bucket = f"sagemaker-{self.place.region}-{self.place.account}"
        modules = {"TelemetryOptOut": True, "Session": {"DefaultS3Bucket": bucket}}
        return json.dumps({"SchemaVersion": "1.0", "SageMaker": {"PythonSDK": {"Modules": modules}}}, indent=1)

    @property
    def python_path(self) -> Path:
        """A folder for PYTHONPATH: Python programs there ask this loopback's STS, see `sts_address`."""
        return self.state / "python"

    def prepare_clients(self) -> None:
        """Write what programs that talk to this loopback read."""
        self.sdk_config.write_text(self.sdk_defaults())
        self.python_path.mkdir(exist_ok=True)
        source = resources.files(__package__).joinpath("sts_address.py").read_text()
        (self.python_path / "sitecustomize.py").write_text(source)

    def client_environment(self) -> dict[str, str]:
        """What an AWS client needs to talk to this loopback as its account; the credentials open nothing elsewhere."""
        return {
            "SAGEMAKER_USER_CONFIG_OVERRIDE": str(self.sdk_config),
            "AWS_ENDPOINT_URL": self.url,
            "AWS_ACCESS_KEY_ID": self.place.account,
            "AWS_SECRET_ACCESS_KEY": account_secret(self.state),
            "AWS_DEFAULT_REGION": self.place.region,
            "AWS_REGION": self.place.region,
            "AWS_EC2_METADATA_DISABLED": "true",
        }
