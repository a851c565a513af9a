"""`sagemaker_inference.errors`, which the serving images carry: scripts that import it can be imported.

Its statuses are for multi-model-server, which serves several models; the Flask server of a single one answers 500.
"""

import sys
from types import ModuleType


class BaseInferenceToolkitError(Exception):
    """What a script raises to answer multi-model-server with `status_code`."""

    def __init__(self, status_code: int, message: str, phrase: str) -> None:
        super().__init__(message)
        self.status_code, self.message, self.phrase = status_code, message, phrase


class GenericInferenceToolkitError(BaseInferenceToolkitError):
    """One with a status of the script's choice."""

    def __init__(self, status_code: int, message: str | None = None, phrase: str | None = None) -> None:
        super().__init__(status_code, message or "Invalid Request", phrase or message or "")


class UnsupportedFormatError(BaseInferenceToolkitError):
    """A content type that the script does not take."""

    def __init__(self, content_type: str) -> None:
        message = f"Content type {content_type} is not supported by this framework."
        super().__init__(415, message, message)


def provide() -> None:
    """Let scripts of this process import it, where the real one is not installed."""
    if "sagemaker_inference" in sys.modules:
        return
    package, errors = ModuleType("sagemaker_inference"), ModuleType("sagemaker_inference.errors")
    for kind in (BaseInferenceToolkitError, GenericInferenceToolkitError, UnsupportedFormatError):
        setattr(errors, kind.__name__, kind)
    package.errors = errors  # type: ignore[attr-defined]
    sys.modules.update({"sagemaker_inference": package, "sagemaker_inference.errors": errors})
