"""Stacks on behalf of others: a project and a provisioned product are CloudFormation stacks, made and changed here.

An operation is a row. Its name is the ClientRequestToken of what it asks of CloudFormation, so that after a crash the
stack's own events say whether the operation was begun: nothing is done twice, nothing is forgotten.
"""

import logging
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

from botocore.exceptions import ClientError

from loopback.core import states
from loopback.core.errors import ResourceNotFound
from loopback.core.kinds import BY_SLUG, STACK_OPERATION
from loopback.core.part import Part
from loopback.core.store import Resource
from loopback.rows.row import Json, changes
from loopback.rows.stacks import Owner, StackOperationResult, StackOperationRow
from loopback.services.provisioned_stack import LONGEST_MESSAGE, ProvisionedStack, StackState, verdict
from loopback.services.registry import Context

FIRST_PAUSE, LONGEST_PAUSE, GROWTH = 0.2, 2.0, 1.5  # seconds between two looks at a stack
INSUFFICIENT = "InsufficientCapabilitiesException"  # its message does not say what it is
log = logging.getLogger("loopback")

Settler = Callable[[Resource, StackOperationRow, Context], None]  # the owner's record, the operation
_SETTLERS: dict[str, Settler] = {}


def settles(slug: str) -> Callable[[Settler], Settler]:
    """Register the function below: it moves an owner's row with each step of an operation, in the same commit."""

    def register(function: Settler) -> Settler:
        if slug in _SETTLERS:
            raise RuntimeError(f"{slug} has two settlers")
        _SETTLERS[slug] = function
        return function

    return register


def submit(name: str, operation: StackOperationRow, context: Context) -> StackOperationRow:
    """Write an operation down; a Provisioner carries it out."""
    row = operation.create(context.store, name, parent=operation.owners[0][1])
    context.on_change(STACK_OPERATION.slug, name)
    return row


def add_owner(name: str, owner: Owner, context: Context) -> None:
    """Let another row move with an operation. Call it in the transaction that placed the operation."""
    row = StackOperationRow.get(context.store, name)
    replace(row, owners=(*row.owners, owner)).with_doc(context.store, "own")


def _stack_changes(state: StackState, message: str = "") -> Json:
    """What an operation's row takes over of its stack; what is not there stays as it was."""
    given: Json = {"stack_id": state.id, "message": message, "outputs": list(state.outputs)}
    return changes(StackOperationResult, **{name: value for name, value in given.items() if value})


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
            row = StackOperationRow.get(self._store, name)
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

    def _outcome(self, row: StackOperationRow) -> tuple[str, Json]:
        work = ProvisionedStack(row.name, row.order, self._context, self._pause)
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
                return "succeed", _stack_changes(work.state())
            told = f"{code}: {message}" if code == INSUFFICIENT else message
            return "fail", changes(StackOperationResult, message=told[:LONGEST_MESSAGE])
        except _Closing:
            raise
        except Exception:
            if self._closing.is_set():
                raise _Closing from None
            log.exception("stack operation %s", row.name)
            message = "InternalServerError: loopback failed to carry this out; see its log"
            return "fail", changes(StackOperationResult, message=message)

    def _follow(self, name: str, work: ProvisionedStack) -> tuple[str, Json]:
        """Look at the stack until the operation has ended."""
        pause = FIRST_PAUSE
        while True:
            found = work.state()
            meaning = verdict(work.order.verb, found.status)
            if meaning in ("succeed", "fail"):
                return meaning, _stack_changes(found, work.message(found, failed=meaning == "fail"))
            if meaning == "roll_back" and self._store.get(STACK_OPERATION, name).status == "IN_PROGRESS":
                self._move(name, "roll_back", _stack_changes(found, work.message(found, failed=True)))
            self._pause(pause)
            pause = min(pause * GROWTH, LONGEST_PAUSE)

    def _pause(self, seconds: float) -> None:
        if self._wait(seconds):
            raise _Closing

    def _move(self, name: str, event: str, found: Json) -> None:
        """Move the operation, and its owners with it, in one commit."""
        with self._store.transaction():
            row = StackOperationRow.fire(self._store, name, event, found)
            for slug, owner in row.owners:
                try:
                    _SETTLERS[slug](self._store.get(BY_SLUG[slug], owner), row, self._context)
                except ResourceNotFound:  # a provisioned product that another operation has ended
                    continue
        for slug, owner in row.owners:
            self._context.on_change(slug, owner)
