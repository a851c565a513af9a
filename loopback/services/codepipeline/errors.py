"""CodePipeline's own error codes."""

from loopback.core.errors import ServiceError


class PipelineNotFoundException(ServiceError):
    """The account has no pipeline of that name."""


class PipelineNameInUseException(ServiceError):
    """The account has a pipeline of that name already."""


class PipelineVersionNotFoundException(ServiceError):
    """The pipeline never had that version."""


class StageNotFoundException(ServiceError):
    """The pipeline has no stage of that name."""


class ActionNotFoundException(ServiceError):
    """The stage has no action of that name."""


class PipelineExecutionNotFoundException(ServiceError):
    """The pipeline has no execution of that id."""


class PipelineExecutionNotStoppableException(ServiceError):
    """The execution is over."""


class DuplicatedStopRequestException(ServiceError):
    """The execution is being stopped already."""


class StageNotRetryableException(ServiceError):
    """The stage did not fail, or the pipeline has changed since."""


class NotLatestPipelineExecutionException(ServiceError):
    """Another execution has entered the stage since."""


class PipelineExecutionOutdatedException(ServiceError):
    """The target execution ran under an earlier version of the pipeline."""


class ConditionNotOverridableException(ServiceError):
    """The condition does not keep the execution from going on, or did not fail."""


class UnableToRollbackStageException(ServiceError):
    """The stage cannot be rolled back to that execution."""


class ConcurrentPipelineExecutionsLimitExceededException(ServiceError):
    """Fifty executions run or wait already."""


class InvalidApprovalTokenException(ServiceError):
    """The token is not the one that the approval waits for."""


class ApprovalAlreadyCompletedException(ServiceError):
    """The approval has been answered, or has expired."""


class JobNotFoundException(ServiceError):
    """There is no job of that id."""


class InvalidJobStateException(ServiceError):
    """The job is over."""


class OutputVariablesSizeExceededException(ServiceError):
    """The output variables of an action have more than 122,880 bytes."""


class InvalidArnException(ServiceError):
    """The ARN is not that of a pipeline of this account."""


class ResourceNotFoundException(ServiceError):
    """There is no pipeline of that ARN."""


class InvalidNextTokenException(ServiceError):
    """The token is not one that the operation gave."""
