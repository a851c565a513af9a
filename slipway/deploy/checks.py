"""What a version must show on staging, one function for each claim. A check answers with findings, never with doubt."""

import csv
import hashlib
import io
import json
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from slipway.deploy import figures
from slipway.deploy.calls import CSV, JSON, Answer, Caller

SHOWN = 3
DEFAULT_METRIC = {
    "binary_classification_metrics": "auc",
    "multiclass_classification_metrics": "accuracy",
    "regression_metrics": "rmse",
}


@dataclass(frozen=True)
class Finding:
    """One claim, how it stands, and the figures that say so."""

    name: str
    status: Literal["passed", "failed", "skipped"]
    said: str

    @classmethod
    def of(cls, name: str, fault: str, otherwise: str) -> "Finding":
        """Failed with the fault if there is one."""
        return cls(name, "failed" if fault else "passed", fault or otherwise)


@dataclass
class Subject:
    """The version under test: what was promised of it, how to ask it, and the series that the report draws."""

    parameters: Mapping[str, str]
    promotion: Mapping[str, Any]
    limits: Mapping[str, Any]
    golden: Mapping[str, Any]
    call: Caller
    latencies: list[float] = field(default_factory=list)
    predictions: list[list[float]] = field(default_factory=list)  # a row's number, or its number for each class

    @property
    def classes(self) -> list[str]:
        """The classes, in the order of their probabilities; empty where an answer is one number."""
        return list(self.golden.get("classes", []))

    @property
    def expected(self) -> list[list[float]]:
        """What the evaluation answered to each golden request. KeyError where it is not known."""
        return [_as_list(row["prediction"]) for row in self.rows]

    @property
    def rows(self) -> list[dict[str, Any]]:
        """The golden requests with their labels and the evaluation's answers."""
        return list(self.golden["rows"])

    @property
    def endpoint(self) -> str:
        """The endpoint's name."""
        return f"{self.parameters['SageMakerProjectName']}-{self.parameters['StageName']}"

    @property
    def is_queued(self) -> bool:
        """Whether answers come through S3."""
        return self.parameters.get("InferenceMode") == "ASYNCHRONOUS"


def serves(sagemaker: Any, subject: Subject) -> Iterator[Finding]:
    """InService, and with the version that was promised."""
    name, promised = "the endpoint serves the promised version", subject.promotion["ModelPackageArn"]
    endpoint = sagemaker.describe_endpoint(EndpointName=subject.endpoint)
    if endpoint["EndpointStatus"] != "InService":
        yield Finding(name, "failed", f"{subject.endpoint} is {endpoint['EndpointStatus']}, not InService")
        return
    config = sagemaker.describe_endpoint_config(EndpointConfigName=endpoint["EndpointConfigName"])
    variant = next((v for v in config["ProductionVariants"] if v["VariantName"] == "AllTraffic"), None)
    if variant is None:
        yield Finding(name, "failed", f"{subject.endpoint} has no variant AllTraffic")
        return
    model = sagemaker.describe_model(ModelName=variant["ModelName"])
    container = model.get("PrimaryContainer") or model["Containers"][0]
    found = container.get("ModelPackageName", "a model without a package")
    yield Finding.of(name, "" if found == promised else f"it serves {found}, promised was {promised}", f"{promised}")


def check_files(contents: Mapping[str, str], promotion: Mapping[str, Any]) -> Finding:
    """The files from which the next stage is made are those of this build."""
    wrong = [
        path
        for path, wanted in promotion["Sha256"].items()
        if hashlib.sha256(contents.get(path, "").encode()).hexdigest() != wanted
    ]
    arn = promotion["ModelPackageArn"]
    wrong += [
        path
        for path, content in contents.items()
        if path.endswith(".json") and json.loads(content)["Parameters"].get("ModelPackageName", arn) != arn
    ]
    fault = f"not as promotion.json says: {', '.join(sorted(set(wrong)))}" if wrong else ""
    return Finding.of("prod gets what is tested here", fault, f"{len(promotion['Sha256'])} files, as they were built")


def form(subject: Subject) -> Iterator[Finding]:
    """The promised answer to each row, as CSV and as JSON. Keeps the CSV answers for the checks that follow."""
    rows, classes = subject.rows, subject.classes
    answer = subject.call("\n".join(row["csv"] for row in rows), CSV, accept=CSV)
    numbers, fault = _numbers(answer, CSV, len(rows), lambda text: _of_csv(text, classes))
    subject.predictions[:] = numbers
    said = f"a class and {len(classes)} probabilities for each" if classes else f"{len(rows)} numbers"
    yield Finding.of("answers to text/csv have the promised form", fault, f"{len(rows)} rows, {said}")
    body = json.dumps({"instances": [row["instance"] for row in rows]})
    answer = subject.call(body, JSON, accept=JSON)
    again, fault = _numbers(answer, JSON, len(rows), lambda text: _of_json(json.loads(text), classes))
    if not fault and numbers and again != numbers:
        fault = "the same rows have other answers than as text/csv"
    yield Finding.of("answers to application/json have the promised form", fault, f"{len(rows)} predictions, as to csv")


class OtherForm(ValueError):
    """An answer is not of the form that is promised; the message says how."""


def _of_csv(text: str, classes: Sequence[str]) -> list[list[float]]:
    """One number a line, or a class and a probability of each class."""
    if not classes:
        return [[float(line)] for line in text.split()]
    rows = [row for row in csv.reader(io.StringIO(text)) if row]
    return [_of_class(row[0], [float(cell) for cell in row[1:]], classes) for row in rows]


def _of_json(document: Any, classes: Sequence[str]) -> list[list[float]]:
    predictions = document["predictions"]
    if not classes:
        return [[float(number)] for number in predictions]
    if document["labels"] != list(classes):
        raise OtherForm(f"the labels are {document['labels']}, the evaluation's {list(classes)}")
    rows = [(row["predicted_label"], [float(number) for number in row["probabilities"]]) for row in predictions]
    return [_of_class(name, chances, classes) for name, chances in rows]


def _of_class(name: str, chances: list[float], classes: Sequence[str]) -> list[float]:
    if len(chances) != len(classes):
        raise OtherForm(f"{len(chances)} probabilities for {len(classes)} classes")
    if name not in classes or chances[classes.index(name)] < max(chances):
        raise OtherForm(f"{name!r} is not the most probable of the classes {', '.join(classes)}: {chances}")
    return chances


def _as_list(prediction: Any) -> list[float]:
    return [*prediction] if isinstance(prediction, list) else [prediction]


def _numbers(
    answer: Answer, content_type: str, rows: int, read: Callable[[str], list[list[float]]]
) -> tuple[list[list[float]], str]:
    if not answer.ok:
        return [], f"answered {answer.status} {answer.code}: {answer.body[:200]}"
    media = answer.content_type.partition(";")[0].strip()
    if media != content_type:
        return [], f"asked for {content_type}, got {media or 'no content type'}"
    try:
        numbers = read(answer.body)
    except OtherForm as error:
        return [], str(error)
    except (ValueError, KeyError, TypeError):
        return [], f"not numbers: {answer.body[:200]!r}"
    if len(numbers) != rows:
        return [], f"{len(numbers)} answers for {rows} rows"
    if not all(math.isfinite(number) for row in numbers for number in row):
        return [], "some numbers are not finite"
    return numbers, ""


def agreement(subject: Subject) -> Finding:
    """The endpoint answers what the evaluation answered."""
    name, tolerance = "answers agree with the evaluation", subject.limits["prediction_tolerance"]
    if not subject.predictions:
        return Finding(name, "failed", "there are no answers to compare")
    if missing := [n for n, row in enumerate(subject.rows, 1) if "prediction" not in row]:
        return Finding(name, "failed", f"the golden requests have no prediction in row {_few(missing)}")
    pairs = zip(subject.predictions, subject.expected, strict=True)
    gaps = [max(abs(a - b) / max(1, abs(b)) for a, b in zip(*pair, strict=True)) for pair in pairs]
    wrong = [n for n, gap in enumerate(gaps, 1) if gap > tolerance]
    most = f"largest difference {max(gaps):.2g} of {len(gaps)} rows, allowed {tolerance:g}"
    return Finding.of(name, f"{len(wrong)} rows differ ({_few(wrong)}): {most}" if wrong else "", most)


def registered_metric(subject: Subject) -> Finding:
    """The metric of the endpoint's answers is the registered one, as far as so few rows can tell."""
    limits, promotion = subject.limits, subject.promotion
    chosen = limits.get("metric") or DEFAULT_METRIC.get(promotion["MetricsSection"], "auc")
    name = f"{chosen} is the registered one"
    registered = promotion["Metrics"].get(chosen)
    if registered is None:
        return Finding(name, "failed", f"{chosen} is not registered; registered: {', '.join(promotion['Metrics'])}")
    if not subject.predictions:
        return Finding(name, "failed", "there are no answers to compute it from")
    found = _recompute(chosen, subject)
    rows = len(subject.rows)
    if found is None:
        return Finding(name, "skipped", f"the labels and answers of these {rows} rows have no {chosen}")
    value, deviation = registered["value"], registered.get("standard_deviation", 0)
    scatter = 3 * deviation * math.sqrt((promotion.get("EvaluationRows") or rows) / rows)
    allowed = limits["metric_tolerance"] * max(1, abs(value)) + scatter
    text = f"{found:.4f} on {rows} rows, registered {value:.4f}, allowed difference {allowed:.4f}"
    return Finding.of(name, f"{text}" if abs(found - value) > allowed else "", text)


def _recompute(chosen: str, subject: Subject) -> float | None:
    """A metric of the endpoint's own answers to the golden requests."""
    labels = [row["label"] for row in subject.rows]
    if subject.classes:
        return figures.of_classes(chosen, [subject.classes.index(label) for label in labels], subject.predictions)
    threshold = subject.golden.get("threshold", figures.THRESHOLD)
    return figures.metric(chosen, labels, [number for (number,) in subject.predictions], threshold)


def latency(subject: Subject) -> Finding:
    """The 95th percentile of single rows, sent one after the other; the warm-up does not count."""
    name, limits = "p95 latency", subject.limits
    if subject.is_queued:
        return Finding(name, "skipped", "an asynchronous endpoint queues requests: it has no latency to promise")
    rows, failed = subject.rows, []
    for number in range(limits["warm_up"] + limits["requests"]):
        answer = subject.call(rows[number % len(rows)]["csv"], CSV)
        if number >= limits["warm_up"]:
            subject.latencies.append(answer.milliseconds)
            failed += [] if answer.ok else [f"{answer.status} {answer.code}"]
    if failed:
        return Finding(name, "failed", f"{len(failed)} of {limits['requests']} requests failed: {_few(failed)}")
    p95 = figures.percentile(subject.latencies, 95)
    text = (
        f"{p95:.1f} ms, limit {limits['p95_ms']:g} ms; median {figures.percentile(subject.latencies, 50):.1f} ms; "
        f"{limits['requests']} requests after {limits['warm_up']} to warm up"
    )
    return Finding.of(name, text if p95 > limits["p95_ms"] else "", text)


def check_malformed_requests(subject: Subject) -> Iterator[Finding]:
    """What is no request is refused with 4XX: neither answered nor a failure of the server."""
    row = subject.rows[0]
    cells = list(row["instance"].values())
    number = next((n for n, cell in enumerate(cells) if isinstance(cell, float)), None)  # integers may be categories
    cases: list[tuple[str, str, str]] = [
        ("a column too many", f"{row['csv']},1", CSV),
        ("an empty body", "", CSV),
        ("an unknown content type", row["csv"], "application/x-unknown"),
    ]
    if number is not None:
        wrong = next(csv.reader(io.StringIO(row["csv"], newline="")))
        wrong[number] = "not-a-number"
        line = io.StringIO()
        csv.writer(line).writerow(wrong)
        cases.insert(1, ("text in a number", line.getvalue(), CSV))
    for case, body, content_type in cases:
        answer = subject.call(body, content_type)
        text = f"{answer.status} {answer.code}".strip()
        fault = "" if answer.refused else f"answered {text}, expected 4XX from the container: {answer.body[:200]}"
        yield Finding.of(f"{case} is refused", fault, text)


def _few(items: list[Any]) -> str:
    return ", ".join(map(str, items[:SHOWN])) + (" ..." if len(items) > SHOWN else "")
