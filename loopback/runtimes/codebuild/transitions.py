"""Which phase follows which, and how a build ends. A table: no clock, no process.

Source: the CodeBuild guide's build phase transitions. A failed BUILD still runs POST_BUILD; a failed INSTALL or
PRE_BUILD runs no further commands; artifacts and reports are uploaded after commands, whatever became of them.
"""

from collections.abc import Mapping, Sequence

SUCCEEDED, FAILED, FAULT, TIMED_OUT, STOPPED = "SUCCEEDED", "FAILED", "FAULT", "TIMED_OUT", "STOPPED"
_ENDING = "FINALIZING"
_UPLOAD = "UPLOAD_ARTIFACTS"

FIRST = "SUBMITTED"
LAST = "COMPLETED"
NEXT: Mapping[str, tuple[str, str]] = {  # phase -> (after success, after failure)
    "SUBMITTED": ("QUEUED", _ENDING),
    "QUEUED": ("PROVISIONING", _ENDING),
    "PROVISIONING": ("DOWNLOAD_SOURCE", _ENDING),
    "DOWNLOAD_SOURCE": ("INSTALL", _ENDING),
    "INSTALL": ("PRE_BUILD", _UPLOAD),
    "PRE_BUILD": ("BUILD", _UPLOAD),
    "BUILD": ("POST_BUILD", "POST_BUILD"),
    "POST_BUILD": (_UPLOAD, _UPLOAD),
    _UPLOAD: (_ENDING, _ENDING),
    _ENDING: (LAST, LAST),
    LAST: ("", ""),
}
EVENTS: Mapping[str, str] = {  # how a build ended -> the event of its lifecycle
    SUCCEEDED: "succeed",
    FAILED: "fail",
    FAULT: "fault",
    TIMED_OUT: "time_out",
    STOPPED: "stop",
}
_WORST = (STOPPED, TIMED_OUT, FAULT, FAILED)


def following(phase: str, status: str, on_failure: str | None = None) -> str:
    """The phase after `phase` has ended with `status`; empty after the last one.

    `on_failure` is what the buildspec says: ABORT, CONTINUE, RETRY (when its attempts are used up) or nothing.
    """
    success, failure = NEXT[phase]
    if status == SUCCEEDED:
        return success
    if status in (STOPPED, TIMED_OUT, FAULT):
        return failure if phase == _ENDING else _ENDING
    if on_failure == "CONTINUE":
        return success
    if on_failure == "ABORT":
        return _UPLOAD
    return failure


def outcome(statuses: Sequence[str]) -> str:
    """The status of a build from those of its phases."""
    return next((status for status in _WORST if status in statuses), SUCCEEDED)
