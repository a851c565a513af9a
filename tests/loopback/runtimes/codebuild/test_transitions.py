"""Which phase follows which."""

import pytest

from loopback.runtimes.codebuild.transitions import FIRST, LAST, NEXT, following, outcome


def path(**failing: tuple[str, str | None]) -> list[str]:
    found, phase = [], FIRST
    while phase != LAST:
        found.append(phase)
        status, said = failing.get(phase, ("SUCCEEDED", None))
        phase = following(phase, status, said)
    return found[3:]


@pytest.mark.parametrize(
    ("failing", "expected"),
    [
        ({}, "DOWNLOAD_SOURCE INSTALL PRE_BUILD BUILD POST_BUILD UPLOAD_ARTIFACTS FINALIZING"),
        ({"DOWNLOAD_SOURCE": ("FAILED", None)}, "DOWNLOAD_SOURCE FINALIZING"),
        ({"INSTALL": ("FAILED", None)}, "DOWNLOAD_SOURCE INSTALL UPLOAD_ARTIFACTS FINALIZING"),
        ({"PRE_BUILD": ("FAILED", "RETRY")}, "DOWNLOAD_SOURCE INSTALL PRE_BUILD UPLOAD_ARTIFACTS FINALIZING"),
        (
            {"BUILD": ("FAILED", None)},
            "DOWNLOAD_SOURCE INSTALL PRE_BUILD BUILD POST_BUILD UPLOAD_ARTIFACTS FINALIZING",
        ),
        ({"BUILD": ("FAILED", "ABORT")}, "DOWNLOAD_SOURCE INSTALL PRE_BUILD BUILD UPLOAD_ARTIFACTS FINALIZING"),
        (
            {"INSTALL": ("FAILED", "CONTINUE"), "PRE_BUILD": ("FAILED", "ABORT")},
            "DOWNLOAD_SOURCE INSTALL PRE_BUILD UPLOAD_ARTIFACTS FINALIZING",
        ),
        ({"BUILD": ("TIMED_OUT", "CONTINUE")}, "DOWNLOAD_SOURCE INSTALL PRE_BUILD BUILD FINALIZING"),
        ({"PRE_BUILD": ("STOPPED", None)}, "DOWNLOAD_SOURCE INSTALL PRE_BUILD FINALIZING"),
    ],
)
def test_paths(failing: dict[str, tuple[str, str | None]], expected: str) -> None:
    assert path(**failing) == expected.split()


def test_every_phase_ends_somewhere() -> None:
    for phase in NEXT:
        for status in ("SUCCEEDED", "FAILED", "FAULT", "TIMED_OUT", "STOPPED"):
            assert following(phase, status) in (*NEXT, "")


@pytest.mark.parametrize(
    ("statuses", "expected"),
    [
        ([], "SUCCEEDED"),
        (["SUCCEEDED", "FAILED", "SUCCEEDED"], "FAILED"),
        (["FAILED", "TIMED_OUT"], "TIMED_OUT"),
        (["FAILED", "STOPPED"], "STOPPED"),
        (["FAULT", "FAILED"], "FAULT"),
    ],
)
def test_outcome(statuses: list[str], expected: str) -> None:
    assert outcome(statuses) == expected
