"""The event stream that InvokeEndpointWithResponseStream answers with: application/vnd.amazon.eventstream."""

import json
import struct
import zlib
from collections.abc import AsyncIterator, Callable, Mapping

from loopback.runtimes.endpoints.http1 import ConnectionLost

CONTENT_TYPE = b"application/vnd.amazon.eventstream"
_STRING = 7


def event(headers: Mapping[str, str], payload: bytes) -> bytes:
    """One message: lengths, their checksum, headers, payload, checksum of it all."""
    packed = b""
    for name, value in headers.items():
        packed += struct.pack("!B", len(name)) + name.encode()
        packed += struct.pack("!BH", _STRING, len(value)) + value.encode()
    prelude = struct.pack("!II", len(packed) + len(payload) + 16, len(packed))
    whole = prelude + struct.pack("!I", zlib.crc32(prelude)) + packed + payload
    return whole + struct.pack("!I", zlib.crc32(whole))


def part(payload: bytes) -> bytes:
    """What the model has yielded."""
    kind = {":content-type": "application/octet-stream", ":message-type": "event", ":event-type": "PayloadPart"}
    return event(kind, payload)


def error_event(code: str, message: str) -> bytes:
    """What went wrong after the stream had begun: `code` ModelInvocationTimeExceeded or StreamBroken."""
    kind = {":content-type": "application/json", ":message-type": "exception", ":exception-type": "ModelStreamError"}
    return event(kind, json.dumps({"Message": message, "ErrorCode": code}).encode())


async def encode_events(chunks: AsyncIterator[bytes], ended: Callable[[bool], None]) -> AsyncIterator[bytes]:
    """The chunks as events. `ended` is called once, with whether all of them have come."""
    whole = False
    try:
        async for chunk in chunks:
            yield part(chunk)
        whole = True
    except TimeoutError:
        yield error_event("ModelInvocationTimeExceeded", "The model did not end its response in time")
    except ConnectionLost:
        yield error_event("StreamBroken", "The connection to the model was lost before its response ended")
    finally:
        ended(whole)
