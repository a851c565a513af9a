"""The program in the container: read the configuration and the data, ask the model, write the documents."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from functools import cache
from typing import TYPE_CHECKING, Any

from loopback.images.clarify import configuration
from loopback.images.clarify.configuration import CAPTURE, Config
from loopback.images.clarify.s3_objects import Client, Fetch
from loopback.images.clarify.settings import ClarifySettings
from slipway.analysis import documents
from slipway.analysis.errors import BadInput

if TYPE_CHECKING:
    from slipway.analysis.bias import Question

STOPPED = 143  # as a shell says of a program that SIGTERM has ended
_ALL = {"methods": "all"}


def main(environ: Mapping[str, str]) -> int:
    """Run one analysis; 0, or 1 with one line on stderr. Either way `<base>/output/message` says how it went."""
    signal.signal(signal.SIGTERM, _stop)  # so that a shadow endpoint is deleted when the job is stopped
    settings = ClarifySettings.from_environment(environ)
    try:
        message, code = analyze(settings, datetime.now(UTC), _client), 0
    except (BadInput, OSError) as error:
        message, code = f"Error: {error}", 1
    print(message, file=sys.stderr if code else sys.stdout)
    documents.write_text(settings.base / "output" / "message", message)
    return code


def _stop(_number: int, _frame: Any) -> None:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    sys.exit(STOPPED)


@cache
def _client(service: str) -> Any:
    import boto3
    from botocore.config import Config as ClientConfig

    return boto3.client(
        service,
        region_name=os.environ["AWS_REGION"],
        config=ClientConfig(max_pool_connections=10, read_timeout=120),
    )


def analyze(settings: ClarifySettings, now: datetime, client: Client) -> str:
    """Do what the configuration says, and tell the exit message. Raises BadInput or OSError."""
    config = _configure(settings)
    configuration.check(config)
    from loopback.images.clarify.answers import Reader
    from loopback.images.clarify.endpoint import Services
    from loopback.images.clarify.subject import Subject
    from slipway.analysis import bias  # pandas loads here

    fetch, reader = Fetch(client), Reader.of(config, settings.environ)
    subject = Subject.of(config, settings, fetch)
    analysis: dict[str, Any] = {"version": "1.0"}
    with subject.model(config, Services(client), reader) as model:
        questions = subject.questions(config, model)
        analysis |= bias.sections(questions)
        if model is not None and {"shap", "pdp"} & {*config["methods"]}:
            from loopback.images.clarify import explanations

            analysis["explanations"] = explanations.explain(config, subject, model, fetch, settings.output)
    documents.write_json(settings.output / "analysis.json", analysis)
    _report(config, analysis, settings)
    return _judge(config, analysis, questions, settings, now)


def _configure(settings: ClarifySettings) -> dict[str, Any]:
    """The configuration with what a monitor or a pipeline tells beside it."""
    config = configuration.read(settings.config)
    if model := settings.environ.get("model_name"):
        config["predictor"] = {**config.get("predictor", {}), "model_name": model}
    if settings.monitor:
        config["dataset_type"] = CAPTURE
    if settings.monitor == "MODEL_BIAS":
        config["methods"] = {"pre_training_bias": _ALL, "post_training_bias": _ALL}
    return config


def _report(config: Config, analysis: Mapping[str, Any], settings: ClarifySettings) -> None:
    asked = config["methods"].get("report")
    if asked is None:
        return
    from loopback.images.clarify import report

    page = report.page(analysis, asked.get("title", "SageMaker Analysis Report"))
    documents.write_text(settings.output / f"{asked.get('name', 'report')}.html", page)


def _judge(
    config: Config, analysis: Mapping[str, Any], questions: Sequence[Question], settings: ClarifySettings, now: datetime
) -> str:
    """Tell CloudWatch, and compare with the baseline; the exit message."""
    values = {question.name: question.facet_value for question in questions}
    if settings.publishes_metrics:
        from loopback.images.model_monitor import metrics
        from slipway.analysis import analysis_metrics

        label_values = ",".join(map(str, config.get("label_values_or_threshold", ())))
        metrics.write(settings.base, settings.environ, analysis_metrics.of(analysis, values, label_values), now)
    if settings.baseline is None:
        return documents.exit_message(0)
    from slipway.analysis import analysis_violations

    def spread(section: str, facet: str, place: int, metric: str) -> float | None:
        asked = (section.removesuffix("_metrics"), facet)
        return next(one for one in questions if (one.stage, one.name) == asked).spread(metric, place)

    def exact(_section: str, _facet: str, _place: int, _metric: str) -> float | None:
        """A check of a pipeline allows for no chance, a monitor does."""
        return None

    baseline = documents.read(settings.baseline, "version")
    found = [
        *analysis_violations.of_bias(analysis, baseline, values, spread if settings.monitor else exact),
        *analysis_violations.of_attributions(analysis, baseline),
    ]
    if found:
        documents.write_json(settings.output / "constraint_violations.json", {"version": "1.0", "violations": found})
    return documents.exit_message(len(found))
