"""What CodeDeploy's operations share: rows by name, ARNs, tags and pages."""

import base64
from collections.abc import Sequence
from typing import Any

from loopback.core.kinds import DEPLOY_APPLICATION, DEPLOY_GROUP
from loopback.core.store import Resource
from loopback.services.codedeploy.errors import (
    ApplicationDoesNotExistException,
    DeploymentGroupDoesNotExistException,
    InvalidComputePlatformException,
    InvalidNextTokenException,
)
from loopback.services.registry import Context

SERVICE = "codedeploy"
PLATFORM = "Lambda"
PAGE = 100


def check_platform(platform: str) -> None:
    """Raises InvalidComputePlatformException for what is not Lambda."""
    if platform != PLATFORM:
        raise InvalidComputePlatformException(
            f"computePlatform {platform}: loopback carries out deployments of computePlatform {PLATFORM} only"
        )


def application(name: str, context: Context) -> Resource:
    """The row of an application. Raises ApplicationDoesNotExistException."""
    if not context.store.exists(DEPLOY_APPLICATION, name):
        raise ApplicationDoesNotExistException(f"No application found for name: {name}")
    return context.store.get(DEPLOY_APPLICATION, name)


def group(of: str, name: str, context: Context) -> Resource:
    """The row of a deployment group. Raises ApplicationDoesNotExist-, DeploymentGroupDoesNotExistException."""
    application(of, context)
    if not context.store.exists(DEPLOY_GROUP, group_key(of, name)):
        raise DeploymentGroupDoesNotExistException(f"No Deployment Group found for name: {name}")
    return context.store.get(DEPLOY_GROUP, group_key(of, name))


def group_key(of: str, name: str) -> str:
    """The name of a deployment group's row; CodeDeploy's names hold no slash."""
    return f"{of}/{name}"


def application_arn(name: str, context: Context) -> str:
    """The ARN of an application, whether it exists or not."""
    return context.place.arn(f"application:{name}", SERVICE)


def group_arn(of: str, name: str, context: Context) -> str:
    """The ARN of a deployment group, whether it exists or not."""
    return context.place.arn(f"deploymentgroup:{of}/{name}", SERVICE)


def page(items: Sequence[Any], token: str | None, member: str) -> dict[str, Any]:
    """At most PAGE items; a token counts those shown before. Raises InvalidNextTokenException."""
    start = _decode(token) if token else 0
    answer: dict[str, Any] = {member: list(items[start : start + PAGE])}
    if start + PAGE < len(items):
        answer["nextToken"] = base64.urlsafe_b64encode(str(start + PAGE).encode()).decode()
    return answer


def _decode(token: str) -> int:
    try:
        return int(base64.urlsafe_b64decode(token))
    except ValueError:
        raise InvalidNextTokenException(
            "nextToken is not one that this operation gave; start again without it"
        ) from None
