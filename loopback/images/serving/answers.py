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


INTERNAL_SERVER_ERROR = (
    b"<!doctype html>\n<html lang=en>\n<title>500 Internal Server Error</title>\n<h1>Internal Server Error</h1>\n"
    b"<p>The server encountered an internal error and was unable to complete your request. Either the server is "
    b"overloaded or there is an error in the application.</p>\n"
)


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


def fail(error: Exception) -> Response:
    """What Flask makes of an exception of the user's code: a page that says nothing; the trace is in the log."""
    traceback.print_exception(error)
    return Response(500, INTERNAL_SERVER_ERROR, "text/html; charset=utf-8")


def as_json(status: int, error: Exception) -> Response:
    """A refusal of the toolkit's own functions in script mode: JSON with the stack trace."""
    content = {
        "error": type(error).__name__,
        "error-message": str(error),
        "stack-trace": "".join(traceback.format_exception(error)),
    }
    return Response(status, json.dumps(content).encode(), "application/json")
