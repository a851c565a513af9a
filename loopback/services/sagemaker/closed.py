"""What SageMaker has closed to new customers, as an account that is new to it sees it (LOOPBACK_ACCOUNT=new).

AWS documents that Model Monitor and Clarify are closed, not which answer a new customer gets: the words are ours.
"""

from loopback.core.errors import AccessDeniedException
from loopback.services.registry import Context

MODEL_MONITOR, CLARIFY = "SageMaker Model Monitor", "SageMaker Clarify"
CLARIFY_IMAGE = "/sagemaker-clarify-processing"


def require_open(feature: str, context: Context) -> None:
    """Raise AccessDeniedException where the account is new."""
    if context.is_new:
        raise AccessDeniedException(f"{feature} is no longer open to new customers, and this account is one")
