"""The image sagemaker-xgboost: the built-in algorithm, its hyperparameters, data formats and metrics."""
