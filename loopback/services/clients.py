"""boto3 clients of this loopback itself, for services that act with a role as AWS's own do."""

import threading
import time
from collections.abc import Callable, Mapping
from typing import Any

from loopback.core.errors import ServiceError

Role = str  # an ARN; "" is the account itself
RENEW_SECONDS = 300.0  # before credentials end


class ClientRefused(ServiceError):
    """What a client was answered; the code is the service's."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self._code = code

    @property
    def code(self) -> str:
        """See ServiceError."""
        return self._code


def call_operation(client: Any, operation: str, request: Mapping[str, Any]) -> dict[str, Any]:
    """One operation of a client, by its name in the API; what it refuses is a ServiceError."""
    from botocore import xform_name
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        found: dict[str, Any] = getattr(client, xform_name(operation))(**request)
    except ClientError as fault:
        raise ClientRefused(fault.response["Error"]["Code"], fault.response["Error"]["Message"]) from None
    except BotoCoreError as fault:
        raise ClientRefused("ValidationError", str(fault)) from None
    return found


class Clients:
    """One client per service and role, kept. With IAM enforced a role is really assumed; else all act as the account.

    `environ` is what an AWS client of this loopback needs; `now` returns epoch seconds.
    """

    def __init__(self, environ: Mapping[str, str], *, enforced: bool, now: Callable[[], float] = time.time) -> None:
        self._environ, self._enforced, self._now = environ, enforced, now
        self._lock = threading.RLock()
        self._made: dict[tuple[str, Role], tuple[Any, float]] = {}
        self._assumed: dict[tuple[Role, str], tuple[dict[str, str], float]] = {}

    def client(self, service: str, role: Role = "") -> Any:
        """A boto3 client. Raises botocore's ClientError where the role may not be assumed."""
        with self._lock:
            made, until = self._made.get((service, role), (None, 0.0))
            if made is None or self._now() > until - RENEW_SECONDS:
                environ, until = self._credentials(role, "loopback")
                made = self._client(service, environ)
                self._made[service, role] = made, until
            return made

    def credentials(self, role: Role, session: str) -> dict[str, str]:
        """The environment that makes a process of ours act with a role: AWS_ACCESS_KEY_ID and its companions."""
        with self._lock:
            found, until = self._assumed.get((role, session), ({}, 0.0))
            if self._now() > until - RENEW_SECONDS:
                found, until = self._credentials(role, session)
                self._assumed[role, session] = found, until
            return found

    def _credentials(self, role: Role, session: str) -> tuple[dict[str, str], float]:
        names = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")
        if not role or not self._enforced:
            return {name: self._environ[name] for name in names}, float("inf")
        answer = self.client("sts").assume_role(RoleArn=role, RoleSessionName=session[:64])["Credentials"]
        keys = ("AccessKeyId", "SecretAccessKey", "SessionToken")
        given = dict(zip((*names, "AWS_SESSION_TOKEN"), (answer[key] for key in keys), strict=True))
        return given, answer["Expiration"].timestamp()

    def _client(self, service: str, environ: Mapping[str, str]) -> Any:
        import boto3
        from botocore.config import Config

        return boto3.client(
            service,
            endpoint_url=self._environ["AWS_ENDPOINT_URL"],
            region_name=self._environ["AWS_DEFAULT_REGION"],
            aws_access_key_id=environ["AWS_ACCESS_KEY_ID"],
            aws_secret_access_key=environ["AWS_SECRET_ACCESS_KEY"],
            aws_session_token=environ.get("AWS_SESSION_TOKEN"),
            config=Config(retries={"max_attempts": 2}, max_pool_connections=32, read_timeout=300),
        )
