"""Packages and console commands."""

from setuptools import find_packages, setup

setup(
    name="model-project",
    version="0.1.0",
    description="Build and deploy a model with SageMaker Pipelines",
    packages=find_packages(include=["pipelines*", "deploy*"]),
    package_data={"pipelines": ["*/config.yml", "config.schema.json"], "deploy": ["*.yml", "stages/*"]},
    python_requires=">=3.11",
    entry_points={
        "console_scripts": [
            "get-pipeline-definition = pipelines.get_pipeline_definition:main",
            "run-pipeline = pipelines.run_pipeline:main",
        ]
    },
)
