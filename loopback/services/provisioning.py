"""Stacks on behalf of others: a project and a provisioned product are CloudFormation stacks, made and changed here.

An operation is a row. Its name is the ClientRequestToken of what it asks of CloudFormation, so that after a crash the
stack's own events say whether the operation was begun: nothing is done twice, nothing is forgotten.
"""

import logging
import threading
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from typing import Any

from botocore.exceptions import ClientError

from loopback.core import states
from loopback.core.errors import ResourceNotFound
from loopback.core.kinds import BY_SLUG, STACK_OPERATION
from loopback.core.part import Part
from loopback.core.store import Resource
from loopback.services.provisioned_stack import LONGEST_MESSAGE, Order, ProvisionedStack, verdict
from loopback.services.registry import Context

FIRST_PAUSE, LONGEST_PAUSE, GROWTH = 0.2, 2.0, 1.5  # seconds between two looks at a stack
INSUFFICIENT = "InsufficientCapabilitiesException"  # its message does not say what it is
log = logging.getLogger("loopback")

Owner = tuple[str, str]  # the slug of a kind, and a name
Settler = Callable[[Resource, Resource, Context], None]  # the owner's row, the operation's row
_SETTLERS: dict[str, Settler] = {}


def settles(slug: str) -> Callable[[Settler], Settler]:
    """Register the function below: it moves an owner's row with each step of an operation, in the same commit."""

    def register(function: Settler) -> Settler:
        if slug in _SETTLERS:
            raise RuntimeError(f"{slug} has two settlers")
        _SETTLERS[slug] = function
        return function

    return register


def submit(name: str, order: Order, owner: Owner, context: Context, **more: Any) -> None:
    """Write an operation down; a Provisioner carries it out. `more` is kept in the row's doc, for its owner."""
    doc = {"order": asdict(order), "owners": [list(owner)], **more}
    context.store.create(STACK_OPERATION, name, doc, parent=owner[1])
    context.on_change(STACK_OPERATION.slug, name)


def add_owner(name: str, owner: Owner, context: Context) -> None:
    """Let another row move with an operation. Call it in the transaction that placed the operation."""
    row = context.store.get(STACK_OPERATION, name)
    doc = row.doc | {"owners": [*row.doc["owners"], list(owner)]}
    context.store.amend(STACK_OPERATION, name, "own", doc=doc)


class _Closing(Exception):
    """The process is ending; the operation is taken up again at the next start."""


class Provisioner(Part):
    """Carries operations out on threads of its own.

    `save` puts CloudFormation's state on disk: an operation has not ended before its stack would outlive a crash.
    `wait(seconds)` says whether the process is ending meanwhile.
    """

    kinds = (STACK_OPERATION,)

    def __init__(
        self, context: Context, save: Callable[[], None] = lambda: None, wait: Callable[[float], bool] | None = None
    ) -> None:
        self._context, self._store, self._save = context, context.store, save
        self._closing = threading.Event()
        self._wait = wait or self._closing.wait
        self._pool = ThreadPoolExecutor(16, thread_name_prefix="stack")
        self._lock = threading.Lock()
        self._active: set[str] = set()

    def on_change(self, kind: str, name: str) -> None:
        """A row changed: there may be an operation to begin."""
        if kind != STACK_OPERATION.slug or self._closing.is_set():
            return
        with self._lock:
            if name in self._active:
                return
            self._active.add(name)
        self._pool.submit(self.carry_out, name)

    def recover(self) -> None:
        """Take up what was going on when the process before this one ended."""
        for status, moves in STACK_OPERATION.lifecycle.items():
            for row in self._store.find(STACK_OPERATION, status=status) if moves else ():
                self.on_change(STACK_OPERATION.slug, row.name)

    def close(self) -> None:
        """Begin nothing more; what goes on in CloudFormation is looked at again at the next start."""
        self._closing.set()
        self._pool.shutdown(wait=False, cancel_futures=True)

    def carry_out(self, name: str) -> None:
        """Work on one operation until it ends or this process does."""
        try:
            row = self._store.get(STACK_OPERATION, name)
            if not states.is_final(STACK_OPERATION.lifecycle, row.status):
                event, found = self._outcome(row)
                self._save()
                self._move(name, event, found)
        except _Closing:
            pass
        except Exception:
            if not self._closing.is_set():
                log.exception("stack operation %s", name)
        finally:
            with self._lock:
                self._active.discard(name)

    def _outcome(self, row: Resource) -> tuple[str, dict[str, Any]]:
        work = ProvisionedStack(row.name, Order(**row.doc["order"]), self._context, self._pause)
        recovered = row.status != "CREATED"
        try:
            if not recovered:
                self._move(row.name, "begin", {})
            if not (recovered and work.is_known()):
                work.begin()
            return self._follow(row.name, work)
        except ClientError as fault:
            message, code = fault.response["Error"].get("Message", str(fault)), fault.response["Error"]["Code"]
            if work.order.verb == "update" and "No updates are to be performed" in message:
                return "succeed", work.outcome()
            told = f"{code}: {message}" if code == INSUFFICIENT else message
            return "fail", {"message": told[:LONGEST_MESSAGE]}
        except _Closing:
            raise
        except Exception:
            if self._closing.is_set():
                raise _Closing from None
            log.exception("stack operation %s", row.name)
            return "fail", {"message": "InternalServerError: loopback failed to carry this out; see its log"}

    def _follow(self, name: str, work: ProvisionedStack) -> tuple[str, dict[str, Any]]:
        """Look at the stack until the operation has ended."""
        pause = FIRST_PAUSE
        while True:
            found = work.outcome()
            meaning = verdict(work.order.verb, found["status"])
            if meaning in ("succeed", "fail"):
                return meaning, found | {"message": work.message(found, failed=meaning == "fail")}
            if meaning == "roll_back" and self._store.get(STACK_OPERATION, name).status == "IN_PROGRESS":
                self._move(name, "roll_back", found | {"message": work.message(found, failed=True)})
            self._pause(pause)
            pause = min(pause * GROWTH, LONGEST_PAUSE)

    def _pause(self, seconds: float) -> None:
        if self._wait(seconds):
            raise _Closing

    def _move(self, name: str, event: str, found: Mapping[str, Any]) -> None:
        """Move the operation, and its owners with it, in one commit."""
        kept = {key: found[key] for key in ("stack_id", "message", "outputs") if found.get(key)}
        with self._store.transaction():
            row = self._store.fire(STACK_OPERATION, name, event, kept)
            for slug, owner in row.doc["owners"]:
                try:
                    _SETTLERS[slug](self._store.get(BY_SLUG[slug], owner), row, self._context)
                except ResourceNotFound:  # a provisioned product that another operation has ended
                    continue
        for slug, owner in row.doc["owners"]:
            self._context.on_change(slug, owner)
