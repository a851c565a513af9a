"""analysis_config.json, held against the schema that AWS documents.

Source: AWS, clarify-processing-job-configure-analysis.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from loopback.images.clarify import shapes
from loopback.images.clarify.shapes import COUNT, FLAG, INTEGER, NAME_OR_INDEX, SHARE, TEXT, VALUE, Keyed, Leaf, Listed
from slipway.analysis.errors import BadInput

FILE = "analysis_config.json"
CSV, JSON_LINES, JSON, PARQUET = "text/csv", "application/jsonlines", "application/json", "application/x-parquet"
CAPTURE = "application/sagemakercapturejson"
PRE_TRAINING = ("CI", "DPL", "KL", "JS", "LP", "TVD", "KS", "CDDL")
POST_TRAINING = ("DPPL", "DI", "DCA", "DCR", "RD", "SD", "DAR", "DRR", "AD", "CDDPL", "TE", "FT", "GE")
THRESHOLD = 0.5
_MODEL = ("model_name", "instance_type", "initial_instance_count")
_PREFIX = re.compile(r"[a-zA-Z0-9](-*[a-zA-Z0-9])*")

Config = Mapping[str, Any]


def _metrics(known: tuple[str, ...]) -> Keyed:
    def fits(value: Any) -> bool:
        return value == "all" or (isinstance(value, list) and bool(value) and set(map(str, value)) <= {*known, "all"})

    return Keyed({"methods": Leaf(f"all, or a list of {', '.join(known)}", fits)}, ("methods",))


def _is_baseline(value: Any) -> bool:
    rows = isinstance(value, list) and bool(value) and all(isinstance(row, list | dict) for row in value)
    return rows or (isinstance(value, str) and value.startswith("s3://"))


_SHAP = Keyed(
    {
        "baseline": Leaf("a list of rows, or an s3:// URI", _is_baseline),
        "num_clusters": COUNT,
        "num_samples": COUNT,
        "agg_method": shapes.one_of("mean_abs", "median", "mean_sq"),
        "use_logit": FLAG,
        "save_local_shap_values": FLAG,
        "seed": INTEGER,
    },
    refused={
        "text_config": "explaining text",
        "image_config": "explaining images",
        "features_to_explain": "explaining some of the features",
    },
)
_PREDICTOR = Keyed(
    {
        "model_name": TEXT,
        "instance_type": TEXT,
        "initial_instance_count": COUNT,
        "endpoint_name": TEXT,
        "endpoint_name_prefix": Leaf(
            "letters, digits and single hyphens", lambda v: isinstance(v, str) and bool(_PREFIX.fullmatch(v))
        ),
        "content_type": shapes.one_of(CSV, JSON_LINES, JSON),
        "accept_type": shapes.one_of(CSV, JSON_LINES, JSON),
        "content_template": TEXT,
        "record_template": TEXT,
        "custom_attributes": TEXT,
        "label": NAME_OR_INDEX,
        "probability": NAME_OR_INDEX,
        "label_headers": Listed(VALUE),
    },
    refused={
        "accelerator_type": "Elastic Inference",
        "target_model": "a multi-model endpoint",
        "time_series_predictor_config": "explaining forecasts",
    },
)
_FACET = Keyed({"name_or_index": NAME_OR_INDEX, "value_or_threshold": Listed(VALUE)}, ("name_or_index",))
SCHEMA = Keyed(
    {
        "version": shapes.one_of("1.0"),
        "dataset_type": shapes.one_of(CSV, JSON_LINES, JSON, PARQUET, CAPTURE),
        "dataset_uri": TEXT,
        "headers": Listed(TEXT),
        "label": NAME_OR_INDEX,
        "predicted_label": NAME_OR_INDEX,
        "features": TEXT,
        "label_values_or_threshold": Listed(VALUE),
        "probability_threshold": SHARE,
        "facet": Listed(_FACET),
        "facet_dataset_uri": TEXT,
        "facet_headers": Listed(TEXT),
        "predicted_label_dataset_uri": TEXT,
        "predicted_label_headers": Listed(TEXT),
        "excluded_columns": Listed(NAME_OR_INDEX),
        "joinsource_name_or_index": NAME_OR_INDEX,
        "group_variable": NAME_OR_INDEX,
        "methods": Keyed(
            {
                "pre_training_bias": _metrics(PRE_TRAINING),
                "post_training_bias": _metrics(POST_TRAINING),
                "shap": _SHAP,
                "pdp": Keyed({"grid_resolution": COUNT, "features": Listed(NAME_OR_INDEX), "top_k_features": COUNT}),
                "report": Keyed({"name": TEXT, "title": TEXT}),
            },
            refused={"asymmetric_shapley_value": "explaining forecasts"},
        ),
        "predictor": _PREDICTOR,
    },
    ("methods",),
    refused={"time_series_data_config": "explaining forecasts", "segment_config": "metrics of segments"},
)


def read(folder: Path) -> dict[str, Any]:
    """The document, whose name may be another one where it is alone. Raises BadInput when it is no JSON object."""
    found = sorted(folder.glob("*.json"))
    path = folder / FILE if len(found) != 1 else found[0]
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise BadInput(f"there is no {FILE}: the input analysis_config must be a file of that name") from None
    except ValueError as error:
        raise BadInput(f"{path.name} is not JSON: {error}") from error
    if not isinstance(document, dict):
        raise BadInput(f"{path.name} is not a JSON object")
    return document


def check(config: Config) -> None:
    """Raise BadInput with everything that is wrong with a configuration."""
    found = list(shapes.faults(config, SCHEMA, ""))
    found = found or [*_methods(config), *_bias(config), *_explanation_faults(config), *_predictor(config)]
    if found:
        raise BadInput(f"{FILE}: {'; '.join(found)}")


def asks_the_model(config: Config) -> bool:
    """Whether the analysis needs answers that are not in its data."""
    methods = config["methods"]
    told = str(config.get("dataset_type", "")).lower() == CAPTURE
    told = told or any(key in config for key in ("predicted_label", "predicted_label_dataset_uri"))
    return "shap" in methods or "pdp" in methods or ("post_training_bias" in methods and not told)


def _methods(config: Config) -> Iterator[str]:
    if "dataset_type" not in config:
        yield "dataset_type is missing"
    if not {*config["methods"]} - {"report"}:
        yield "methods asks for nothing; allowed: pre_training_bias, post_training_bias, shap, pdp"
    if str(config.get("dataset_type", "")).lower() == JSON and "features" not in config:
        yield f"features is missing: with dataset_type {JSON} it is the JMESPath of the matrix of feature values"


def _bias(config: Config) -> Iterator[str]:
    methods = [name for name in ("pre_training_bias", "post_training_bias") if name in config["methods"]]
    for key in ("label", "label_values_or_threshold", "facet"):
        if methods and key not in config:
            yield f"{key} is missing: methods.{methods[0]} needs it"


def _explanation_faults(config: Config) -> Iterator[str]:
    methods = config["methods"]
    if "pdp" in methods and "features" not in methods["pdp"] and "shap" not in methods:
        yield "methods.pdp.features is missing: only with methods.shap are the features chosen by their attributions"


def _predictor(config: Config) -> Iterator[str]:
    predictor = config.get("predictor")
    if predictor is None:
        if asks_the_model(config):
            yield "predictor is missing: the analysis needs a model's answers"
        return
    named = [key for key in _MODEL if key in predictor]
    if "endpoint_name" in predictor and named:
        yield f"predictor.endpoint_name is given with {', '.join(named)}; allowed: one or the other"
    elif "endpoint_name" not in predictor and asks_the_model(config):
        missing = [f"predictor.{key}" for key in _MODEL if key not in predictor]
        yield from ([f"{', '.join(missing)}: missing, and so is predictor.endpoint_name"] if missing else [])
    yield from _templates(predictor, content_type(config))


def content_type(config: Config) -> str:
    """What the model is asked in: the predictor's, else the data set's; CSV where that is none of a request's."""
    found = str(config["predictor"].get("content_type") or config.get("dataset_type", "")).lower()
    return found if found in (JSON_LINES, JSON) else CSV


def _templates(predictor: Config, kind: str) -> Iterator[str]:
    content, record = predictor.get("content_template", ""), predictor.get("record_template", "")
    if kind == JSON_LINES and content.count("$features") != 1:
        yield f"predictor.content_template is {content!r}; with {JSON_LINES} it must hold $features once"
    if kind == JSON and not ("$record" in content and record):
        yield f"predictor.content_template ($records or $record) and record_template are needed with {JSON}"
