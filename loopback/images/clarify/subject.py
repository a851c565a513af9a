"""What is analyzed: the data, what the model said of them, and the model itself where it must be asked."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import pandas as pd

from loopback.images.clarify import captured, configuration, dataset, endpoint
from loopback.images.clarify.answers import Reader
from loopback.images.clarify.configuration import CSV, Config
from loopback.images.clarify.dataset import Fetch
from loopback.images.clarify.endpoint import Services
from loopback.images.clarify.model import Model
from loopback.images.clarify.requests import RecordFormat
from loopback.images.clarify.settings import ClarifySettings
from slipway.analysis import bias
from slipway.analysis.frames import Dataset, are_classes


@dataclass(frozen=True)
class Subject:
    """`predicted` is None where nobody has asked the model yet; the types are those of its requests and answers."""

    data: Dataset
    predicted: pd.Series | None
    content_type: str
    accept: str

    @classmethod
    def of(cls, config: Config, settings: ClarifySettings, fetch: Fetch) -> Subject:
        """The captured records of a monitor, or the data set. Raises BadInput."""
        predictor = config.get("predictor") or {}
        if settings.monitor:
            found = captured.load(config, settings.source, settings.environ)
            kinds = predictor.get("content_type", found.kinds[0]), predictor.get("accept_type", found.kinds[1])
            return cls(found.data, found.predicted, kinds[0].lower(), kinds[1].lower())
        data = dataset.load(config, settings.source, fetch)
        kind = configuration.content_type(config) if predictor else CSV
        predicted = None if data.predicted is None else data.frame[data.predicted]
        return cls(data, predicted, kind, str(predictor.get("accept_type", kind)).lower())

    @property
    def rows(self) -> pd.DataFrame:
        """What the model is asked with."""
        return self.data.frame[list(self.data.features)]

    @contextmanager
    def model(self, config: Config, services: Services, reader: Reader) -> Iterator[Model | None]:
        """The model behind its endpoint; none where nothing needs its answers."""
        methods = {*config["methods"]}
        if not (methods & {"shap", "pdp"} or ("post_training_bias" in methods and self.predicted is None)):
            yield None
            return
        predictor = config["predictor"]
        form = RecordFormat.of(predictor, self.content_type, self.data.features)
        with endpoint.invoking(predictor, self.content_type, self.accept, services) as invoke:
            yield Model(form, self.accept, reader, invoke)

    def questions(self, config: Config, model: Model | None) -> list[bias.Question]:
        """What the configuration asks about bias; the model is asked for the labels that it predicts."""
        predicted = self.predicted
        if "post_training_bias" in config["methods"] and predicted is None and model and self.data.label:
            predicted = model.labels_of(self.rows, classes=are_classes(self.data.frame[self.data.label]))
        return bias.questions(self.data, config, predicted)
