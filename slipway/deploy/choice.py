"""Which version a run of the deploy pipeline takes, and whether it takes one at all.

A run that an approval or a person starts names its version. One that a push to deploy/ starts names none: it brings
the new files, and the version that production runs stays. So neither a newer approved version nor one that production
was rolled back from comes along with a change of the settings, and a challenger (`ab`) stands beside the champion.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from slipway.deploy.versions import IN_PRODUCTION, NEWEST

GIVEN, PRODUCTION, APPROVED, NOTHING = "given", "production", "newest", "nothing"
BY_DATA = "CloudWatchEvent"  # what starts a build for new data and on the schedule; a push never does


@dataclass(frozen=True)
class Choice:
    """Where the version comes from, its ARN where that is known already, and the sentence for the build's log."""

    source: str
    arn: str
    reason: str


def choose(asked: str, serving: str, build: str) -> Choice:
    """What to deploy.

    `asked` is the pipeline's variable: an ARN, in-production or newest-approved. `serving` is the ARN of the version
    that production runs, `build` the execution of modelbuild that goes on with the same commit; "" for none.
    """
    if asked not in (IN_PRODUCTION, NEWEST):
        return Choice(GIVEN, asked, "the version that was given")
    if asked == IN_PRODUCTION and build:
        return Choice(
            NOTHING,
            "",
            f"execution {build} of modelbuild goes on with the same commit: the version that it registers is deployed "
            "with these files once it is approved. Without one: slipway promote N",
        )
    if asked == IN_PRODUCTION and serving:
        return Choice(PRODUCTION, serving, "no version was given: what production runs")
    return Choice(APPROVED, "", "no version was given: the newest approved one")


def build_of(commit: str, executions: Iterable[Mapping[str, Any]]) -> str:
    """The execution of modelbuild that a push of this commit started and that has not ended; "" for none."""
    for execution in executions:
        pushed = execution.get("trigger", {}).get("triggerType") != BY_DATA
        revisions = [revision.get("revisionId") for revision in execution.get("sourceRevisions", [])]
        if commit and pushed and execution["status"] == "InProgress" and commit in revisions:
            return str(execution["pipelineExecutionId"])
    return ""
