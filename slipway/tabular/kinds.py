"""The kinds of problems, as config.yml names them, and the section of evaluation.json that has the figures of each."""

BINARY, REGRESSION = "binary", "regression"
SECTIONS = {BINARY: "binary_classification_metrics", REGRESSION: "regression_metrics"}
