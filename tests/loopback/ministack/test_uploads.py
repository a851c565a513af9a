"""Which requests are kept in a file, and how the framing of `aws-chunked` is taken off."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loopback.ministack.file_body import LARGE
from loopback.ministack.uploads import Chunked, is_large_upload

SIGNED = "AWS4-HMAC-SHA256 Credential=000000000000/20260101/us-east-1/s3/aws4_request, SignedHeaders=host, Signature=0"
PRESIGNED = "X-Amz-Credential=000000000000%2F20260101%2Fus-east-1%2Fs3%2Faws4_request&X-Amz-Signature=0"
LAMBDA = SIGNED.replace("/s3/", "/lambda/")
BIG = {"content-length": str(LARGE)}
HASH = {"x-amz-content-sha256": "0" * 64}


@pytest.mark.parametrize(
    ("method", "headers", "query", "checked", "expected"),
    [
        ("PUT", {"authorization": SIGNED, **BIG}, "", False, True),
        ("PUT", {"authorization": "AWS key:signature", **BIG}, "", False, True),
        ("PUT", BIG, PRESIGNED, False, True),
        ("PUT", {"authorization": SIGNED, "transfer-encoding": "chunked"}, "", False, True),
        ("PUT", {"authorization": SIGNED, "content-length": str(LARGE - 1)}, "", False, False),
        ("PUT", {"authorization": SIGNED}, "", False, False),
        ("PUT", {"authorization": LAMBDA, **BIG}, "", False, False),
        ("PUT", BIG, "", False, False),
        ("POST", {"authorization": SIGNED, **BIG}, "", False, False),
        ("PUT", {"authorization": SIGNED, **BIG, "x-amz-copy-source": "b/k"}, "", False, False),
        (
            "PUT",
            {"authorization": SIGNED, **BIG, "content-type": "application/x-www-form-urlencoded"},
            "",
            False,
            False,
        ),
        ("PUT", {"authorization": SIGNED, **BIG, **HASH}, "", True, True),
        ("PUT", {"authorization": SIGNED, **BIG}, "", True, False),
        (
            "PUT",
            {"authorization": SIGNED, **BIG, "x-amz-content-sha256": "STREAMING-AWS4-HMAC-SHA256-PAYLOAD"},
            "",
            True,
            False,
        ),
        ("PUT", BIG, PRESIGNED, True, True),
    ],
)
def test_which_requests_are_large_uploads(
    method: str, headers: dict[str, str], query: str, checked: bool, expected: bool
) -> None:
    assert is_large_upload(method, headers, query, checked=checked) is expected


class Malformed(Exception):
    """What the base raises."""


def framed(chunks: list[bytes], extension: bytes = b"", trailer: bytes = b"\r\n") -> bytes:
    body = b"".join(b"%x%s\r\n%s\r\n" % (len(chunk), extension, chunk) for chunk in chunks if chunk)
    return body + b"0" + extension + b"\r\n" + trailer


def decoded(pieces: list[bytes]) -> tuple[bytes, bytes]:
    decoder = Chunked(Malformed)
    return b"".join(decoder.feed(piece) for piece in pieces), decoder.trailer()


@given(st.lists(st.binary(max_size=50), max_size=5), st.lists(st.integers(1, 40), max_size=40), st.booleans())
def test_the_bytes_come_out_whatever_the_pieces(chunks: list[bytes], cuts: list[int], signed: bool) -> None:
    trailer = b"x-amz-checksum-crc32:AAAAAA==\r\n\r\n"
    text = framed(chunks, b";chunk-signature=00" if signed else b"", trailer)
    pieces, start = [], 0
    for cut in cuts:
        pieces.append(text[start : start + cut])
        start += cut
    assert decoded([*pieces, text[start:]]) == (b"".join(chunks), trailer)


@pytest.mark.parametrize(
    "text",
    [b"", b"5\r\nabcde", b"5\r\nabcde\r\n", b"x\r\n", b"-1\r\n", b"2\r\nabcd\r\n0\r\n\r\n", b"5" * 5000, b"5\r\nab"],
)
def test_a_malformed_framing_is_refused(text: bytes) -> None:
    with pytest.raises(Malformed):
        decoded([text])


def test_the_bases_own_decoder_agrees() -> None:
    from ministack.app import _decode_aws_chunked_body

    chunks: list[bytes] = [b"abc", b"x" * 1000]
    headers: dict[str, Any] = {"content-encoding": "aws-chunked"}
    assert _decode_aws_chunked_body(framed(chunks), headers) == decoded([framed(chunks)])[0]
