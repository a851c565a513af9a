"""What the gate takes out of the base's answers, and what it puts in."""

import pytest

from loopback.ministack.gate import SANDBOX, closed_to_pages

TYPE = (b"Content-Type", b"text/html")
SANDBOXED = (b"content-security-policy", SANDBOX)


@pytest.mark.parametrize(
    ("headers", "navigates", "kept"),
    [
        ([TYPE], False, [TYPE]),
        ([TYPE], True, [TYPE, SANDBOXED]),
        (
            [TYPE, (b"Access-Control-Allow-Origin", b"*"), (b"Access-Control-Allow-Headers", b"*")],
            False,
            [TYPE],
        ),
        # A bucket's or an API's own, for a site by its name
        ([(b"access-control-allow-origin", b"https://a.example")], False, None),
    ],
)
def test_no_answer_is_for_every_page(
    headers: list[tuple[bytes, bytes]], navigates: bool, kept: list[tuple[bytes, bytes]] | None
) -> None:
    assert closed_to_pages(headers, navigates=navigates) == (headers if kept is None else kept)
