"""The model of a stage's explainability monitor, and the configuration that names it."""

import io
import json

import boto3
import pytest
from botocore.response import StreamingBody
from botocore.stub import Stubber

from slipway.deploy.explained import Explained, check_bias, registered_settings
from slipway.deploy.stage import Monitor
from slipway.deploy.versions import NotDeployableError

CONFIG = {
    "headers": ["a", "b"],
    "methods": {"shap": {"num_samples": 200, "num_clusters": 1}},
    "predictor": {"instance_type": "ml.m5.large", "initial_instance_count": 1},
}
DOCUMENTS = {
    "ConfigFile": {"S3Uri": "s3://bucket/code/1/analysis_config.json"},
    "Constraints": {"S3Uri": "s3://bucket/run/explain/analysis.json"},
}
RECORD = {"DriftCheckBaselines": {"Explainability": DOCUMENTS}}
GIVEN = {
    "SageMakerProjectName": "demo",
    "StageName": "prod",
    "ModelPackageName": "arn:package/7",
    "ModelExecutionRoleArn": "arn:role",
    "EndpointInstanceCount": "2",
}


@pytest.fixture
def bucket():
    s3 = boto3.client("s3", region_name="us-east-1", aws_access_key_id="x", aws_secret_access_key="y")
    with Stubber(s3) as stub:
        yield s3, stub


def holds(stub, document=CONFIG, objects=1):
    body = json.dumps(document).encode()
    stream = StreamingBody(io.BytesIO(body), len(body))
    stub.add_response("get_object", {"Body": stream}, {"Bucket": "bucket", "Key": "code/1/analysis_config.json"})
    beside = {"Bucket": "bucket", "Prefix": "run/explain/explanations_shap/baseline.csv", "MaxKeys": 1}
    stub.add_response("list_objects_v2", {"KeyCount": objects}, beside)


def test_a_version_that_says_nothing_has_nothing_to_read(bucket):
    assert registered_settings(bucket[0], {"DriftCheckBaselines": None}) == {}


def test_requests_are_explained_against_the_rows_that_the_baseline_was(bucket):
    s3, stub = bucket
    holds(stub)
    assert registered_settings(s3, RECORD)["methods"]["shap"] == {
        "num_samples": 200,
        "baseline": "s3://bucket/run/explain/explanations_shap/baseline.csv",
    }


def test_without_such_rows_clarify_finds_some(bucket):
    s3, stub = bucket
    holds(stub, objects=0)
    assert registered_settings(s3, RECORD) == CONFIG


def test_what_can_not_be_read_is_not_deployed(bucket):
    s3, stub = bucket
    stub.add_client_error("get_object", "NoSuchKey")
    with pytest.raises(NotDeployableError, match=r"configuration s3://bucket/code/1/\S+ of this version can't be read"):
        registered_settings(s3, RECORD)
    holds(stub, document=[1])
    with pytest.raises(NotDeployableError, match="is not a JSON object"):
        registered_settings(s3, RECORD)


def test_the_configuration_names_the_model():
    found = Explained.of(GIVEN, CONFIG)
    document = json.loads(found.config)
    assert document["predictor"] == CONFIG["predictor"] | {"model_name": found.model_name}
    assert document | {"predictor": CONFIG["predictor"]} == CONFIG
    assert found.model_name.startswith("demo-prod-explained-")
    assert found == Explained.of(GIVEN, CONFIG)


@pytest.mark.parametrize(
    "change",
    [
        {"ModelPackageName": "arn:package/8"},
        {"ModelExecutionRoleArn": "arn:other"},
        {"VpcSubnetIds": "subnet-1"},
        {"StageName": "staging"},
    ],
    ids=lambda change: next(iter(change)),
)
def test_what_a_model_is_made_of_is_in_its_name(change):
    assert Explained.of(GIVEN | change, CONFIG).model_name != Explained.of(GIVEN, CONFIG).model_name


def test_what_it_is_not_made_of_is_not():
    assert Explained.of(GIVEN | {"EndpointInstanceCount": "3"}, CONFIG) == Explained.of(GIVEN, CONFIG)


def test_the_longest_name_fits_and_is_still_its_own():
    long = {"SageMakerProjectName": "p" * 32, "StageName": "s" * 16}
    names = {Explained.of(GIVEN | long | {"ModelPackageName": f"arn:package/{n}"}, CONFIG).model_name for n in (7, 8)}
    assert len(names) == 2
    assert {len(name) for name in names} == {63}


@pytest.mark.parametrize(
    ("engine", "asked", "of_classes", "refused"),
    [
        ("sagemaker", "hourly", True, True),
        ("sagemaker", "hourly", False, False),
        ("sagemaker", "off", True, False),
        ("slipway", "hourly", True, False),
    ],
)
def test_bias_of_several_classes_is_not_watched_by_clarify(bucket, engine, asked, of_classes, refused):
    s3, stub = bucket
    body = json.dumps({"engine": "slipway"} if of_classes else {}).encode()
    if (engine, asked) == ("sagemaker", "hourly"):
        stream = StreamingBody(io.BytesIO(body), len(body))
        stub.add_response("get_object", {"Body": stream}, {"Bucket": "bucket", "Key": "code/1/analysis_config.json"})
    record = {"ModelPackageArn": "arn:p/7", "DriftCheckBaselines": {"Bias": DOCUMENTS}}
    monitor = Monitor.model_construct(engine=engine, bias=asked)
    if not refused:
        check_bias(s3, monitor, "prod", record)
    else:
        with pytest.raises(
            NotDeployableError, match=r"arn:p/7 tells one of several classes, .*engine: slipway in prod"
        ):
            check_bias(s3, monitor, "prod", record)
    stub.assert_no_pending_responses()
