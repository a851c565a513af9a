"""Calls of probes: recorded one by one; what they make is written to a file before, and taken away in the end."""

import json
import os
import signal
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from slipway.cli import launch, stacks
from slipway.cli.conformance.rows import Call, Undo
from slipway.cli.target import Target

TRIES = 24  # at taking something away that still is in use: two minutes on AWS
INTERRUPTS = (signal.SIGINT, signal.SIGTERM)
_GONE = ("NoSuchEntity", "NoSuchBucket", "NoSuchKey", "404", "RepositoryDoesNotExistException")
_DENIED = ("AccessDenied", "AccessDeniedException", "UnauthorizedOperation", "AuthorizationError")


@dataclass
class Calls:
    """One run's calls. `prefix` begins the name of all that it makes, so that nothing else is ever touched."""

    target: Target
    prefix: str
    journal: Path
    made: list[Call] = field(default_factory=list)
    undos: list[Undo] = field(default_factory=list)

    @classmethod
    def resume(cls, target: Target, journal: Path) -> "Calls":
        """Those of an earlier run that was cut off: what it wrote down it has, perhaps, made."""
        undos = [Undo(**row) for row in json.loads(journal.read_text())]
        return cls(target, journal.stem, journal, undos=undos)

    def ask(self, service: str, operation: str, **arguments: Any) -> dict[str, Any]:
        """A call that changes nothing, or whose change ends by itself. Raises ClientError."""
        return self._call(self.target.client(service), service, operation, arguments)

    def ask_as(self, credentials: Mapping[str, str], service: str, operation: str, **arguments: Any) -> dict[str, Any]:
        """The same with the credentials of a role. Raises ClientError."""
        client = self.target.session.client(
            service,
            aws_access_key_id=credentials["AccessKeyId"],
            aws_secret_access_key=credentials["SecretAccessKey"],
            aws_session_token=credentials["SessionToken"],
        )
        return self._call(client, service, operation, arguments)

    def make(
        self, undo: Undo | Callable[[dict[str, Any]], Undo], service: str, operation: str, **arguments: Any
    ) -> dict[str, Any]:
        """A call that makes something; what takes it away is written down first, or as soon as its id is known."""
        with hold_interrupts():
            if isinstance(undo, Undo):
                self._note(undo)
                return self.ask(service, operation, **arguments)
            answer = self.ask(service, operation, **arguments)
            self._note(undo(answer))
            return answer

    def adopt(self, undo: Undo) -> None:
        """Write down what AWS has made for something of ours."""
        self._note(undo)

    def until(self, holds: Callable[[], Any], seconds: float) -> Any:
        """What `holds` returns first that is true; None after so many seconds."""
        deadline = time.monotonic() + seconds
        while not (found := holds()):
            if time.monotonic() > deadline:
                return None
            time.sleep(stacks.pause(self.target))
        return found

    def clean(self, say: Callable[[str], None]) -> bool:
        """Take away all that was made, the newest first; whether nothing is left. What is left stays in the journal."""
        left: list[Undo] = []
        with hold_interrupts():
            for undo in reversed(self.undos):
                if fault := self._take_away(undo):
                    left.insert(0, undo)
                    say(f"not taken away: {undo.service} {undo.operation} {json.dumps(dict(undo.arguments))}: {fault}")
        self.undos = left
        self._write()
        return not left

    def _take_away(self, undo: Undo) -> str:
        """Why it could not be; "" when it is gone."""
        from botocore.exceptions import BotoCoreError, ClientError

        fault: Exception | None = None
        for _ in range(TRIES):
            try:
                self.ask(undo.service, undo.operation, **undo.arguments)
            except ClientError as found:
                code = found.response["Error"]["Code"]
                if launch.missing(found) or code in _GONE or _had_ended(undo, code):
                    return ""
                fault = found
                if code in _DENIED or code.startswith("UnknownOperation"):
                    break
            except BotoCoreError as found:
                fault = found
            else:
                return ""
            time.sleep(stacks.pause(self.target))
        return str(fault)

    def _call(self, client: Any, service: str, operation: str, arguments: Mapping[str, Any]) -> dict[str, Any]:
        from botocore.exceptions import ClientError

        name = f"{service}:{client.meta.method_to_api_mapping[operation]}"
        try:
            answer: dict[str, Any] = getattr(client, operation)(**arguments)
        except ClientError as fault:
            self.made.append(Call(name, f"{fault.response['Error']['Code']}: {fault.response['Error']['Message']}"))
            raise
        self.made.append(Call(name, str(answer["ResponseMetadata"]["HTTPStatusCode"])))
        return answer

    def _note(self, undo: Undo) -> None:
        self.undos.append(undo)
        self._write()

    def _write(self) -> None:
        """Bring the journal to the disk, or away where there is nothing to take away."""
        if not self.undos:
            self.journal.unlink(missing_ok=True)
            return
        self.journal.parent.mkdir(parents=True, exist_ok=True)
        draft = self.journal.with_suffix(".draft")
        with draft.open("w") as file:
            json.dump([asdict(undo) for undo in self.undos], file, indent=1)
            file.flush()
            os.fsync(file.fileno())
        draft.replace(self.journal)


def _had_ended(undo: Undo, code: str) -> bool:
    return undo.operation.startswith("stop_") and code in ("ValidationException", "ConflictException")


@contextmanager
def hold_interrupts() -> Iterator[None]:
    """Hold back Ctrl-C and SIGTERM until the end: between a call and its note, and while things are taken away."""
    held: list[int] = []
    before = {number: signal.signal(number, lambda got, _: held.append(got)) for number in INTERRUPTS}
    try:
        yield
    finally:
        for number, action in before.items():
            signal.signal(number, action)
        if held:
            signal.raise_signal(held[0])
