"""The thread that carries executions through their stages: it asks the engine, does what is due, and writes it down.

Everything that it decides upon is in the store, in the same commit as what follows from it. Actions and rules act on
the threads of a pool, one look at a time; what they have to know for the next look is in their row. After a crash
`recover` looks at all that was open.
"""

import heapq
import itertools
import logging
import queue
import time
import uuid
from collections.abc import Callable, Sequence
from concurrent.futures import Executor

from botocore.exceptions import BotoCoreError, ClientError

from loopback.core.errors import AccessDeniedException, ResourceNotFound, ServiceError
from loopback.core.kinds import (
    BUILD,
    BUILD_BATCH,
    DELIVERY,
    DELIVERY_ACTION,
    DELIVERY_PIPELINE,
    DELIVERY_RULE,
    DELIVERY_STAGE,
)
from loopback.core.part import Loop, Part
from loopback.engines.codepipeline.plan import plan
from loopback.rows.codepipeline import ActionRow, CodePipelineRow, RuleRow
from loopback.services.codepipeline import from_rows, polling, providers
from loopback.services.codepipeline.action import ActionContext, ActionEnded, Outcome
from loopback.services.codepipeline.apply import PlanApplier
from loopback.services.registry import Context

log = logging.getLogger("loopback")
Message = Callable[[], None]


class PipelineDriver(Part):
    """Run `loop` on one thread; `changed` may be called from any."""

    kinds = (DELIVERY, DELIVERY_PIPELINE, DELIVERY_ACTION, DELIVERY_RULE, BUILD, BUILD_BATCH)

    def __init__(self, context: Context, executor: Executor, now: Callable[[], float] = time.time) -> None:
        self._context, self._store, self._executor, self._now = context, context.store, executor, now
        self._boot = uuid.uuid4().hex
        self._inbox: queue.SimpleQueue[Message | None] = queue.SimpleQueue()
        self._timers: list[tuple[float, int, Message]] = []
        self._numbers = itertools.count()
        self._busy: dict[str, bool] = {}  # action at work -> whether to look again right after
        self._builds: dict[str, str] = {}  # build or batch -> action
        self._polls = False  # whether S3 sources are looked at
        self._mover = PlanApplier(context, now)

    @property
    def loops(self) -> Sequence[Loop]:
        """One thread."""
        return (self.loop,)

    def on_change(self, kind: str, name: str) -> None:
        """A row changed: look whether an execution waits for it."""
        if kind == DELIVERY.slug:
            self._inbox.put(lambda: self._on_execution_change(name))
        elif kind == DELIVERY_PIPELINE.slug:
            self._inbox.put(lambda: self._on_pipeline_change(name))
        elif kind in (DELIVERY_ACTION.slug, DELIVERY_RULE.slug):
            self._inbox.put(lambda: self._look(name))
        elif kind in (BUILD.slug, BUILD_BATCH.slug):
            self._inbox.put(lambda: self._on_build_change(name))

    def close(self) -> None:
        """End the loop after what is in the inbox; actions that act go on at the next start."""
        self._inbox.put(None)
        self._executor.shutdown(wait=False, cancel_futures=True)

    def recover(self) -> None:
        """Take up what ran when the process before this one ended."""
        for of in (ActionRow, RuleRow):
            for action in of.find(self._store, status="InProgress"):
                self._inbox.put(lambda action=action: self._took_up(action))  # type: ignore[misc]
        for row in self._store.find(DELIVERY_PIPELINE):
            self.on_change(DELIVERY_PIPELINE.slug, row.name)
        self._inbox.put(self._poll)

    def loop(self) -> None:
        """Work until `close`."""
        while True:
            message = self._next()
            if message is None:
                return
            try:
                message()
            except Exception:
                log.exception("delivery driver")

    def _next(self) -> Message | None:
        while self._timers:
            delay = self._timers[0][0] - self._now()
            if delay <= 0:
                return heapq.heappop(self._timers)[2]
            try:
                return self._inbox.get(timeout=delay)
            except queue.Empty:
                continue
        return self._inbox.get()

    def _at(self, moment: float, message: Message) -> None:
        heapq.heappush(self._timers, (moment, next(self._numbers), message))

    def _on_pipeline_change(self, name: str) -> None:
        self._advance(name)
        if not self._polls:
            self._poll()

    def _on_execution_change(self, name: str) -> None:
        try:
            self._advance(self._store.get(DELIVERY, name).parent)
        except ResourceNotFound:  # deleted with its pipeline
            return

    def _on_build_change(self, build: str) -> None:
        if build in self._builds:
            self._look(self._builds[build])

    def _advance(self, pipeline: str) -> None:
        """Decide and do, until only running work is left. One commit."""
        begun: list[ActionRow] = []
        given_up: list[ActionRow] = []
        with self._store.transaction():
            try:
                row = CodePipelineRow.get(self._store, pipeline)
            except ResourceNotFound:
                return
            while moves := plan(from_rows.facts_of(row, self._store)):
                for move in moves:
                    started, abandoned = self._mover.carry_out(row, move)
                    begun += started
                    given_up += abandoned
        self._context.on_change(DELIVERY_STAGE.slug, pipeline)  # there may be something to announce
        for action in given_up:
            self._executor.submit(providers.give_up, action, self._context)
        for action in begun:
            self._took_up(action)

    def _took_up(self, action: ActionRow) -> None:
        """An action or rule that is open: watch its time, and look at it."""
        name = action.name
        self._at(action.deadline, lambda: self._expire(name))
        self._look(name)

    def _look(self, name: str) -> None:
        """Let the provider go one step on; one that is at it already looks again afterwards."""
        try:
            row = from_rows.action_or_rule(name, self._store)
        except ResourceNotFound:
            return
        if row.status != "InProgress":
            return
        if row.answer is not None:  # needs no work, and must not wait for a function that goes on
            self._on_rule_outcome(name, self._run(row))
        elif name in self._busy:
            self._busy[name] = True
        else:
            self._busy[name] = False
            self._executor.submit(self._work, row)

    def _work(self, row: ActionRow) -> None:
        outcome = self._run(row)
        self._inbox.put(lambda: self._on_action_outcome(row.name, outcome))

    def _run(self, row: ActionRow) -> Outcome:
        try:
            if row.unresolved:
                return ActionEnded("ConfigurationError", row.unresolved)
            return providers.run(ActionContext(row, self._context, self._boot, self._now()))
        except ServiceError as fault:
            kind = "PermissionError" if isinstance(fault, AccessDeniedException) else "JobFailed"
            return ActionEnded(kind, f"{fault} (Error Code: {fault.code})")
        except ClientError as fault:
            error = fault.response["Error"]
            return ActionEnded("PermissionError" if "AccessDenied" in error["Code"] else "JobFailed", str(fault))
        except BotoCoreError as fault:
            return ActionEnded("ConfigurationError", str(fault))
        except Exception as fault:
            log.exception("action %s", row.action)
            return ActionEnded("InternalError", f"loopback failed in this action: {fault!r}; its log has the details")

    def _on_action_outcome(self, name: str, outcome: Outcome) -> None:
        again = self._busy.pop(name, False)
        self._on_rule_outcome(name, outcome)
        if again:
            self._look(name)

    def _on_rule_outcome(self, name: str, outcome: Outcome) -> None:
        try:
            row = from_rows.action_or_rule(name, self._store)
        except ResourceNotFound:
            return
        if row.status != "InProgress":
            return
        if isinstance(outcome, ActionEnded):
            self._end(row, outcome)
            return
        if any(row.kept.get(key) != value for key, value in outcome.noted.items()):
            row.amend(self._store, name, "work", result=outcome.noted)
        if row.provider in providers.BUILDS and row.external_id:
            self._builds[row.external_id] = name
        if outcome.seconds is not None:
            self._at(self._now() + outcome.seconds, lambda: self._look(name))

    def _end(self, row: ActionRow, ended: ActionEnded) -> None:
        with self._store.transaction():
            self._mover.end(row, ended)
        self._builds.pop(row.external_id or "", None)
        self._context.on_change(row.kind, row.name)
        self._advance(row.pipeline)

    def _expire(self, name: str) -> None:
        try:
            row = from_rows.action_or_rule(name, self._store)
        except ResourceNotFound:
            return
        if row.status == "InProgress":
            noun = "action" if row.kind == DELIVERY_ACTION.slug else "rule"
            self._end(row, ActionEnded("JobTimedOut", f"The {noun} '{row.action}' has timed out"))
            self._executor.submit(providers.give_up, row, self._context)

    def _poll(self) -> None:
        """S3 sources that ask for it are looked at every two seconds, as long as there are any."""
        self._polls = any(map(polling.wants, CodePipelineRow.find(self._store)))
        if not self._polls:
            return
        self._at(self._now() + polling.SECONDS, self._poll)
        if "poll" not in self._busy:
            self._busy["poll"] = False
            self._executor.submit(self._polled_once)

    def _polled_once(self) -> None:
        try:
            polling.look(self._context)
        except Exception:
            log.exception("polling of S3 sources")
        finally:
            self._inbox.put(self._poll_ended)

    def _poll_ended(self) -> None:
        del self._busy["poll"]
