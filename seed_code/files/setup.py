"""Packages and console commands."""

from setuptools import find_packages, setup

setup(
    name="model-project",
    version="0.1.0",
    description="Build and deploy a model with SageMaker Pipelines",
    packages=find_packages(include=["pipelines*", "slipway*"]),
    package_data={"pipelines": ["*/config.yml", "config.schema.json"]},
    python_requires=">=3.11",
    entry_points={
        "console_scripts": [
            "get-pipeline-definition = slipway.build.get_pipeline_definition:main",
            "run-pipeline = slipway.build.run_pipeline:main",
        ]
    },
)
