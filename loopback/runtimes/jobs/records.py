"""Batch transform on one file: split into records, filter, group into payloads, join, assemble. Pure."""

import csv
import io
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from loopback.runtimes.jobs.jsonpath import BadPath, compile_path

CSV, JSON, JSONLINES = "text/csv", "application/json", "application/jsonlines"


class BadRecord(Exception):
    """The data, a filter or an answer does not fit; the message says what and where."""


@dataclass(frozen=True)
class RecordPlan:
    """How a transform job cuts and joins its data. `payload` in bytes, 0 for no limit."""

    content_type: str
    split: str = "None"
    strategy: str = "MultiRecord"
    payload: int = 6 << 20
    assemble: str = "None"
    input_filter: str = "$"
    output_filter: str = "$"
    join: str = "None"

    @property
    def keeps_records(self) -> bool:
        """Whether each record's answer has to be found again in the response."""
        return self.join == "Input" or self.output_filter != "$"


def plan_of(request: Mapping[str, Any]) -> RecordPlan:
    """The plan in a CreateTransformJob request. Raises BadRecord."""
    source, target = request["TransformInput"], request["TransformOutput"]
    processing = request.get("DataProcessing") or {}
    megabytes = request.get("MaxPayloadInMB")
    plan = RecordPlan(
        (source.get("ContentType") or "").partition(";")[0].strip().lower(),
        source.get("SplitType") or "None",
        request.get("BatchStrategy") or "MultiRecord",
        (6 if megabytes is None else int(megabytes)) << 20,
        target.get("AssembleWith") or "None",
        processing.get("InputFilter") or "$",
        processing.get("OutputFilter") or "$",
        processing.get("JoinSource") or "None",
    )
    if plan.split not in {"None", "Line"}:
        raise BadRecord(f"SplitType {plan.split} is not supported here; use None or Line")
    for path in (plan.input_filter, plan.output_filter):
        try:
            compile_path(path)
        except BadPath as error:
            raise BadRecord(str(error)) from None
    if (plan.keeps_records or plan.input_filter != "$") and plan.content_type not in {CSV, JSON, JSONLINES}:
        raise BadRecord(f"DataProcessing needs ContentType {CSV}, {JSON} or {JSONLINES}, not {plan.content_type!r}")
    return plan


def split(lines: Iterable[str], plan: RecordPlan) -> Iterator[str]:
    """The records of a file: its lines without their ends, or all of it."""
    if plan.split == "None":
        yield "".join(lines)
        return
    for line in lines:
        if record := line.rstrip("\r\n"):
            yield record


def payloads(records: Iterable[str], plan: RecordPlan) -> Iterator[list[str]]:
    """Records that go to the model together. Raises BadRecord for one that is too large."""
    group: list[str] = []
    held = 0
    for number, record in enumerate(records, start=1):
        size = len(record.encode()) + 1
        if plan.payload and size > plan.payload + 1:
            raise BadRecord(
                f"record {number} has {size - 1} bytes, more than MaxPayloadInMB allows ({plan.payload} bytes)"
            )
        if group and (plan.strategy == "SingleRecord" or (plan.payload and held + size > plan.payload)):
            yield group
            group, held = [], 0
        group.append(record)
        held += size
    if group:
        yield group


def body(group: Sequence[str], plan: RecordPlan) -> bytes:
    """What is sent to the model for a group: each record through the input filter."""
    records = [_apply_input_filter(record, plan) for record in group] if plan.input_filter != "$" else group
    return ("\n".join(records) + ("\n" if plan.split == "Line" else "")).encode()


def _apply_input_filter(record: str, plan: RecordPlan) -> str:
    return "\n".join(
        _write(_select(plan.input_filter, _parse(part, plan.content_type), "InputFilter"), plan.content_type)
        for part in _parts(record, plan)
    )


def _parts(record: str, plan: RecordPlan) -> list[str]:
    """A whole CSV or JSON Lines file that was not split is filtered row by row all the same."""
    return [record] if plan.content_type == JSON else record.splitlines()


def _parse(record: str, kind: str) -> Any:
    if kind == CSV:
        return next(csv.reader([record]), [])
    try:
        return json.loads(record)
    except ValueError as error:
        raise BadRecord(f"{record[:60]!r} is not JSON: {error}") from None


def _write(value: Any, kind: str) -> str:
    if kind != CSV:
        return json.dumps(value)
    target = io.StringIO()
    cells = value if isinstance(value, list) else [value]
    csv.writer(target, lineterminator="").writerow([json.dumps(c) if isinstance(c, list | dict) else c for c in cells])
    return target.getvalue()


def _select(path: str, document: Any, what: str) -> Any:
    try:
        return compile_path(path)(document)
    except (KeyError, IndexError) as error:
        raise BadRecord(f"{what} {path} finds nothing in {str(document)[:60]}: {error}") from None


def results(group: Sequence[str], answer: bytes, answer_type: str, plan: RecordPlan) -> str:
    """The output for a group, each part ended as AssembleWith says. Raises BadRecord."""
    if not plan.keeps_records:
        return _assemble([answer.decode()], plan)
    inputs = [part for record in group for part in _parts(record, plan)]
    predictions = _predictions(answer.decode(), answer_type, len(inputs))
    join = _joined_csv if plan.content_type == CSV else _joined_json
    joined = [join(record, prediction, plan) for record, prediction in zip(inputs, predictions, strict=True)]
    lines = [_write(_select(plan.output_filter, document, "OutputFilter"), plan.content_type) for document in joined]
    return _assemble(lines, plan)


def _assemble(parts: Sequence[str], plan: RecordPlan) -> str:
    if plan.assemble == "Line":
        return "".join(part.removesuffix("\n") + "\n" for part in parts)
    return "".join(parts)


def _predictions(text: str, kind: str, count: int) -> list[Any]:
    """One answer a record."""
    main = kind.partition(";")[0].strip().lower()
    lines = text.splitlines()
    found: list[Any] = (
        [_parse(line, CSV if main == CSV else JSON) for line in lines] if main != JSON else [json.loads(text)]
    )
    if main == JSON and count > 1:
        found = _as_list(found[0])
    if len(found) != count:
        raise BadRecord(f"the model answered {len(found)} predictions to {count} records; they cannot be joined")
    return found


def _as_list(document: Any) -> list[Any]:
    if isinstance(document, dict) and isinstance(document.get("predictions"), list):
        return list(document["predictions"])
    return document if isinstance(document, list) else [document]


def _joined_csv(record: str, prediction: Any, plan: RecordPlan) -> Any:
    cells = prediction if isinstance(prediction, list) else [prediction]
    return [*_parse(record, CSV), *cells] if plan.join == "Input" else cells


def _joined_json(record: str, prediction: Any, plan: RecordPlan) -> Any:
    if isinstance(prediction, list) and len(prediction) == 1:
        prediction = _number(prediction[0])
    if plan.join != "Input":
        return prediction
    document = _parse(record, JSON)
    if isinstance(document, dict):
        return {**document, "SageMakerOutput": prediction}
    return {"SageMakerInput": document, "SageMakerOutput": prediction}


def _number(text: Any) -> Any:
    try:
        return json.loads(text) if isinstance(text, str) else text
    except ValueError:
        return text
