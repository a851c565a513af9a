"""A model that rows are put to."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from loopback.images.clarify import answers, endpoint
from loopback.images.clarify.answers import Reader, Scores
from loopback.images.clarify.endpoint import Invoke
from loopback.images.clarify.requests import Codes, RecordFormat, Vocabulary


@dataclass(frozen=True)
class Model:
    """`form` is what it is asked in, `accept` what it answers in, `reader` knows what an answer means."""

    form: RecordFormat
    accept: str
    reader: Reader
    invoke: Invoke

    def scores(self, vocabulary: Vocabulary, codes: Codes) -> Scores:
        """Every score of every row."""
        found = self._answers(vocabulary.lines(codes))
        return answers.join([self.reader.scores(body, self.accept, count) for body, count in found])

    def scores_of(self, rows: pd.DataFrame) -> Scores:
        """The same of the rows of a frame."""
        vocabulary = Vocabulary.of(self.form, rows)
        return self.scores(vocabulary, vocabulary.codes(rows))

    def labels_of(self, rows: pd.DataFrame, *, classes: bool) -> pd.Series:
        """The predicted label of every row; see Reader.labels."""
        vocabulary = Vocabulary.of(self.form, rows)
        told: list[Any] = []
        for body, count in self._answers(vocabulary.lines(vocabulary.codes(rows))):
            told += self.reader.labels(body, self.accept, count, classes=classes)
        return pd.Series(told, index=rows.index, dtype=object)

    def _answers(self, lines: Sequence[str]) -> list[tuple[str, int]]:
        bodies = list(self.form.bodies(lines))
        found = endpoint.ask_all(self.invoke, bodies)
        return [(body, count) for body, (_, count) in zip(found, bodies, strict=True)]
