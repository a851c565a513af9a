"""What config.yml may say, and the refusal of everything else: file, line, what was found, what is allowed.

`python -m slipway.build.config schema` writes the JSON Schema that editors use, pipelines/config.schema.json;
`python -m slipway.build.config check` reads every config.yml below pipelines/. Both work in a project's folder.
"""

import json
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal, get_args

from pydantic import Field, JsonValue, ValidationError, field_validator, model_validator

from slipway.analysis.attributions import ALL_CLASSES
from slipway.build import model_file, settings_file
from slipway.build.job_settings import Jobs, Keys, Vpc
from slipway.build.project import UsageError
from slipway.build.settings_file import Disagreement, Section, nearest
from slipway.build.tuning_settings import Tuning
from slipway.tabular import cells
from slipway.tabular.feature_code import FILE as FEATURES
from slipway.tabular.kinds import BINARY, METRICS, MULTICLASS, REGRESSION

OBJECTIVES = {BINARY: "binary:logistic", MULTICLASS: "multi:softprob", REGRESSION: "reg:squarederror"}
EVAL_METRICS = {BINARY: "logloss", MULTICLASS: "mlogloss", REGRESSION: "rmse"}
OF_CLASSES = ("mlogloss", "merror", "auc")  # XGBoost's own metrics of several classes
LABELS = {  # what each kind asks of data.label
    BINARY: "a binary problem has positive and negative there",
    MULTICLASS: "a multiclass problem has classes there",
    REGRESSION: "a regression has no data.label",
}
NOT_BY_CLARIFY = (
    "Clarify reads one number of an answer in CSV, and of several classes it has a name and a number for each: leave "
    "this out, or set monitoring.engine: slipway"
)
FOLDER = Path("pipelines")  # of the project that the working folder is
SCHEMA = FOLDER / "config.schema.json"

Name = Annotated[str, Field(pattern=r"^\S(.*\S)?$", max_length=200, description="As the file spells it, or like it.")]
Share = Annotated[float, Field(ge=0.01, le=0.98)]
Objective = Literal[
    "binary:logistic",
    "multi:softprob",
    "reg:squarederror",
    "reg:absoluteerror",
    "reg:pseudohubererror",
    "reg:squaredlogerror",
    "reg:gamma",
    "reg:tweedie",
    "count:poisson",
]
Metric = Literal[
    "auc",
    "accuracy",
    "precision",
    "recall",
    "f1",
    "log_loss",
    "macro_f1",
    "macro_precision",
    "macro_recall",
    "lowest_precision",
    "lowest_recall",
    "weighted_precision",
    "weighted_recall",
    "weighted_f0_5",
    "weighted_f1",
    "weighted_f2",
    "r2",
    "rmse",
    "mae",
    "mse",
]


class Label(Section):
    """What the values of the label column mean: yes and no (case and a final dot don't count), or one of several."""

    positive: list[str] | None = Field(None, min_length=1)
    negative: list[str] | None = Field(None, min_length=1)
    classes: list[str | int | float] | None = Field(
        None, description="Three or more, spelled as in the data; in the order in which the model tells them."
    )

    @model_validator(mode="after")
    def _one_of_both(self) -> "Label":
        if self.classes is None and not (self.positive and self.negative):
            raise ValueError("needs positive and negative, the spellings of yes and no; or classes, the names of all")
        if self.classes is not None and (self.positive or self.negative):
            raise ValueError("has classes, and positive or negative: a label is either one of several or a yes or no")
        return self

    @property
    def names(self) -> list[str]:
        """A spelling of each class: of no and yes, or of all."""
        if self.classes:
            return [*map(str, self.classes)]
        return [(self.negative or [""])[0], (self.positive or [""])[0]]

    @field_validator("classes", mode="before")
    @classmethod
    def _are_classes(cls, names: Any) -> Any:
        if not isinstance(names, list):
            return names
        if wrong := [name for name in names if isinstance(name, bool) or name is None]:
            raise ValueError(f"YAML reads {wrong[0]!r} as no text; write it in quotes")
        if len(names) < 3:
            raise ValueError(f"found {len(names)}; of two classes one is positive and the other negative")
        spelled: dict[str | None, Any] = {}
        for name in names:
            if (text := cells.category(name, ())) in spelled:
                raise ValueError(f"{spelled[text]!r} and {name!r} are one class")
            if not text or not text.isprintable():
                raise ValueError(f"{name!r} can't name a class: letters, digits, signs and blanks can")
            spelled[text] = name
        return names


class Data(Section):
    """The raw files: where they are and what their columns hold."""

    url: str = Field(description="An s3:// URI, or a prefix below the artifact bucket.")
    header: bool = Field(description="Whether the files start with a line of column names.")
    columns: dict[Name, Literal["number", "category", "identifier", "label"]] = Field(
        description="In the order of the file. An identifier is dropped; exactly one column is the label."
    )
    label: Label | None = Field(None, description="For a classification. Without it the label is a number.")
    features: list[Name] | None = Field(None, description="Default: all number and category columns.")
    minimum_rows: int | None = Field(
        None, ge=10, description="Fewer are refused. Without it, fewer than 10 a feature are warned of."
    )
    missing: list[str] | None = Field(
        None, description="Words for a missing value, in any case. Default: ?, NA, N/A, NaN, null, None."
    )

    @model_validator(mode="after")
    def _columns_agree(self) -> "Data":
        spelled: dict[str, str] = {}
        for name in self.columns:
            if (other := spelled.setdefault(cells.spelling(name), name)) != name:
                raise ValueError(f"columns {other!r} and {name!r} differ in case, spaces and punctuation only")
        labels = [name for name, kind in self.columns.items() if kind == "label"]
        if len(labels) != 1:
            raise ValueError(f"exactly one column must be the label, found {labels or 'none'}")
        for known in (self.label.classes if self.label else None) or ():
            if cells.category(known, cells.words(self.missing)) is None:
                raise ValueError(f"class {known!r} is a word for a missing value: list the words that are in `missing`")
        usable = [name for name, kind in self.columns.items() if kind in {"number", "category"}]
        for name in self.features or usable or ["(none)"]:
            if name not in usable:
                raise ValueError(f"feature {name!r} is not a number or category column{nearest(name, usable)}")
        return self

    @property
    def label_column(self) -> str:
        """The one column of type label."""
        return next(name for name, kind in self.columns.items() if kind == "label")

    @property
    def used(self) -> list[str]:
        """The features: those that are listed, or all that can be one."""
        return self.features or [name for name, kind in self.columns.items() if kind in {"number", "category"}]


class Split(Section):
    """Shares of the rows for training, early stopping and the final test; a hash says which row goes where."""

    train: Share
    validation: Share
    test: Share
    seed: int = Field(0, ge=0, le=2**31 - 1)
    group: Name | Literal[False] | None = Field(
        None,
        description="A column whose equal values stay in one part. Default: the first identifier column that is one, "
        "else equal rows stay together; false asks for the latter.",
    )

    @model_validator(mode="after")
    def _sum(self) -> "Split":
        if abs(self.train + self.validation + self.test - 1) > 1e-9:
            raise ValueError(f"train + validation + test must be 1, found {self.train + self.validation + self.test:g}")
        return self


class Hyperparameters(Section):
    """XGBoost's parameters by XGBoost's names."""

    num_round: int = Field(ge=1, le=100_000)
    early_stopping_rounds: int = Field(20, ge=0, description="0 switches early stopping off.")
    class_weight: Literal["balanced"] | Annotated[float, Field(gt=0)] = Field(
        1.0,
        description="Of a positive row; balanced: of each class as much. Other than 1 it costs ranking and "
        "calibration; see `decision`.",
    )
    objective: Objective | None = Field(
        None,
        description="What is learned. Default: binary:logistic, of several classes multi:softprob, of a regression "
        "reg:squarederror.",
    )
    eval_metric: str | None = Field(
        None, description="XGBoost's, for early stopping. Default: logloss, of several classes mlogloss, or rmse."
    )
    seed: int = Field(0, ge=0, le=2**31 - 1)
    eta: float | None = Field(None, gt=0, le=1)
    max_depth: int | None = Field(None, ge=0, le=64)
    max_leaves: int | None = Field(None, ge=0)
    max_bin: int | None = Field(None, ge=2)
    min_child_weight: float | None = Field(None, ge=0)
    gamma: float | None = Field(None, ge=0)
    subsample: float | None = Field(None, gt=0, le=1)
    colsample_bytree: float | None = Field(None, gt=0, le=1)
    colsample_bylevel: float | None = Field(None, gt=0, le=1)
    reg_lambda: float | None = Field(None, ge=0)
    reg_alpha: float | None = Field(None, ge=0)
    max_delta_step: float | None = Field(None, ge=0)
    grow_policy: Literal["depthwise", "lossguide"] | None = None
    max_cat_to_onehot: Annotated[
        int, Field(ge=1, description="Up to so many categories are split one against the others, which overfits less.")
    ] = 64
    max_cat_threshold: Annotated[
        int, Field(ge=1, description="Of more categories, how many a split may set apart.")
    ] = 8


def _numbers() -> dict[str, type[int] | type[float]]:
    found = {}
    for name, field in Hyperparameters.model_fields.items():
        kinds = {kind for kind in (field.annotation, *get_args(field.annotation)) if kind in (int, float)}
        if len(kinds) == 1 and name != "class_weight":  # which may be a word, too
            found[name] = kinds.pop()
    return found


NUMBERS = _numbers()  # the hyperparameters that are a number


class Model(Section):
    """What the pipeline's model.py is told."""

    settings: dict[str, JsonValue] = Field(default_factory=dict, description="The third argument of its fit().")


class Champion(Section):
    """How much worse than the model in production a new one may be and still be registered.

    It is refused when the whole 95 % interval of the difference, on the same test rows, is above the margin.
    """

    metric: Metric
    margin: float = Field(ge=0)


class Gates(Section):
    """What a model must reach: at least the value; of rmse, mae, mse and log_loss at most."""

    thresholds: dict[Metric, float] = Field(min_length=1)
    champion: Champion
    register_rejected: bool = Field(
        False, description="Whether a model that misses them is kept in the registry, as Rejected, with its figures."
    )


class Decision(Section):
    """How the probability is chosen from which on a row counts as positive, on the validation rows."""

    choose: Literal["f1", "cost", "recall", "fixed"] = "f1"
    false_positive: float = Field(1.0, gt=0, description="For cost: what a false alarm costs, in any unit.")
    false_negative: float = Field(1.0, gt=0, description="For cost: what a missed positive costs, in that unit.")
    recall: float = Field(0.9, gt=0, le=1, description="For recall: the share of the positives to find.")
    threshold: float = Field(0.5, gt=0, lt=1, description="For fixed.")


class Bias(Section):
    """Groups of rows that the model shall treat no worse than the others: checked in the pipeline, and by a monitor."""

    facets: dict[Name, list[str | int | float]] = Field(
        min_length=1, description="Feature: its values in the group. Of a number one value: all above it are the group."
    )
    group: Name | None = Field(None, description="A feature whose values explain a difference (CDDL, CDDPL).")
    positive: list[str | int | float] | None = Field(
        None, min_length=1, description="Of several classes: those that count as the positive answer, all others don't."
    )

    @field_validator("positive", mode="before")
    @classmethod
    def _are_texts(cls, names: Any) -> Any:
        if wrong := [name for name in names if isinstance(name, bool)] if isinstance(names, list) else []:
            raise ValueError(f"YAML reads {wrong[0]!r} as no text; write it in quotes")
        return names

    def positives(self, classes: Sequence[Any]) -> list[str]:
        """The positive classes of several, as `classes` spells them."""
        asked = {cells.category(name, ()) for name in self.positive or ()}
        return [str(name) for name in classes if cells.category(name, ()) in asked]

    def _wrong_positives(self, label: Label) -> Iterator[Disagreement]:
        classes = [*map(str, label.classes or ())]
        if not classes and self.positive:
            yield ("positive",), "of a yes or no data.label says which labels are positive"
        elif classes and not self.positive:
            why = "a group is compared by who gets a positive answer, and there are several classes"
            yield (), f"{why}: name the positive ones, positive: [...] of {', '.join(classes)}"
        elif classes:
            known = {cells.category(name, ()) for name in classes}
            for name in self.positive or ():
                if cells.category(name, ()) not in known:
                    near, allowed = nearest(str(name), classes), ", ".join(classes)
                    yield ("positive",), f"{name!r} is not a class{near}; allowed: {allowed}"
            if len(self.positives(classes)) == len(classes):
                yield ("positive",), "these are all classes: there is no other answer to compare with"

    def disagreements_with(self, data: Data) -> Iterator[Disagreement]:
        """What the columns say against it."""
        if data.label is None:
            yield (), "labels are compared by what they mean: data.label must say it, which a regression's can't"
        else:
            yield from self._wrong_positives(data.label)
        for name, values in self.facets.items():
            if name not in data.used:
                yield ("facets", name), f"not a feature{nearest(name, data.used)}"
            elif data.columns[name] == "number" and not (len(values) == 1 and not isinstance(values[0], str)):
                yield ("facets", name), "it is a number column: give one number, above which a row is in the group"
            elif data.columns[name] == "category" and not (values and all(map(_is_text, values))):
                yield ("facets", name), "it is a category column: give texts ('yes' in quotes: plain, it is true)"
        if self.group is not None and self.group not in data.used:
            yield ("group",), f"{self.group!r} is not a feature{nearest(self.group, data.used)}"


class Explainability(Section):
    """How much each feature counts in the predictions of test rows: in the pipeline, and by a monitor on requests."""

    rows: int = Field(
        200, ge=10, le=10_000, description="Test rows that the baseline explains; of a model.py also those of an hour."
    )
    num_samples: int = Field(
        200, ge=10, le=10_000, description="How often a model.py, or Clarify's model, is asked about each row."
    )
    agg_method: Literal["mean_abs", "median", "mean_sq"] = "mean_abs"


class Monitoring(Section):
    """The baselines that monitors compare with: who makes them, and how much chance their limits leave room for."""

    engine: Annotated[
        Literal["slipway", "sagemaker"],
        Field(
            description="Jobs of the project's own, or SageMaker Model Monitor and Clarify, closed to new customers."
        ),
    ] = "slipway"
    hour_rows: Annotated[
        int, Field(ge=10, le=10_000, description="Rows of a quiet hour. More rows: tighter limits.")
    ] = 100


class Mlflow(Section):
    """Optional experiment tracking; the image must have mlflow."""

    tracking_uri: str


def _is_text(value: Any) -> bool:
    """Whether a reader of CSV leaves it a text."""
    try:
        float(value)
    except ValueError:
        return True
    return False


class Config(Section):
    """The whole of a pipeline's config.yml."""

    problem: Literal["binary", "multiclass", "regression"] | None = Field(
        None, description="What the label is: yes or no, a class, or a number. Default: what data.label says."
    )
    data: Data
    split: Split
    slices: list[Name] = Field(default_factory=list, description="Columns whose values get metrics of their own.")
    instances: Jobs = Jobs()
    vpc: Vpc | None = Field(None, description="The jobs' network. Default: SageMaker's own.")
    kms: Keys = Keys()
    hyperparameters: Hyperparameters | None = Field(None, description="XGBoost's: a pipeline with a model.py has none.")
    parameters: list[str] = Field(
        default_factory=list,
        description="Hyperparameters that a run may set: each is a pipeline parameter. eta is Eta, max_depth MaxDepth.",
    )
    tuning: Tuning | None = Field(None, description="Search hyperparameters. Default: one training with those above.")
    model: Model | None = Field(None, description="Of a pipeline with a model.py.")
    decision: Decision | None = Field(None, description="Of a classification. Default: the best F1.")
    gates: Gates
    bias: Bias | None = None
    explainability: Explainability | None = None
    monitoring: Monitoring = Monitoring()
    mlflow: Mlflow | None = None

    @model_validator(mode="after")
    def _sections_agree(self) -> "Config":
        for name in self.slices:
            if name not in self.data.used:
                raise ValueError(f"slices: {name!r} is not a feature{nearest(name, self.data.used)}")
        group, columns = self.split.group, [name for name in self.data.columns if name != self.data.label_column]
        if group and group not in columns:
            raise ValueError(f"split.group: {group!r} is no column beside the label{nearest(group, columns)}")
        return self

    @property
    def kind(self) -> str:
        """The kind of problem: BINARY, MULTICLASS or REGRESSION."""
        if self.data.label is None:
            return REGRESSION
        return MULTICLASS if self.data.label.classes else BINARY

    def disagreements(self) -> Iterator[Disagreement]:
        """What the sections ask of the columns that those don't allow."""
        if self.problem and self.problem != self.kind:
            yield (
                ("problem",),
                f"found {self.problem}, and by data.label it is {self.kind}: {LABELS[self.problem]}",
            )
        yield from ((("instances", *place), text) for place, text in self.instances.disagreements())
        yield from self._wrong_metrics()
        yield from self._wrong_hyperparameters()
        yield from self._wrong_parameters()
        if self.tuning is not None:
            yield from ((("tuning", *place), text) for place, text in self._wrong_tuning(self.tuning))
        if self.decision is not None and self.kind == REGRESSION:
            yield ("decision",), "a number is not decided; data.label must say which labels are positive"
        if self.decision is not None and self.kind == MULTICLASS:
            yield ("decision",), "of several classes the most probable one is the answer: there is no threshold"
        if self.bias is not None:
            yield from ((("bias", *place), text) for place, text in self.bias.disagreements_with(self.data))
            if self.kind == MULTICLASS and self.monitoring.engine == "sagemaker":
                yield ("bias",), NOT_BY_CLARIFY
        if self.explainability is not None:
            yield from self._wrong_explanations(self.explainability)

    def _wrong_explanations(self, asked: Explainability) -> Iterator[Disagreement]:
        """What can't be explained, or not by Clarify."""
        names = (self.data.label.classes if self.data.label else None) or ()
        if ALL_CLASSES in names:
            yield ("explainability",), f"a class is called {ALL_CLASSES!r}, as the figures over all of them are"
        if self.monitoring.engine == "sagemaker" and self.kind == MULTICLASS:
            yield ("explainability",), NOT_BY_CLARIFY
        elif self.monitoring.engine == "sagemaker":
            yield from self.too_few_samples(asked)

    def too_few_samples(self, asked: Explainability) -> Iterator[Disagreement]:
        """Too few questions for a model that is asked, where the columns are its features."""
        count = len(self.data.used)
        if asked.num_samples < 2 * count:
            yield ("explainability", "num_samples"), f"{count} features need at least {2 * count}"

    def _wrong_metrics(self) -> Iterator[Disagreement]:
        """Metrics of the gates that the kind of problem doesn't have."""
        places = [(("gates", "thresholds", metric), metric) for metric in self.gates.thresholds]
        for place, metric in (*places, (("gates", "champion", "metric"), self.gates.champion.metric)):
            if metric not in METRICS[self.kind]:
                allowed = ", ".join(METRICS[self.kind])
                yield place, f"{metric!r} is not a metric of a {self.kind} problem; allowed: {allowed}"

    def _wrong_hyperparameters(self) -> Iterator[Disagreement]:
        """Hyperparameters that are not for the kind of problem."""
        given = self.hyperparameters
        if given is None:
            return
        family = str(given.objective or OBJECTIVES[self.kind]).partition(":")[0]
        if (BINARY if family == "binary" else MULTICLASS if family == "multi" else REGRESSION) != self.kind:
            yield ("hyperparameters", "objective"), f"{given.objective} is not for a {self.kind} problem"
        if self.kind == MULTICLASS and given.eval_metric not in (None, *OF_CLASSES):
            allowed = ", ".join(OF_CLASSES)
            yield (
                ("hyperparameters", "eval_metric"),
                f"{given.eval_metric} is not for several classes; allowed: {allowed}",
            )
        if self.kind == MULTICLASS and given.class_weight not in ("balanced", 1):
            yield (
                ("hyperparameters", "class_weight"),
                "a number weighs positive rows; of several classes: balanced, or 1",
            )

    def _wrong_parameters(self) -> Iterator[Disagreement]:
        """Hyperparameters that no run may set, or that have no value to begin with."""
        if self.hyperparameters is None and self.parameters:
            yield ("parameters",), "a run may set XGBoost's hyperparameters; those of a model.py are model.settings"
            return
        for name in self.parameters:
            if name not in NUMBERS:
                yield ("parameters",), f"{name!r} is not a hyperparameter that is a number{nearest(name, [*NUMBERS])}"
            elif self.parameters.count(name) > 1:
                yield ("parameters",), f"{name!r} is there twice"
            elif getattr(self.hyperparameters, name) is None:
                yield ("parameters",), f"give hyperparameters.{name} a value: it is what a run takes that sets no other"

    def _wrong_tuning(self, tuning: Tuning) -> Iterator[Disagreement]:
        """What can't be searched, or has no use of a search."""
        given = self.hyperparameters
        if given is None:
            yield (), "XGBoost's hyperparameters are searched; a model.py searches its settings itself"
            return
        yield from tuning.disagreements_with(NUMBERS, self.parameters, self.metric)
        for name, searched in tuning.ranges.items():
            for end in searched.ends if name in NUMBERS else ():
                try:
                    Hyperparameters.model_validate({**given.model_dump(), name: end})
                except ValidationError as error:
                    yield ("ranges", name), f"found {end:g}; {error.errors()[0]['msg']}"

    @property
    def metric(self) -> str:
        """XGBoost's, on the validation rows, for early stopping and tuning."""
        given = self.hyperparameters
        return given.eval_metric if given and given.eval_metric else EVAL_METRICS[self.kind]

    @property
    def training(self) -> dict[str, Any]:
        """The hyperparameters of Train, with what follows from the other sections."""
        if self.hyperparameters is None:
            settings = self.model.settings if self.model else {}
            return {"problem": self.kind, "settings": json.dumps(settings), "label": self.data.label_column}
        given = self.part("hyperparameters")["hyperparameters"]
        defaults = {"objective": OBJECTIVES[self.kind], "eval_metric": EVAL_METRICS[self.kind]}
        return {**defaults, **given, "label": self.data.label_column}

    def part(self, *sections: str) -> dict[str, Any]:
        """Some sections as a plain document, for a job; where the data lie is not a job's business."""
        return self.model_dump(mode="json", include=set(sections), exclude={"data": {"url"}}, exclude_none=True)


def load(path: Path) -> Config:
    """Read and validate a config.yml and the model.py beside it; everything that is wrong is in one UsageError."""
    found = settings_file.load(path, Config, lambda whole: _beside(path.parent, whole))
    if faults := model_file.faults(path.parent):
        raise UsageError("\n".join(faults))
    return found


def _beside(folder: Path, config: Config) -> Iterator[Disagreement]:
    """What config.yml says that the pipeline's model.py, or its absence, does not allow."""
    if not model_file.exists(folder):
        if config.hyperparameters is None:
            yield (), "key 'hyperparameters' is missing (or a model.py beside this file, which takes XGBoost's place)"
        if config.model is not None:
            yield ("model",), f"there is no {model_file.FILE} beside this file that it could be for"
        return
    if config.hyperparameters is not None:
        yield ("hyperparameters",), f"XGBoost's, whose place {model_file.FILE} takes: its own are model.settings"
    if config.explainability and config.monitoring.engine == "slipway" and not (folder / FEATURES).exists():
        yield from config.too_few_samples(config.explainability)
    if (count := config.instances.training.count) > 1:
        yield ("instances", "training", "count"), f"found {count}; {model_file.FILE} is fitted on one"


def schema() -> str:
    """The JSON Schema of config.yml, as config.schema.json holds it."""
    return settings_file.schema(Config)


def main(arguments: list[str]) -> int:
    """`schema` writes config.schema.json; `check` reads every config.yml."""
    return settings_file.command("slipway.build.config", arguments, Config, SCHEMA, FOLDER.glob("*/config.yml"))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
