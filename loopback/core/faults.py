"""Faults on demand for tests: calls that are refused or late, and jobs that fail. Kept in memory, nothing else."""

import fnmatch
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields, replace
from typing import Any

MOST = 1000  # faults that wait at a time
LATEST = 3600.0  # seconds
JOB_KINDS = ("ProcessingJob", "TrainingJob", "TransformJob")


class WrongFault(ValueError):
    """What was asked for is no fault; the message says what was expected."""


@dataclass(frozen=True)
class CallFault:
    """The next `times` calls of `operation` are answered `seconds` late and, with a `code`, with this error.

    `operation` is an IAM action in which `*` stands for anything: `sagemaker:CreateEndpoint`, `s3:Get*`.
    """

    operation: str
    code: str = ""
    message: str = ""
    status: int = 400
    seconds: float = 0.0
    times: int = 1

    def __post_init__(self) -> None:
        if ":" not in self.operation:
            raise WrongFault(f"operation is {self.operation!r}; expected service:Operation, e.g. s3:PutObject")
        if not self.code and not self.seconds:
            raise WrongFault("a call's fault needs an error code, seconds, or both")
        if not 400 <= self.status <= 599:
            raise WrongFault(f"status is {self.status}; expected 400 to 599")
        if not 0 <= self.seconds <= LATEST:
            raise WrongFault(f"seconds is {self.seconds}; expected 0 to {LATEST:.0f}")
        _require_times(self.times)


@dataclass(frozen=True)
class InjectedJobFault:
    """The next `times` jobs of a kind whose name matches do not run; they end as Failed with this reason."""

    kind: str
    name: str = "*"
    reason: str = "InternalServerError: We encountered an internal error. Please try again."
    times: int = 1

    def __post_init__(self) -> None:
        if self.kind not in JOB_KINDS:
            raise WrongFault(f"kind is {self.kind!r}; expected one of {', '.join(JOB_KINDS)}")
        if not self.reason:
            raise WrongFault("a job's fault needs a reason")
        _require_times(self.times)


@dataclass(frozen=True)
class SpotInterruption:
    """The next `times` times that a training job on spot instances whose name matches runs, it loses them.

    That is `after` seconds from the start of its containers.
    """

    interrupt: str = "*"
    after: float = 0.0
    times: int = 1

    def __post_init__(self) -> None:
        if not 0 <= self.after <= LATEST:
            raise WrongFault(f"after is {self.after}; expected 0 to {LATEST:.0f} seconds")
        _require_times(self.times)


Fault = CallFault | InjectedJobFault | SpotInterruption


class Faults:
    """The faults that wait for their call or job, oldest first. Safe to use from any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._waiting: list[Fault] = []

    def __bool__(self) -> bool:
        return bool(self._waiting)

    def add(self, fault: Fault) -> None:
        """Let a fault wait. Raises WrongFault when too many do."""
        with self._lock:
            if len(self._waiting) >= MOST:
                raise WrongFault(f"{MOST} faults wait already")
            self._waiting.append(fault)

    def clear(self) -> None:
        """Drop all of them."""
        with self._lock:
            self._waiting.clear()

    def for_call(self, action: str) -> CallFault | None:
        """The fault that a call of this IAM action meets, which has happened once more then."""
        found = self._take(
            lambda fault: isinstance(fault, CallFault) and fnmatch.fnmatchcase(action.lower(), fault.operation.lower())
        )
        return found if isinstance(found, CallFault) else None

    def for_job(self, kind: str, name: str) -> InjectedJobFault | None:
        """The fault that a job meets, which has happened once more then."""
        found = self._take(
            lambda fault: (
                isinstance(fault, InjectedJobFault) and fault.kind == kind and fnmatch.fnmatchcase(name, fault.name)
            )
        )
        return found if isinstance(found, InjectedJobFault) else None

    def for_spot_instances(self, name: str) -> SpotInterruption | None:
        """What takes the instances of a training job away, which has happened once more then."""
        found = self._take(
            lambda fault: isinstance(fault, SpotInterruption) and fnmatch.fnmatchcase(name, fault.interrupt)
        )
        return found if isinstance(found, SpotInterruption) else None

    def _take(self, matches: Callable[[Fault], bool]) -> Fault | None:
        with self._lock:
            for index, fault in enumerate(self._waiting):
                if matches(fault):
                    left = [replace(fault, times=fault.times - 1)] if fault.times > 1 else []
                    self._waiting[index : index + 1] = left
                    return fault
        return None


def from_document(document: Mapping[str, Any]) -> Fault:
    """The fault that a JSON document describes: of a call with `operation`, a job `kind`, instances `interrupt`.

    Raises WrongFault.
    """
    form: type[CallFault | InjectedJobFault | SpotInterruption] = CallFault
    if "interrupt" in document:
        form = SpotInterruption
    elif "kind" in document:
        form = InjectedJobFault
    known = {field.name: field.type for field in fields(form)}
    if unknown := sorted(set(document) - set(known)):
        raise WrongFault(f"{unknown[0]!r} is not known; expected {', '.join(known)}")
    for name, value in document.items():
        _require_type(name, value, known[name])
    if form is CallFault and "operation" not in document:
        raise WrongFault("a fault has an operation (of calls), a kind (of jobs) or interrupt (of spot instances)")
    return form(**document)


def _require_type(name: str, value: Any, wanted: Any) -> None:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    fits = {str: isinstance(value, str), int: is_number and float(value).is_integer(), float: is_number}
    if not fits[wanted]:
        raise WrongFault(f"{name} is {value!r}; expected {'text' if wanted is str else 'a number'}")


def _require_times(times: int) -> None:
    if times < 1:
        raise WrongFault(f"times is {times}; expected 1 or more")
