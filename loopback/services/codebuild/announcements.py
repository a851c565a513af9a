"""What AWS tells the world about builds: a change of status, the end of a phase.

Source: AWS, sample-build-notifications.
"""

import json
import time
from collections.abc import Iterator, Mapping
from typing import Any

from loopback.core import states
from loopback.core.kinds import BUILD
from loopback.core.store import Event, Resource
from loopback.rows.codebuild import BuildRow
from loopback.services.announce import Announcement, announces
from loopback.services.codebuild.builds import view
from loopback.services.registry import Context

SOURCE = "aws.codebuild"
PHASE = "phase "  # what the event of a row begins with when a phase has ended; its name follows


@announces(BUILD)
def _build(event: Event, resource: Resource, context: Context) -> Iterator[Announcement]:
    row = BuildRow.from_row(resource)
    arn = context.place.arn(f"build/{row.name}", "codebuild")
    if event.old != event.new:
        final = states.is_final(BUILD.lifecycle, event.new)
        detail = {
            **_shared_detail(row, context, complete=final),
            "build-status": event.new,
            "current-phase": "COMPLETED" if final else "SUBMITTED",
            "current-phase-context": "[]",
        }
        yield Announcement("CodeBuild Build State Change", [arn], detail, SOURCE)
        if final:
            yield from _phase(row.phases[-2]["phaseType"], row, context)
    elif event.event.startswith(PHASE):
        yield from _phase(event.event.removeprefix(PHASE), row, context)


def _phase(name: str, row: BuildRow, context: Context) -> Iterator[Announcement]:
    phase = next((p for p in row.phases if p["phaseType"] == name and "phaseStatus" in p), None)
    if phase is None:
        return
    arn = context.place.arn(f"build/{row.name}", "codebuild")
    detail = {
        **_shared_detail(row, context, complete=False),
        "completed-phase": name,
        "completed-phase-status": phase["phaseStatus"],
        "completed-phase-context": _contexts(phase),
        "completed-phase-start": _moment(phase["startTime"]),
        "completed-phase-end": _moment(phase["endTime"]),
        "completed-phase-duration-seconds": phase["durationInSeconds"],
    }
    yield Announcement("CodeBuild Build Phase Change", [arn], detail, SOURCE)


def _shared_detail(row: BuildRow, context: Context, *, complete: bool) -> dict[str, Any]:
    shown = view(row, context)
    artifacts = shown.get("artifacts") or {}
    environment = shown["environment"]
    logs = row.logs
    more = {
        "artifact": {key: artifacts[key] for key in ("md5sum", "sha256sum", "location") if key in artifacts},
        "environment": {
            "image": environment["image"],
            "privileged-mode": environment.get("privilegedMode", False),
            "compute-type": environment["computeType"],
            "type": environment["type"],
            "environment-variables": environment.get("environmentVariables", []),
        },
        "timeout-in-minutes": shown["timeoutInMinutes"],
        "build-complete": complete,
        "build-number": row.request["buildNumber"],
        "initiator": row.request["initiator"],
        "build-start-time": _moment(row.created),
        "source": {key: shown["source"][key] for key in ("location", "type") if key in shown["source"]},
        "source-version": shown.get("sourceVersion", ""),
        "logs": {"group-name": logs["groupName"], "stream-name": logs["streamName"]} if logs else {},
        "phases": [_phase_detail(phase) for phase in row.phases],
    }
    return {"project-name": row.parent, "build-id": shown["arn"], "additional-information": more, "version": "1"}


def _phase_detail(phase: Mapping[str, Any]) -> dict[str, Any]:
    found = {"phase-type": phase["phaseType"], "start-time": _moment(phase["startTime"])}
    if "phaseStatus" in phase:
        found |= {
            "phase-status": phase["phaseStatus"],
            "phase-context": [f"{c['statusCode']}: {c['message']}" for c in phase["contexts"]],
            "end-time": _moment(phase["endTime"]),
            "duration-in-seconds": phase["durationInSeconds"],
        }
    return found


def _contexts(phase: Mapping[str, Any]) -> str:
    return json.dumps([f"{context['statusCode']}: {context['message']}" for context in phase["contexts"]])


def _moment(seconds: float) -> str:
    """AWS writes `Sep 1, 2017 4:12:29 PM`."""
    moment = time.gmtime(seconds)
    return time.strftime(f"%b {moment.tm_mday}, %Y {moment.tm_hour % 12 or 12}:%M:%S %p", moment)
