"""What SageMaker has closed to new customers, as an account that is new to it sees it (LOOPBACK_ACCOUNT=new).

AWS documents that Model Monitor, Clarify and Debugger are closed, not which answer a new customer gets: the words are
ours.
"""

from loopback.core.aws_warnings import CLOSED, AwsWarning
from loopback.core.errors import AccessDeniedException
from loopback.services.registry import Context

MODEL_MONITOR, CLARIFY, DEBUGGER = "SageMaker Model Monitor", "SageMaker Clarify", "SageMaker Debugger"
CLARIFY_IMAGE = "/sagemaker-clarify-processing"
_IN_PLACE = {
    MODEL_MONITOR: "watch with jobs of your own, or use an account that has it",
    CLARIFY: "compute these figures in a job of your own, or use an account that has it",
    DEBUGGER: "leave DebugRuleConfigurations out (no rule is evaluated here), or use an account that has it",
}


def require_open(feature: str, context: Context) -> None:
    """Raise AccessDeniedException where the account is new; in another one say that it works there alone."""
    if context.is_new:
        raise AccessDeniedException(f"{feature} is no longer open to new customers, and this account is one")
    told = "it is closed to new customers: an account that has not used it is refused"
    context.warn(AwsWarning(CLOSED, feature, told, _IN_PLACE[feature]))
