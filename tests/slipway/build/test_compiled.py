"""A pipeline module that can't be compiled is refused in one message that says where."""

import json
import textwrap

import pytest

from slipway.build import compiled
from slipway.build.project import UsageError

CASES = {
    "nothing": ("", "pipelines.fraud.pipeline has no function get_pipeline(region, role, ...) that makes a pipeline"),
    "no pipeline": ("def get_pipeline(region): return 3", "returns int, not a pipeline of the SDK"),
    "an argument that nobody gives": (
        "def get_pipeline(region, role, bucket_kms_id): ...",
        "get_pipeline of pipelines.fraud.pipeline needs bucket_kms_id: give it with --kwargs",
    ),
    "bad syntax": ("x = (", "pipeline.py:1: SyntaxError: '(' was never closed"),
    "a name that is not there": ("import pipelines.nowhere", "pipeline.py:1: ModuleNotFoundError: No module named"),
    "an error of its own": (
        """
        def get_pipeline(region):
            return region["name"]
        """,
        "pipeline.py:3: TypeError: string indices must be integers, not 'str'",
    ),
}


@pytest.mark.parametrize(("code", "message"), CASES.values(), ids=CASES)
def test_what_is_wrong_with_a_module(code, message, project, tmp_path, imports_restored):
    folder = tmp_path / "pipelines" / "fraud"
    folder.mkdir(parents=True)
    (folder / "pipeline.py").write_text(textwrap.dedent(code))
    with pytest.raises(UsageError) as refused:
        compiled.build("pipelines.fraud.pipeline", project.arguments, tmp_path)
    assert message in str(refused.value)


FOREIGN = """
from sagemaker.core.workflow.parameters import ParameterString
from sagemaker.mlops.workflow.fail_step import FailStep
from sagemaker.mlops.workflow.pipeline import Pipeline

def get_pipeline(
    region, sagemaker_project_name=None, role=None, default_bucket=None,
    model_package_group_name="AbalonePackageGroup", pipeline_name="AbalonePipeline", base_job_prefix="Abalone",
    ):
    step = FailStep("Stop", error_message=model_package_group_name)
    return Pipeline(pipeline_name, parameters=[ParameterString("Bucket", default_bucket)], steps=[step])
"""


def test_a_module_of_awss_own_templates_is_compiled_as_it_is(tmp_path, project, imports_restored, monkeypatch):
    """The signature is that of pipelines/abalone/pipeline.py in AWS's MLOps template for model building."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "none")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "none")
    (tmp_path / "pipelines" / "abalone").mkdir(parents=True)
    (tmp_path / "pipelines" / "abalone" / "pipeline.py").write_text(FOREIGN)
    given = project.arguments | {"pipeline_name": "demo-p-1"}
    made = compiled.compile_pipeline("pipelines.abalone.pipeline", given, tmp_path)
    document = json.loads(made.text)
    assert (made.name, made.bundles, made.code) == ("demo-p-1", None, {})
    assert document["Parameters"] == [{"DefaultValue": "demo-bucket", "Name": "Bucket", "Type": "String"}]
    assert document["Steps"][0]["Arguments"] == {"ErrorMessage": "AbalonePackageGroup"}
    assert not (tmp_path / compiled.KEPT).exists()  # it may depend on more than these files
