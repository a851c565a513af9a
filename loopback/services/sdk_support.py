"""Which SageMaker Python SDK sends a request: version 2 ends.

Source: the README in the wheel of sagemaker 2.257.7; the name in User-Agent is of the SDK's user_agent.py.
"""

import re

from loopback.core.aws_warnings import SDK, AwsWarning, Warn

_VERSION_2 = re.compile(r"AWS-SageMaker-Python-SDK/(2\.[\w.]+)")
_TOLD = AwsWarning(
    SDK,
    "SageMaker Python SDK 2",
    "it gets corrections alone since 2026-07-06, and no support from 2027-07-06 on; it does not know the newest images",
    "write against version 3 (sagemaker>=3)",
)


def warn_of_sdk(user_agent: str, warn: Warn) -> None:
    """Tell of version 2."""
    if _VERSION_2.search(user_agent):
        warn(_TOLD)
