"""What a model gives back, and the ways in which it refuses."""

import json
import traceback
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True)
class Response:
    """A container's answer to one invocation. What a handler yields comes as `chunks`, after `body`."""

    status: int
    body: bytes
    content_type: str = "text/plain"
    chunks: Iterator[bytes] | None = None

    def whole(self) -> bytes:
        """All of the body. Raises what the user's generator raises."""
        return b"".join([self.body, *(self.chunks or ())])


class Handler(Protocol):
    """A loaded model."""

    def invoke(self, body: bytes, content_type: str | None, accept: str | None) -> Response:
        """Answer one request. Never raises: what goes wrong is a status of 4xx or 5xx."""


class ModelNotLoaded(Exception):
    """The model folder cannot be served; the message says why. The server answers 500, a ping fails."""


class RequestRefused(Exception):
    """A request that gets a 4xx or 5xx answer."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


def plain(error: RequestRefused) -> Response:
    """The refusal as the XGBoost container's own handlers write it."""
    return Response(error.status, str(error).encode(), "text/html; charset=utf-8")


def as_json(status: int, error: Exception) -> Response:
    """An error of script mode: JSON with the stack trace, as the toolkits write it."""
    content = {
        "error": type(error).__name__,
        "error-message": str(error),
        "stack-trace": "".join(traceback.format_exception(error)),
    }
    return Response(status, json.dumps(content).encode(), "application/json")
