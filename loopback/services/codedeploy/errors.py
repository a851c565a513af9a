"""The errors of CodeDeploy, by their wire codes."""

from loopback.core.errors import ServiceError


class ApplicationAlreadyExistsException(ServiceError):
    """An application of that name exists."""


class ApplicationDoesNotExistException(ServiceError):
    """There is no application of that name."""


class DeploymentGroupAlreadyExistsException(ServiceError):
    """The application has a deployment group of that name."""


class DeploymentGroupDoesNotExistException(ServiceError):
    """The application has no deployment group of that name."""


class DeploymentGroupNameRequiredException(ServiceError):
    """The request names no deployment group."""


class DeploymentConfigAlreadyExistsException(ServiceError):
    """A deployment configuration of that name exists."""


class DeploymentConfigDoesNotExistException(ServiceError):
    """There is no deployment configuration of that name."""


class DeploymentConfigInUseException(ServiceError):
    """A deployment group uses the configuration."""


class InvalidDeploymentConfigNameException(ServiceError):
    """Names that begin with CodeDeployDefault are those of the built-in configurations."""


class InvalidOperationException(ServiceError):
    """The built-in configurations cannot be deleted."""


class InvalidComputePlatformException(ServiceError):
    """The compute platform is not Lambda, or not the one of the other side."""


class InvalidTrafficRoutingConfigurationException(ServiceError):
    """The configuration says nothing that traffic could follow."""


class InvalidDeploymentStyleException(ServiceError):
    """Lambda deployments are BLUE_GREEN, WITH_TRAFFIC_CONTROL."""


class InvalidAlarmConfigException(ServiceError):
    """The alarms of a deployment group are not well named."""


class AlarmsLimitExceededException(ServiceError):
    """A deployment group watches at most ten alarms."""


class InvalidAutoRollbackConfigException(ServiceError):
    """Automatic rollback is enabled for no event."""


class InvalidInputException(ServiceError):
    """The request has what loopback, or CodeDeploy on the Lambda platform, does not carry out."""


class InvalidTagsToAddException(ServiceError):
    """A tag has no key."""


class InvalidNextTokenException(ServiceError):
    """The token is not one that the operation gave."""


class InvalidArnException(ServiceError):
    """The ARN is not that of an application or a deployment group."""


class RevisionRequiredException(ServiceError):
    """The request has no revision."""


class InvalidRevisionException(ServiceError):
    """The revision is no AppSpec that loopback can follow."""


class DeploymentDoesNotExistException(ServiceError):
    """There is no deployment of that id."""


class DeploymentLimitExceededException(ServiceError):
    """A deployment group has one active deployment at a time."""


class DeploymentAlreadyCompletedException(ServiceError):
    """The deployment has ended already."""


class DeploymentTargetDoesNotExistException(ServiceError):
    """The deployment has no target of that id."""


class InvalidTimeRangeException(ServiceError):
    """The range of creation times ends before it begins."""


class InvalidLifecycleEventHookExecutionIdException(ServiceError):
    """No hook of the deployment has that id."""


class InvalidLifecycleEventHookExecutionStatusException(ServiceError):
    """A hook answers Succeeded or Failed."""


class LifecycleEventAlreadyCompletedException(ServiceError):
    """The hook was answered, or its deployment has ended."""


class InvalidTriggerConfigException(ServiceError):
    """A trigger has no name, no topic or no events."""


class TriggerTargetsLimitExceededException(ServiceError):
    """A deployment group has more than ten triggers."""
