"""The checks of bias and explainability in a definition: their steps, their documents, what the registry gets."""

import json

import pytest

from tests.slipway.conftest import build_with

CLARIFY = {"engine": "sagemaker"}
BIAS = {"facets": {"intl_plan": ["yes"], "day_mins": [300]}, "group": "state"}


@pytest.fixture(scope="module")
def both(compiled_churn):
    return build_with("churn", bias=BIAS, explainability={"rows": 50, "num_samples": 64}, monitoring=CLARIFY)


def steps_of(definition):
    return {step["Name"]: step for step in definition["Steps"]}


def config_of(step, documents):
    """What a check is configured with; the document lies under its content."""
    (given,) = (i["S3Input"] for i in step["Arguments"]["ProcessingInputs"] if i["InputName"] == "analysis_config")
    return json.loads(documents[given["S3Uri"]])


def test_the_checks_are_there_when_they_are_asked_for(both, compiled_churn):
    without = steps_of(json.loads(compiled_churn.text))
    steps = steps_of(both[0])
    more = {name: step.get("CheckType", step["Type"]) for name, step in steps.items() if name not in without}
    assert more == {
        "Model": "Model",
        "DataBias": "DATA_BIAS",
        "ModelBias": "MODEL_BIAS",
        "Explain": "MODEL_EXPLAINABILITY",
    }
    assert all(steps[name]["FailOnViolation"] is True for name in more if name != "Model")
    assert steps["ModelBias"]["ModelName"] == steps["Explain"]["ModelName"] == {"Get": "Steps.Model.ModelName"}


@pytest.mark.parametrize(
    ("sections", "names"),
    [({"bias": BIAS}, {"DataBias", "ModelBias"}), ({"explainability": {}}, {"Explain"})],
)
def test_each_can_be_had_without_the_other(compiled_churn, sections, names):
    definition, _ = build_with("churn", **sections, monitoring=CLARIFY)
    assert {name for name, step in steps_of(definition).items() if step["Type"] == "ClarifyCheck"} == names
    skips = {p["Name"] for p in definition["Parameters"] if p["Name"].startswith("Skip")}
    assert skips == {"SkipDataQualityCheck", "SkipBiasCheck" if "bias" in sections else "SkipExplainabilityCheck"}


def test_a_regression_is_explained(compiled_abalone):
    definition, documents = build_with("abalone", explainability={}, monitoring=CLARIFY)
    found = config_of(steps_of(definition)["Explain"], documents)
    assert found["headers"][-1] == found["label"] == "rings"


def test_equal_input_is_equal_to_the_byte(both):
    again = build_with("churn", bias=BIAS, explainability={"rows": 50, "num_samples": 64}, monitoring=CLARIFY)
    assert json.dumps(again[0]) == json.dumps(both[0])
    assert again[1] == both[1]


def test_another_facet_changes_the_address_of_its_documents_only(both):
    definition, _ = build_with(
        "churn",
        bias=BIAS | {"group": "area_code"},
        explainability={"rows": 50, "num_samples": 64},
        monitoring=CLARIFY,
    )
    changed, same = steps_of(definition), steps_of(both[0])
    assert {name for name in same if changed[name] != same[name]} == {"Prepare", "DataBias", "ModelBias", "Gate"}


def test_the_checks_read_the_rows_that_prepare_writes_for_them(both):
    steps = steps_of(both[0])
    outputs = [o["OutputName"] for o in steps["Prepare"]["Arguments"]["ProcessingOutputConfig"]["Outputs"]]
    assert "checked" in outputs
    files = {
        name: steps[name]["Arguments"]["ProcessingInputs"][1]["S3Input"]["S3Uri"]["Std:Join"]["Values"][1]
        for name in ("DataBias", "ModelBias", "Explain")
    }
    assert files == {"DataBias": "train.csv", "ModelBias": "test.csv", "Explain": "explained.csv"}


def test_the_configuration_says_how_the_endpoint_is_asked(both):
    steps = steps_of(both[0])
    bias = config_of(steps["ModelBias"], both[1])
    assert bias["facet"] == [
        {"name_or_index": "intl_plan", "value_or_threshold": ["yes"]},
        {"name_or_index": "day_mins", "value_or_threshold": [300]},
    ]
    assert (bias["label"], bias["label_values_or_threshold"], bias["group_variable"]) == ("churn", [1], "state")
    assert bias["probability_threshold"] == 0.5
    assert bias["predictor"] == {
        "probability": 0,
        "instance_type": "ml.m5.xlarge",
        "initial_instance_count": 1,
        "endpoint_name_prefix": "sm-clarify-demo",
        "accept_type": "text/csv",
        "content_type": "text/csv",
    }
    assert config_of(steps["Explain"], both[1])["methods"]["shap"]["num_samples"] == 64


def test_the_registry_gets_what_the_monitors_compare_with(both):
    register = steps_of(both[0])["Gate"]["Arguments"]["IfSteps"][0]["Arguments"]
    baselines, metrics = register["DriftCheckBaselines"], register["ModelMetrics"]
    places = {
        f"{section}.{name}": document["S3Uri"]
        for section in ("Bias", "Explainability")
        for name, document in {**baselines[section], **metrics[section]}.items()
    }
    configs = {name: json.loads(both[1][places.pop(f"{name}.ConfigFile")]) for name in ("Bias", "Explainability")}
    assert places == {
        "Bias.PreTrainingConstraints": {"Get": "Steps.DataBias.BaselineUsedForDriftCheckConstraints"},
        "Bias.PostTrainingConstraints": {"Get": "Steps.ModelBias.BaselineUsedForDriftCheckConstraints"},
        "Bias.PreTrainingReport": {"Get": "Steps.DataBias.CalculatedBaselineConstraints"},
        "Bias.PostTrainingReport": {"Get": "Steps.ModelBias.CalculatedBaselineConstraints"},
        "Explainability.Constraints": {"Get": "Steps.Explain.BaselineUsedForDriftCheckConstraints"},
        "Explainability.Report": {"Get": "Steps.Explain.CalculatedBaselineConstraints"},
    }
    assert "predictor" not in configs["Bias"]  # the monitor reads what the endpoint has answered
    assert "model_name" not in configs["Explainability"]["predictor"]  # a stage has a model of its own
    assert configs["Explainability"]["headers"] == configs["Bias"]["headers"][:-1]


def test_by_default_they_are_jobs_on_the_project_s_own_image(both):
    definition, documents = build_with("churn", bias=BIAS, explainability={"rows": 50})
    steps = steps_of(definition)
    assert [name for name in steps if name in ("Bias", "Explain")] == ["Bias", "Explain"]
    assert {step["Type"] for step in steps.values()} == {"Processing", "Training", "Condition"}
    register = steps["Gate"]["Arguments"]["IfSteps"][0]["Arguments"]
    for section, names in (("Bias", ("data", "model")), ("Explainability", ("analysis",))):
        uris = json.dumps(register["DriftCheckBaselines"][section]), json.dumps(register["ModelMetrics"][section])
        assert all(f"{name}.json" in uri for name in names for uri in uris)
    theirs = steps_of(both[0])["Gate"]["Arguments"]["IfSteps"][0]["Arguments"]["DriftCheckBaselines"]
    configs = [
        json.loads(found[registered["Bias"]["ConfigFile"]["S3Uri"]])
        for found, registered in ((documents, register["DriftCheckBaselines"]), (both[1], theirs))
    ]
    assert {key: configs[1].get(key) for key in configs[0] if key != "methods"} == {
        key: value for key, value in configs[0].items() if key != "methods"
    }
