"""The kinds of problems, as config.yml names them, and the section of evaluation.json that has the figures of each."""

BINARY, MULTICLASS, REGRESSION = "binary", "multiclass", "regression"
SECTIONS = {
    BINARY: "binary_classification_metrics",
    MULTICLASS: "multiclass_classification_metrics",
    REGRESSION: "regression_metrics",
}
METRICS = {  # those that a gate may ask for
    BINARY: ("auc", "accuracy", "precision", "recall", "f1", "log_loss"),
    MULTICLASS: (
        *("accuracy", "macro_f1", "macro_precision", "macro_recall", "lowest_precision", "lowest_recall"),
        *("weighted_precision", "weighted_recall", "weighted_f0_5", "weighted_f1", "weighted_f2", "log_loss"),
    ),
    REGRESSION: ("r2", "rmse", "mae", "mse"),
}
LOWER_IS_BETTER = ("rmse", "mae", "mse", "log_loss")
