"""Default quotas, held against the instance types that botocore's model has for each operation."""

import botocore.session
import pytest

from loopback.core import service_quotas as quotas

SHAPES = {
    quotas.ENDPOINT: "ProductionVariantInstanceType",
    quotas.PROCESSING: "ProcessingInstanceType",
    quotas.TRAINING: "TrainingInstanceType",
    quotas.SPOT: "TrainingInstanceType",
    quotas.TRANSFORM: "TransformInstanceType",
}


@pytest.fixture(scope="module")
def known():
    model = botocore.session.get_session().get_service_model("sagemaker")
    return {use: set(model.shape_for(shape).enum) for use, shape in SHAPES.items()}


@pytest.mark.parametrize("use", SHAPES)
def test_every_type_of_the_table_is_one_that_the_operation_takes(known, use):
    assert quotas.recorded_types(use) <= known[use]


@pytest.mark.parametrize("use", SHAPES)
def test_what_is_not_in_the_table_is_not_known(known, use):
    for instance_type in known[use] - quotas.recorded_types(use):
        assert quotas.default_instances(instance_type, use) is None


@pytest.mark.parametrize(
    ("instance_type", "use", "default"),
    [
        ("ml.m5.large", quotas.ENDPOINT, 0),  # aws-samples/sagemaker-custom-project-templates#51
        ("ml.p3.2xlarge", quotas.TRAINING, 0),  # gabehollombe-aws/jupyter-notebooks#1
        ("ml.g4dn.2xlarge", quotas.PROCESSING, 0),  # aws/sagemaker-python-sdk#4574
        ("ml.t3.large", quotas.PROCESSING, 4),
        ("ml.t2.medium", quotas.ENDPOINT, 2),
        ("ml.m5.xlarge", quotas.SPOT, 4),
        ("ml.m7i.large", quotas.TRAINING, None),
        ("ml.p6-b200.48xlarge", quotas.TRAINING, None),
    ],
)
def test_the_default_of_a_type(instance_type, use, default):
    assert quotas.default_instances(instance_type, use) == default


def test_environments_of_builds_are_codebuild_s():
    model = botocore.session.get_session().get_service_model("codebuild")
    types, sizes = (model.shape_for(name).enum for name in ("EnvironmentType", "ComputeType"))
    found = {quota.name: quota.default for kind in types for size in sizes if (quota := quotas.build_quota(kind, size))}
    assert found == {quota.name: quota.default for quota in quotas.build_quotas()}
    assert found["Concurrently running builds for Linux/Small environment"] == 1


def test_names_are_unique():
    names = [quota.name for quota in (*quotas.OF_THE_ACCOUNT, *quotas.build_quotas())]
    assert len(set(names)) == len(names)
