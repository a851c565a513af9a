"""What a data set's columns are: names in file order, types, the label. No file is read here."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from slipway.tabular import cells
from slipway.tabular.kinds import BINARY, MULTICLASS, REGRESSION

NUMBER, CATEGORY, IDENTIFIER, LABEL = "number", "category", "identifier", "label"


@dataclass(frozen=True)
class Columns:
    """The `data` section of config.yml, as the jobs use it."""

    types: Mapping[str, str]
    header: bool
    features: tuple[str, ...]
    positive: tuple[str, ...] = ()
    negative: tuple[str, ...] = ()
    minimum_rows: int = 0
    missing: tuple[str, ...] = cells.MISSING
    classes: tuple[str, ...] = ()

    @classmethod
    def from_config(cls, data: Mapping[str, Any]) -> "Columns":
        """Read the section as `slipway.build.config` has validated it."""
        types: dict[str, str] = data["columns"]
        usable = tuple(name for name, kind in types.items() if kind in {NUMBER, CATEGORY})
        label = data.get("label") or {}
        return cls(
            types=types,
            header=data["header"],
            features=tuple(data.get("features") or usable),
            positive=tuple(label.get("positive") or ()),
            negative=tuple(label.get("negative") or ()),
            minimum_rows=data.get("minimum_rows") or 0,
            missing=cells.words(data.get("missing")),
            classes=tuple(map(str, label.get("classes") or ())),
        )

    @property
    def label(self) -> str:
        """The one column of type `label`."""
        return next(name for name, kind in self.types.items() if kind == LABEL)

    @property
    def identifiers(self) -> tuple[str, ...]:
        """The columns that say which customer or thing a row is about; the model never sees them."""
        return tuple(name for name, kind in self.types.items() if kind == IDENTIFIER)

    @property
    def problem(self) -> str:
        """The kind of problem that the label is."""
        return MULTICLASS if self.classes else BINARY if self.positive else REGRESSION

    @property
    def is_classification(self) -> bool:
        """Whether the label is one of some values rather than a number."""
        return self.problem != REGRESSION

    @property
    def class_names(self) -> tuple[str, ...]:
        """What the numbers stand for that Prepare makes of the labels; empty for a regression."""
        return self.classes or ((self.negative[0], self.positive[0]) if self.positive else ())

    @property
    def used(self) -> tuple[str, ...]:
        """The columns that are stored: features, then the label. Identifiers never leave the raw file."""
        return (*self.features, self.label)

    def is_number(self, name: str) -> bool:
        """Whether a column is read as a number (the label of a regression is)."""
        return self.types[name] == NUMBER or (name == self.label and not self.is_classification)
