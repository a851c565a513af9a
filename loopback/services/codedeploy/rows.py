"""What CodeDeploy's operations share: rows by name, ARNs and pages."""

from loopback.core.kinds import DEPLOY_APPLICATION, DEPLOY_GROUP
from loopback.rows.codedeploy import DeployApplicationRow, DeployGroupRow
from loopback.services.codedeploy.errors import (
    ApplicationDoesNotExistException,
    DeploymentGroupDoesNotExistException,
    InvalidComputePlatformException,
    InvalidNextTokenException,
)
from loopback.services.paging import Paging
from loopback.services.registry import Context

SERVICE = "codedeploy"
PLATFORM = "Lambda"
PAGE = 100
PAGING = Paging("nextToken", "", "nextToken", InvalidNextTokenException)


def check_platform(platform: str) -> None:
    """Raises InvalidComputePlatformException for what is not Lambda."""
    if platform != PLATFORM:
        raise InvalidComputePlatformException(
            f"computePlatform {platform}: loopback carries out deployments of computePlatform {PLATFORM} only"
        )


def application(name: str, context: Context) -> DeployApplicationRow:
    """The row of an application. Raises ApplicationDoesNotExistException."""
    if not context.store.exists(DEPLOY_APPLICATION, name):
        raise ApplicationDoesNotExistException(f"No application found for name: {name}")
    return DeployApplicationRow.get(context.store, name)


def group(of: str, name: str, context: Context) -> DeployGroupRow:
    """The row of a deployment group. Raises ApplicationDoesNotExist-, DeploymentGroupDoesNotExistException."""
    application(of, context)
    if not context.store.exists(DEPLOY_GROUP, group_key(of, name)):
        raise DeploymentGroupDoesNotExistException(f"No Deployment Group found for name: {name}")
    return DeployGroupRow.get(context.store, group_key(of, name))


def group_key(of: str, name: str) -> str:
    """The name of a deployment group's row; CodeDeploy's names hold no slash."""
    return f"{of}/{name}"


def application_arn(name: str, context: Context) -> str:
    """The ARN of an application, whether it exists or not."""
    return context.place.arn(f"application:{name}", SERVICE)


def group_arn(of: str, name: str, context: Context) -> str:
    """The ARN of a deployment group, whether it exists or not."""
    return context.place.arn(f"deploymentgroup:{of}/{name}", SERVICE)
