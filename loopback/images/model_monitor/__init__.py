"""The contract of the image sagemaker-model-monitor-analyzer: its variables, files, messages and exit codes.

What it computes is slipway.analysis. Importing this package is cheap; numpy and pyarrow load when an analysis begins.
"""
