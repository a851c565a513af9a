"""What runs behind the image sagemaker-clarify-processing: bias metrics, feature attributions, what drifted of them.

Importing this package is cheap; pandas and shap are loaded when an analysis needs them.
"""
