"""A program of the SageMaker SDK that uses all of its driver scripts, run as it is."""

import textwrap
from pathlib import Path
from typing import Any

import pytest

from tests.journeys.shapes import ABALONE, ROLE, SKLEARN, XGBOOST, put

pytestmark = pytest.mark.journey

SDK_PROGRAM = """
    import boto3
    from sagemaker.core.processing import FrameworkProcessor
    from sagemaker.core.shapes import ProcessingInput, ProcessingOutput, ProcessingS3Input, ProcessingS3Output
    from sagemaker.core.training.configs import Compute, InputData, OutputDataConfig, SourceCode
    from sagemaker.core.transformer import Transformer
    from sagemaker.core.workflow.pipeline_context import PipelineSession
    from sagemaker.mlops.workflow.model_step import ModelStep
    from sagemaker.mlops.workflow.pipeline import Pipeline
    from sagemaker.mlops.workflow.steps import ProcessingStep, TrainingStep, TransformStep
    from sagemaker.serve.model_builder import ModelBuilder
    from sagemaker.train import ModelTrainer

    ROLE, XGBOOST, SKLEARN = {role!r}, {xgboost!r}, {sklearn!r}
    opt_out = {{"SchemaVersion": "1.0", "SageMaker": {{"PythonSDK": {{"Modules": {{"TelemetryOptOut": True}}}}}}}}
    session = PipelineSession(boto_session=boto3.Session(), default_bucket="bucket", sagemaker_config=opt_out)
    compute = Compute(instance_type="ml.m5.large", instance_count=1)

    processor = FrameworkProcessor(
        image_uri=SKLEARN, role=ROLE, instance_type="ml.m5.large", instance_count=1, sagemaker_session=session
    )
    source = ProcessingS3Input(
        s3_uri="s3://bucket/sdk/in/", local_path="/opt/ml/processing/in", s3_data_type="S3Prefix", s3_input_mode="File"
    )
    target = ProcessingS3Output(
        s3_uri="s3://bucket/sdk/out", local_path="/opt/ml/processing/out", s3_upload_mode="EndOfJob"
    )
    prepare = ProcessingStep("Prepare", step_args=processor.run(
        code="prepare.py", source_dir="src", arguments=["--rows", "400"],
        inputs=[ProcessingInput(input_name="in", s3_input=source)],
        outputs=[ProcessingOutput(output_name="out", s3_output=target)],
    ))
    data = InputData(
        channel_name="train", content_type="text/csv",
        data_source=prepare.properties.ProcessingOutputConfig.Outputs["out"].S3Output.S3Uri,
    )
    common = {{"role": ROLE, "sagemaker_session": session, "compute": compute, "input_data_config": [data],
              "output_data_config": OutputDataConfig(s3_output_path="s3://bucket/sdk/models")}}
    train = TrainingStep("Train", step_args=ModelTrainer(
        training_image=XGBOOST, hyperparameters={{"objective": "reg:squarederror", "num_round": 5}}, **common
    ).train())
    shell = TrainingStep("Shell", step_args=ModelTrainer(
        training_image=SKLEARN, source_code=SourceCode(source_dir="src", command="bash train.sh"),
        hyperparameters={{"alpha": 0.5}}, **common
    ).train())
    builder = ModelBuilder(
        s3_model_data_url=train.properties.ModelArtifacts.S3ModelArtifacts,
        image_uri=XGBOOST, role_arn=ROLE, sagemaker_session=session,
    )
    create = ModelStep("Create", step_args=builder.build())
    transformer = Transformer(
        model_name=create.properties.ModelName, instance_type="ml.m5.large", instance_count=1,
        output_path="s3://bucket/sdk/scored", assemble_with="Line", sagemaker_session=session,
    )
    score = TransformStep("Score", step_args=transformer.transform(
        data="s3://bucket/sdk/in/", content_type="text/csv", split_type="Line", input_filter="$[1:]",
    ))
    pipeline = Pipeline(name="sdk", steps=[prepare, train, shell, create, score], sagemaker_session=session)
    pipeline.upsert(role_arn=ROLE)
    execution = pipeline.start()
    execution.wait(delay=1, max_attempts=60)
    print([(step["StepName"], step["StepStatus"], step.get("FailureReason")) for step in execution.list_steps()])
    print(execution.describe()["PipelineExecutionStatus"])
"""


def test_an_sdk_program_with_every_driver_script_of_the_sdk(shared: Any, run_python: Any, tmp_path: Path) -> None:
    """FrameworkProcessor's runproc.sh with requirements, a ModelTrainer that runs a shell command, a Transformer."""
    source = tmp_path / "src"
    source.mkdir()
    (source / "prepare.py").write_text(
        "import argparse, sibling\n"
        "parser = argparse.ArgumentParser(); parser.add_argument('--rows', type=int)\n"
        "lines = open('/opt/ml/processing/in/rows.csv').readlines()[:parser.parse_args().rows]\n"
        "open('/opt/ml/processing/out/train.csv', 'w').writelines(lines)\n"
    )
    (source / "sibling.py").write_text("")
    (source / "requirements.txt").write_text("six\n")
    (source / "train.sh").write_text('set -e\n[ "$SM_HP_ALPHA" = 0.5 ]\npython train.py > $SM_MODEL_DIR/rows.txt\n')
    (source / "train.py").write_text("import os; print(len(os.listdir(os.environ['SM_CHANNEL_TRAIN'])))\n")
    rows = [line.split(",") for line in ABALONE]
    put(shared, "sdk/in/rows.csv", "".join(",".join([row[-1], *row[1:-1]]) + "\n" for row in rows))
    program = textwrap.dedent(SDK_PROGRAM.format(role=ROLE, xgboost=XGBOOST, sklearn=SKLEARN))
    environ = shared.environ | {"SAGEMAKER_VALIDATE_ROLE": "false"}
    done = run_python("-c", program, env=environ, cwd=tmp_path)
    assert done.stdout.strip().endswith("Succeeded"), done.stdout + done.stderr
    body = shared.client("s3").get_object(Bucket="bucket", Key="sdk/scored/rows.csv.out")["Body"].read()
    assert len(body.split()) == len(ABALONE)
