"""The data quality analyzer behind the image sagemaker-model-monitor-analyzer: statistics, constraints, violations.

Importing this package is cheap; numpy and pyarrow are loaded when an analysis begins.
"""
