"""The program of a transform host: load the model, send it every record, write the results. Runs in a job host.

Its argument is a folder with `plan.json` (the request), `in/` and `out/`.
A failure is told in the file `fault` there.
"""

import gzip
import io
import json
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TextIO

from loopback.core.unpacking import Bounds, TooLarge, bounds
from loopback.images.serving.answers import Handler, ModelNotLoaded
from loopback.images.serving.models import load_model
from loopback.runtimes.jobs import records
from loopback.runtimes.jobs.records import BadRecord, RecordPlan


def main(environ: Mapping[str, str]) -> int:
    """Transform every file; the exit code."""
    folder = Path(sys.argv[1])
    request = json.loads((folder / "plan.json").read_text())
    model = Path(environ.get("SAGEMAKER_BASE_DIR", "/opt/ml")) / "model"
    try:
        handler = load_model(model, environ)
        for source in sorted(path for path in (folder / "in").rglob("*") if path.is_file()):
            _transform(handler, source, source.relative_to(folder / "in").as_posix(), folder / "out", request)
    except (ModelNotLoaded, BadRecord) as error:
        print(error, file=sys.stderr)
        (folder / "fault").write_text(str(error))
        return 1
    return 0


def _transform(handler: Handler, source: Path, name: str, target: Path, request: Mapping[str, dict[str, str]]) -> None:
    plan = records.plan_of(request)
    content_type = request["TransformInput"].get("ContentType")
    accept = request["TransformOutput"].get("Accept")
    output = target / f"{name}.out"
    output.parent.mkdir(parents=True, exist_ok=True)
    try:
        with _lines(source, request["TransformInput"].get("CompressionType")) as lines, output.open("w") as results:
            for group in records.payloads(records.split(lines, plan), plan):
                results.write(_answer(handler, group, plan, (content_type, accept)))
    except (UnicodeDecodeError, gzip.BadGzipFile, EOFError, TooLarge) as error:
        raise BadRecord(f"{name}: cannot be read: {error}") from None
    except BadRecord as error:
        raise BadRecord(f"{name}: {error}") from None


def _answer(handler: Handler, group: list[str], plan: RecordPlan, types: tuple[str | None, str | None]) -> str:
    answer = handler.invoke(records.body(group, plan), *types)
    if answer.status != 200:
        words = answer.body.decode(errors="replace").strip()[:400]
        raise BadRecord(f"the model answered {answer.status}: {words}")
    return records.results(group, answer.whole(), answer.content_type, plan)


@contextmanager
def _lines(source: Path, compression: str | None) -> Iterator[TextIO]:
    if compression == "Bzip2":
        raise BadRecord("CompressionType Bzip2 is not supported here; use Gzip or None")
    with source.open("rb") as raw:
        stream: Any = raw
        if compression == "Gzip":
            stream = io.BufferedReader(_Bounded(gzip.GzipFile(fileobj=raw), bounds(source.stat().st_size)))
        yield io.TextIOWrapper(stream, encoding="utf-8", newline="\n")


class _Bounded(io.RawIOBase):
    """What an input is decompressed to, up to what data may unpack to."""

    def __init__(self, stream: gzip.GzipFile, most: Bounds) -> None:
        self._stream, self._most, self._size = stream, most, 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        """Raises TooLarge."""
        content = self._stream.read1(len(buffer))
        self._size += len(content)
        self._most.check(self._size, 0)
        buffer[: len(content)] = content
        return len(content)
