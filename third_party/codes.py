"""Whose code is run: repository, commit, what is typed, and what it needs beside itself."""

from dataclasses import dataclass
from pathlib import PurePosixPath

NOTEBOOKS = ("nbclient", "ipykernel")
V2, V3 = ("sagemaker<3",), ("sagemaker>=3.27,<4",)
ABALONE, PREPARED = "abalone", "abalone, prepared"


@dataclass(frozen=True)
class Code:
    """One code. `run` is typed in `folder`, or `notebook` is executed there by Jupyter.

    `packages` are of the Python that it runs with, which has nothing else; its version is `python`, or Slipway's own.
    `objects` are what it reads from buckets
    that AWS keeps for everybody: (bucket, key, table of ours that stands in). Nothing of its files is changed.
    """

    name: str
    repository: str
    commit: str
    folder: str
    run: str = ""
    notebook: str = ""
    packages: tuple[str, ...] = ()
    python: str = ""
    objects: tuple[tuple[str, str, str], ...] = ()


PROJECTS = ("aws-samples/sagemaker-custom-project-templates", "6906ed9046ace27f7f40c8eaff1248bb9cf46d08")
EXAMPLES = ("aws/amazon-sagemaker-examples", "2d519b52c3a2c2361f2b87f0d3de46fd6c0232a5")
SDK = ("aws/sagemaker-python-sdk", "a24812666d258d9d19c9a82d0c9385ca0bd3ba01")

SEED = (  # as the buildspec of a seed runs it
    "python -m pipelines.run_pipeline --module-name pipelines.abalone.pipeline "
    '--role-arn "$SAGEMAKER_PIPELINE_ROLE_ARN" '
    '--tags "[{\\"Key\\":\\"sagemaker:project-name\\",\\"Value\\":\\"NAME\\"}]" '
    '--kwargs "{\\"region\\":\\"us-east-1\\",\\"role\\":\\"$SAGEMAKER_PIPELINE_ROLE_ARN\\",'
    '\\"default_bucket\\":\\"$ARTIFACT_BUCKET\\",\\"pipeline_name\\":\\"NAME\\",'
    '\\"model_package_group_name\\":\\"NAME\\",\\"base_job_prefix\\":\\"NAME\\"}"'
)
SEED_BUCKET = "sagemaker-servicecatalog-seedcode-us-east-1"
SEED_DATA = (
    (SEED_BUCKET, "dataset/abalone-dataset.csv", ABALONE),
    (SEED_BUCKET, "dataset/abalone-dataset-batch", PREPARED),
)
SAMPLE_DATA = tuple(
    (bucket, "datasets/tabular/uci_abalone/abalone.csv", ABALONE)
    for bucket in ("sagemaker-sample-files", "sagemaker-example-files-prod-us-east-1")
)


def _seed(folder: str) -> Code:
    """The model-building half of a project template."""
    name = folder.partition("/")[0]
    return Code(name, *PROJECTS, folder, SEED.replace("NAME", name), packages=V2, objects=SEED_DATA)


def _v2(name: str, *packages: str, python: str = "") -> Code:
    """A notebook for version 2 of the SDK. The folders of its repository begin with blanks."""
    return _notebook(EXAMPLES, f"   ml_ops/{name}/{name}.ipynb", *V2, *packages, python=python)


def _v3(path: str, *packages: str) -> Code:
    return _notebook(SDK, f"v3-examples/ml-ops-examples/{path}", *V3, *packages)


def _notebook(where: tuple[str, str], path: str, *packages: str, python: str = "") -> Code:
    folder, _, file = path.rpartition("/")
    name = PurePosixPath(file).stem
    needs = (*packages, *NOTEBOOKS)
    return Code(name, *where, folder, notebook=file, packages=needs, python=python, objects=SEED_DATA + SAMPLE_DATA)


CODES = (
    _seed("mlops-deployment-patterns/seedcode/build"),
    _seed("mlops-shadow-deployment/seedcode/build"),
    _seed("serverless-inf/seedcode/build"),
    _seed("mlops-template-gitlab/seedcode/mlops-gitlab-project-seedcode-model-build"),
    _v3("v3-processing-job-sklearn.ipynb"),
    _v3("v3-pipeline-train-create-registry.ipynb"),
    _v3("v3-model-registry-example/v3-model-registry-example.ipynb"),
    _v3("v3-hyperparameter-tuning-example/v3-hyperparameter-tuning-pipeline.ipynb"),
    _v3("v3-transform-job-example.ipynb"),
    _v3("v3-lineage-tracking-example.ipynb"),
    _v2("sm-pipelines_step_caching"),
    _v2("sm-pipelines_lambda_step"),
    _v2("sm-pipelines_step_decorator", python="3.10"),
    _v2("sm-pipelines_step_decorator_with_condition_step", python="3.10"),
    _v2("sm-pipelines_preprocess_train_evaluate_batch_transform"),
    _v2("sm-pipelines_clarify_model_monitor_integration"),
    _v2("sm-pipelines_callback_step"),
)
