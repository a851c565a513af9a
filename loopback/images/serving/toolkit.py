"""`sagemaker_inference` 1.5.5, which the serving images carry: scripts that import it can be imported.

The images' Flask server imports it too, `transformer` included, so that a script cannot tell the server from what is
imported. The statuses of its errors are for multi-model-server, which serves several models; Flask answers 500.
"""

import io
import json
import sys
from types import ModuleType
from typing import Any, NoReturn

from loopback.images.serving import formats

CONTENT_TYPES = {
    "JSON": formats.JSON,
    "CSV": formats.CSV,
    "OCTET_STREAM": "application/octet-stream",
    "ANY": "*/*",
    "NPY": formats.NPY,
    "NPZ": "application/x-npz",
    "UTF8_TYPES": [formats.JSON, formats.CSV],
}


class UnsupportedFormatError(Exception):
    """A content type that has no decoder or encoder."""

    def __init__(self, content_type: str, **_: object) -> None:
        super().__init__(
            f"Content type {content_type} is not supported by this framework.\n\n"
            "            Please implement input_fn to to deserialize the request data or an output_fn to\n"
            "            serialize the response. For more information, see the SageMaker Python SDK README."
        )


class BaseInferenceToolkitError(Exception):
    """What a script raises to answer multi-model-server with `status_code`."""

    def __init__(self, status_code: int, message: str, phrase: str) -> None:
        super().__init__(status_code, message, phrase)
        self.status_code, self.message, self.phrase = status_code, message, phrase


class GenericInferenceToolkitError(BaseInferenceToolkitError):
    """One with a status of the script's choice."""

    def __init__(self, status_code: int, message: str | None = None, phrase: str | None = None) -> None:
        message = message or "Invalid Request"
        super().__init__(status_code, message, phrase or message)


def decode(obj: Any, content_type: str) -> Any:
    """The array in a request body, in the types of its values. Raises UnsupportedFormatError."""
    import numpy as np
    import scipy.sparse

    if content_type == formats.JSON:
        return np.array(json.loads(obj))
    if content_type == formats.CSV:
        return np.genfromtxt(io.StringIO(obj), dtype=None, delimiter=",")
    if content_type == formats.NPY:
        return formats.npy(obj)
    if content_type == CONTENT_TYPES["NPZ"]:
        return scipy.sparse.load_npz(io.BytesIO(obj))
    raise UnsupportedFormatError(content_type)


def encode(array_like: Any, content_type: str) -> Any:
    """The response body of an array: text for JSON and CSV. Raises UnsupportedFormatError."""
    import numpy as np

    if content_type == formats.JSON:
        return json.dumps(array_like, default=lambda value: value.tolist())
    if content_type == formats.CSV:
        text = io.StringIO()
        np.savetxt(text, array_like, delimiter=",", fmt="%s")
        return text.getvalue()
    if content_type == formats.NPY:
        return formats.encode(array_like, formats.NPY)
    raise UnsupportedFormatError(content_type)


class Transformer:
    """The way of a request through multi-model-server, which loopback does not run."""

    def __init__(self, default_inference_handler: object = None) -> NoReturn:
        raise NotImplementedError(
            "loopback serves scripts as the images' Flask server does: it has no sagemaker_inference.transformer"
        )


ERRORS = (UnsupportedFormatError, BaseInferenceToolkitError, GenericInferenceToolkitError)
MODULES: dict[str, dict[str, Any]] = {
    "content_types": CONTENT_TYPES,
    "decoder": {"decode": decode},
    "encoder": {"encode": encode},
    "errors": {kind.__name__: kind for kind in ERRORS},
    "transformer": {"Transformer": Transformer},
}


def provide() -> None:
    """Let scripts of this process import it, where the real one is not installed."""
    if "sagemaker_inference" in sys.modules:
        return
    package = ModuleType("sagemaker_inference")
    package.__path__ = []
    sys.modules[package.__name__] = package
    for name, members in MODULES.items():
        module = ModuleType(f"{package.__name__}.{name}")
        vars(module).update(members)
        setattr(package, name, module)
        sys.modules[module.__name__] = module
