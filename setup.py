"""Packages and console commands."""

from setuptools import find_packages, setup

setup(
    name="slipway",
    version="0.1.0",
    description="Push code or data; get an approved, tested, monitored SageMaker endpoint",
    packages=find_packages(include=["pipelines*", "deploy*", "seed_code*", "slipway*", "loopback*"]),
    package_data={"pipelines": ["*/config.yml", "config.schema.json"], "deploy": ["*.yml", "*.txt", "stages/*"]},
    python_requires=">=3.11",
    entry_points={
        "console_scripts": [
            "get-pipeline-definition = pipelines.get_pipeline_definition:main",
            "run-pipeline = pipelines.run_pipeline:main",
            "slipway = slipway.__main__:main",
        ]
    },
)
