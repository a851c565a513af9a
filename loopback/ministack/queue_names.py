"""Names of SQS queues: ministack takes any. AWS's words are those that users of it report: boto/botocore#3058 for a
standard queue, aws-samples/aws-marketplace-serverless-saas-integration#29 for a FIFO queue.
"""

import importlib
import re
from typing import Any

HOOKS: dict[str, tuple[str, ...]] = {"ministack.services.sqs": ("_HANDLERS", "_Err")}
CREATE = "CreateQueue"
FIFO = ".fifo"
MOST = 80  # characters, the suffix of a FIFO queue included
NAME = re.compile(r"[A-Za-z0-9_-]+")
STANDARD_RULE = "Can only include alphanumeric characters, hyphens, or underscores. 1 to 80 in length"
FIFO_RULE = (
    "The name of a FIFO queue can only include alphanumeric characters, hyphens, or underscores, "
    "must end with .fifo suffix and be 1 to 80 in length."
)


def install() -> None:
    """Let CreateQueue refuse what is no name. Once, before the base serves; stacks pass here too."""
    (module,) = (importlib.import_module(name) for name in HOOKS)
    queues: Any = module
    create = queues._HANDLERS[CREATE]

    def create_queue(request: dict[str, Any], url: str) -> Any:
        attributes = request.get("Attributes") or {}
        wrong = name_fault(str(request.get("QueueName") or ""), is_fifo=attributes.get("FifoQueue") == "true")
        if wrong:
            raise queues._Err("InvalidParameterValue", wrong)
        return create(request, url)

    queues._HANDLERS[CREATE] = create_queue


def name_fault(name: str, *, is_fifo: bool) -> str:
    """Why a queue can't have this name; "" where it can, or where there is none, which is another fault."""
    if not name:
        return ""
    stem = name.removesuffix(FIFO) if is_fifo else name
    fits = len(name) <= MOST and NAME.fullmatch(stem) is not None and (not is_fifo or name.endswith(FIFO))
    if fits:
        return ""
    return FIFO_RULE if is_fifo else STANDARD_RULE
