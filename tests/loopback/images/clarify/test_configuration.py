"""Configurations that are refused: key, value, what is allowed."""

import pytest

from loopback.images.clarify import configuration
from slipway.analysis.errors import BadInput
from tests.loopback.images.clarify.conftest import PREDICTOR

BIAS = {
    "dataset_type": "text/csv",
    "label": "y",
    "label_values_or_threshold": [1],
    "facet": [{"name_or_index": "sex", "value_or_threshold": [0]}],
    "methods": {"pre_training_bias": {"methods": "all"}},
}
SHAP = {"dataset_type": "text/csv", "methods": {"shap": {}}, "predictor": PREDICTOR}


def without(config, *keys):
    return {key: value for key, value in config.items() if key not in keys}


@pytest.mark.parametrize(
    "config",
    [
        BIAS,
        SHAP,
        BIAS | {"methods": {"post_training_bias": {"methods": ["DI", "DPPL"]}}, "predicted_label": "told"},
        SHAP | {"predictor": {"endpoint_name": "live"}},
        SHAP | {"methods": {"shap": {"baseline": [[1, "a", None]]}, "pdp": {"grid_resolution": 5}}},
        SHAP | {"methods": {"shap": {"baseline": "s3://b/x.csv"}, "report": {"name": "r", "title": "t"}}},
        SHAP
        | {"predictor": PREDICTOR | {"content_type": "application/jsonlines", "content_template": '{"x":$features}'}},
    ],
)
def test_what_aws_documents_is_taken(config):
    configuration.check(config)


@pytest.mark.parametrize(
    ("config", "told"),
    [
        (without(BIAS, "methods"), "methods is missing"),
        (BIAS | {"methods": {}}, "methods asks for nothing; allowed: pre_training_bias, post_training_bias, shap, pdp"),
        (without(BIAS, "dataset_type"), "dataset_type is missing"),
        (BIAS | {"dataset_type": "text/xml"}, 'dataset_type is "text/xml"; allowed: text/csv, application/jsonlines'),
        (BIAS | {"facets": []}, "facets is not known (did you mean facet?)"),
        (without(BIAS, "facet"), "facet is missing: methods.pre_training_bias needs it"),
        (BIAS | {"facet": []}, "facet is []; allowed: a list of at least 1"),
        (BIAS | {"facet": [{"value_or_threshold": [1]}]}, "facet[0].name_or_index is missing"),
        (BIAS | {"probability_threshold": 2}, "probability_threshold is 2; allowed: a number from 0 to 1"),
        (BIAS | {"methods": {"pre_training_bias": {"methods": ["DI"]}}}, "allowed: all, or a list of CI, DPL, KL, JS"),
        (BIAS | {"methods": {"pre_training_bias": {}}}, "methods.pre_training_bias.methods is missing"),
        (BIAS | {"methods": {"post_training_bias": {"methods": "all"}}}, "predictor is missing"),
        (BIAS | {"segment_config": []}, "segment_config: metrics of segments is not available here"),
        (BIAS | {"version": "2.0"}, 'version is "2.0"; allowed: 1.0'),
        (SHAP | {"dataset_type": "application/x-image"}, "application/x-image"),
        (SHAP | {"dataset_type": "application/json"}, "features is missing"),
        (SHAP | {"methods": {"shap": {"agg_method": "mean"}}}, 'methods.shap.agg_method is "mean"; allowed: mean_abs'),
        (SHAP | {"methods": {"shap": {"num_samples": 0}}}, "methods.shap.num_samples is 0; allowed: a whole number"),
        (SHAP | {"methods": {"shap": {"use_logit": "yes"}}}, 'methods.shap.use_logit is "yes"; allowed: true, false'),
        (SHAP | {"methods": {"shap": {"baseline": []}}}, "methods.shap.baseline is []; allowed: a list of rows"),
        (
            SHAP | {"methods": {"shap": {"text_config": {}}}},
            "methods.shap.text_config: explaining text is not available",
        ),
        (SHAP | {"methods": {"asymmetric_shapley_value": {}}}, "explaining forecasts is not available here"),
        (SHAP | {"methods": {"pdp": {}}}, "methods.pdp.features is missing: only with methods.shap"),
        (
            SHAP | {"predictor": {"model_name": "m"}},
            "predictor.instance_type, predictor.initial_instance_count: missing",
        ),
        (SHAP | {"predictor": PREDICTOR | {"endpoint_name": "e"}}, "predictor.endpoint_name is given with model_name"),
        (SHAP | {"predictor": PREDICTOR | {"target_model": "a"}}, "a multi-model endpoint is not available here"),
        (SHAP | {"predictor": PREDICTOR | {"content_type": "image/png"}}, "predictor.content_type"),
        (SHAP | {"predictor": PREDICTOR | {"content_type": "application/jsonlines"}}, "must hold $features once"),
        (SHAP | {"predictor": PREDICTOR | {"content_type": "application/json"}}, "record_template are needed"),
        (SHAP | {"predictor": PREDICTOR | {"endpoint_name_prefix": "-x"}}, "predictor.endpoint_name_prefix"),
    ],
)
def test_what_is_wrong_is_named(config, told):
    with pytest.raises(BadInput) as fault:
        configuration.check(config)
    assert told in str(fault.value)
    assert str(fault.value).startswith("analysis_config.json: ")


def test_everything_that_is_wrong_is_told_at_once():
    with pytest.raises(BadInput, match=r"label is missing.*facet is missing"):
        configuration.check(without(BIAS, "label", "facet"))
