"""Pushes start pipelines: the refs of a repository are compared with those that were seen last.

What was seen and what it starts are one commit, so a crash between a push and its start loses nothing: `recover`
compares again.
"""

import contextlib
import logging
import threading
from collections.abc import Iterator

from loopback.core.errors import ResourceInUse, ServiceError
from loopback.core.kinds import CODECOMMIT_REPOSITORY, CONNECTION, GIT_REPOSITORY
from loopback.core.part import Part
from loopback.engines.codepipeline.filters import Push, matches_push
from loopback.engines.codepipeline.model import Action
from loopback.rows.codepipeline import CodePipelineRow
from loopback.rows.repositories import GitRepositoryResult, GitRepositoryRow, RefMove
from loopback.rows.row import changes
from loopback.services.codepipeline import pipelines, starting
from loopback.services.codepipeline.action import repositories
from loopback.services.registry import Context

log = logging.getLogger("loopback")
HEADS, TAGS = "refs/heads/", "refs/tags/"
KEPT = 20  # pushes, until they are announced


class SourceWatch(Part):
    """One per process. `moved` may be called from any thread."""

    kinds = (CODECOMMIT_REPOSITORY,)

    def __init__(self, context: Context) -> None:
        self._context, self._store = context, context.store
        self._lock = threading.Lock()

    def recover(self) -> None:
        """Compare every repository: a push may have come just before the process ended."""
        for name in repositories(self._context).names():
            self.compare(name)

    def on_change(self, kind: str, name: str) -> None:
        """A row changed: commits may have come without a push."""
        if kind == CODECOMMIT_REPOSITORY.slug and self.has_repository(name):
            self.compare(name)

    def has_repository(self, name: str) -> bool:
        """Whether CodeCommit has a repository of that name."""
        return self._store.exists(CODECOMMIT_REPOSITORY, name)

    def has_connection(self, account: str, region: str, connection: str) -> bool:
        """Whether there is such a connection."""
        place = self._context.place
        return (account, region) == (place.account, place.region) and self._store.exists(CONNECTION, connection)

    def compare(self, name: str) -> None:
        """The refs of a repository may have moved."""
        with self._lock:
            refs, seen = repositories(self._context).refs(name), self._known_refs(name)
            changed = [ref for ref in sorted(refs.keys() | seen.keys()) if refs.get(ref) != seen.get(ref)]
            if not changed:
                return
            starts = [start for ref in changed if ref in refs for start in self._starts(name, ref, seen.get(ref, ""))]
            with self._store.transaction():
                for ref in changed:
                    self._note(name, ref, seen.get(ref, ""), refs.get(ref, ""))
                GitRepositoryRow.amend(self._store, name, "see", result=changes(GitRepositoryResult, refs=refs))
                for pipeline, trigger, options in starts:
                    self._start(pipeline, trigger, options)
        self._context.on_change(GIT_REPOSITORY.slug, name)

    def _known_refs(self, name: str) -> dict[str, str]:
        with contextlib.suppress(ResourceInUse):
            GitRepositoryRow().create(self._store, name)
        return GitRepositoryRow.get(self._store, name).refs

    def _note(self, name: str, ref: str, old: str, new: str) -> None:
        """For CodeCommit's event: its number is in the name of what happened."""
        if "/" in name:
            return
        number = str(self._store.next_number("git pushes"))
        pushes = GitRepositoryRow.get(self._store, name).pushes
        kept = dict(list(pushes.items())[-KEPT + 1 :]) | {number: RefMove(ref=ref, old=old, new=new)}
        GitRepositoryRow.amend(self._store, name, f"push {number}", result=changes(GitRepositoryResult, pushes=kept))

    def _starts(self, name: str, ref: str, old: str) -> Iterator[tuple[str, starting.Trigger, starting.Options]]:
        port = repositories(self._context)
        push: Push | None = None
        for row in CodePipelineRow.find(self._store):
            for action in pipelines.structure_of(row).stages[0].actions:
                if _repository(action) != name:
                    continue
                commit = port.refs(name)[ref]
                if push is None:
                    push = _push(ref, tuple(port.changed_files(name, old, commit)))
                if not started_by(row, action, push):
                    continue
                revision = {"actionName": action.name, "revisionType": "COMMIT_ID", "revisionValue": commit}
                branches = {action.name: push.branch} if push.branch else {}
                yield row.name, _trigger(action, name, push), starting.Options((), [revision], branches)

    def _start(self, pipeline: str, trigger: starting.Trigger, options: starting.Options) -> None:
        try:
            starting.start(pipeline, self._context, trigger, options)
        except ServiceError as fault:  # too many run already: the push itself has succeeded
            log.warning("start of %s: %s", pipeline, fault)


def _repository(action: Action) -> str:
    """The repository that an action watches, or ""."""
    key = {"CodeStarSourceConnection": "FullRepositoryId", "CodeCommit": "RepositoryName"}.get(action.provider, "")
    return action.configuration.get(key, "")


def _push(ref: str, files: tuple[str, ...]) -> Push:
    if ref.startswith(TAGS):
        return Push(tag=ref.removeprefix(TAGS), files=files)
    return Push(branch=ref.removeprefix(HEADS), files=files)


def started_by(row: CodePipelineRow, action: Action, push: Push) -> bool:
    """Whether a push starts a pipeline through this source action."""
    for trigger in row.declaration.get("triggers") or ():
        git = trigger["gitConfiguration"]
        if git["sourceActionName"] == action.name:
            return matches_push(git, push)
    watches = "DetectChanges" if action.provider == "CodeStarSourceConnection" else "PollForSourceChanges"
    return action.configuration.get(watches, "true") == "true" and push.branch == action.configuration["BranchName"]


def _trigger(action: Action, name: str, push: Push) -> starting.Trigger:
    if action.provider == "CodeCommit":
        return starting.Trigger("PollForSourceChanges", action.name)
    moved = f"tag {push.tag}" if push.tag else f"branch {push.branch}"
    return starting.Trigger("WebhookV2", f"{action.configuration['ConnectionArn']} {name} {moved}")
