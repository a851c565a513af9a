"""Variables whose values are in Parameter Store or Secrets Manager, read as the build's role."""

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from loopback.runtimes.codebuild.faults import ClientFault
from loopback.runtimes.codebuild.specification import Buildspec

Client = Callable[[str], Any]  # a service's name -> a boto3 client that acts as the role
Found = tuple[dict[str, str], dict[str, str]]  # plain variables, secret ones


def of_buildspec(spec: Buildspec, client: Client) -> Found:
    """What `env` of a buildspec gives. Raises ClientFault."""
    secret = {name: _parameter(value, client) for name, value in spec.parameters.items()}
    secret |= {name: _secret(value, client) for name, value in spec.secrets.items()}
    return dict(spec.variables), secret


def of_project(variables: Sequence[Mapping[str, Any]], client: Client) -> Found:
    """What a project's, and a request's, environmentVariables give. Raises ClientFault."""
    plain, secret = {}, {}
    for variable in variables:
        name, value = variable["name"], variable["value"]
        match variable.get("type", "PLAINTEXT"):
            case "PARAMETER_STORE":
                secret[name] = _parameter(value, client)
            case "SECRETS_MANAGER":
                secret[name] = _secret(value, client)
            case _:
                plain[name] = value
    return plain, secret


def _parameter(name: str, client: Client) -> str:
    with _refused(f"parameter {name}"):
        return str(client("ssm").get_parameter(Name=name, WithDecryption=True)["Parameter"]["Value"])


def reference(text: str) -> tuple[str, str, dict[str, str]]:
    """Secret id, JSON key and version of `id:json-key:version-stage:version-id`; the id may be an ARN.

    >>> reference("arn:aws:secretsmanager:eu-west-1:1:secret:s-Ab:user")
    ('arn:aws:secretsmanager:eu-west-1:1:secret:s-Ab', 'user', {})
    """
    parts = text.split(":")
    ahead = 7 if text.startswith("arn:") else 1
    key, stage, version = [*parts[ahead:], "", "", ""][:3]
    asked = {"VersionStage": stage, "VersionId": version}
    return ":".join(parts[:ahead]), key, {name: value for name, value in asked.items() if value}


def _secret(text: str, client: Client) -> str:
    name, key, version = reference(text)
    with _refused(f"secret {name}"):
        value = str(client("secretsmanager").get_secret_value(SecretId=name, **version)["SecretString"])
    if not key:
        return value
    try:
        found = json.loads(value)[key]
    except (ValueError, KeyError, TypeError):
        raise ClientFault(f"Secrets Manager: the secret {name} has no JSON key {key!r}") from None
    return found if isinstance(found, str) else json.dumps(found)


class _refused:  # noqa: N801 - reads as a statement
    def __init__(self, what: str) -> None:
        self._what = what

    def __enter__(self) -> None:
        """Nothing to prepare."""

    def __exit__(self, _kind: object, fault: BaseException | None, _trace: object) -> None:
        from botocore.exceptions import BotoCoreError, ClientError

        if isinstance(fault, ClientError | BotoCoreError):
            raise ClientFault(f"{self._what} cannot be read: {fault}") from None
        if isinstance(fault, KeyError):
            raise ClientFault(f"{self._what} has no text value") from None
