"""The phases of one build, as AWS shows them, written down as they pass."""

from collections.abc import Callable
from typing import Any

from loopback.core.kinds import BUILD
from loopback.core.store import Store
from loopback.rows.codebuild import BuildResult
from loopback.rows.row import changes
from loopback.runtimes.codebuild.transitions import LAST, SUCCEEDED, outcome

Announce = Callable[[str, str], None]


class Phases:
    """Of the build `name`. `clock` returns epoch seconds."""

    def __init__(self, store: Store, name: str, announce: Announce, clock: Callable[[], float]) -> None:
        self._store, self._name, self._announce, self._clock = store, name, announce, clock
        self.passed: list[dict[str, Any]] = []

    def begin(self, phase: str, *, at: float | None = None) -> None:
        """The phase before, if any, has ended; this one begins, at `at` or now. Written down in one go."""
        before = self.passed[-1]["phaseType"] if self.passed else ""
        self.passed.append({"phaseType": phase, "startTime": self._clock() if at is None else at})
        if phase != LAST:
            entered = changes(BuildResult, phases=self.passed, current_phase=phase)
            self._store.amend(BUILD, self._name, f"phase {before}".rstrip(), result=entered)
            self._announce(BUILD.slug, self._name)

    def end(self, status: str, contexts: list[dict[str, str]]) -> None:
        """The phase that runs has ended."""
        phase, now = self.passed[-1], self._clock()
        seconds = int(now - phase["startTime"])
        phase |= {"phaseStatus": status, "endTime": now, "durationInSeconds": seconds, "contexts": contexts}

    @property
    def status(self) -> str:
        """How the build stands."""
        return outcome([phase["phaseStatus"] for phase in self.passed if "phaseStatus" in phase])

    @property
    def failure(self) -> str | None:
        """The reason of the first phase that did not succeed, in one sentence."""
        for phase in self.passed:
            if phase.get("phaseStatus", SUCCEEDED) != SUCCEEDED:
                contexts = phase["contexts"]
                why = f": {contexts[0]['message']}" if contexts else ""
                return f"{phase['phaseType']} {phase['phaseStatus'].lower().replace('_', ' ')}{why}"
        return None
