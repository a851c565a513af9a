"""What both pipelines' steps have in common: images, code, caching, retries, where outputs go. SDK v3 lives here."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, TypeAlias

from sagemaker.core import image_uris
from sagemaker.core.helper.pipeline_variable import PipelineVariable
from sagemaker.core.model_metrics import MetricsSource
from sagemaker.core.network import NetworkConfig
from sagemaker.core.processing import Processor
from sagemaker.core.shapes import (
    ProcessingInput,
    ProcessingOutput,
    ProcessingS3Input,
    ProcessingS3Output,
)
from sagemaker.core.training.configs import (
    CheckpointConfig,
    Compute,
    InputData,
    Networking,
    OutputDataConfig,
    StoppingCondition,
)
from sagemaker.core.workflow.conditions import (
    Condition,
    ConditionGreaterThanOrEqualTo,
    ConditionLessThanOrEqualTo,
)
from sagemaker.core.workflow.execution_variables import ExecutionVariables
from sagemaker.core.workflow.functions import Join, JsonGet
from sagemaker.core.workflow.parameters import ParameterBoolean, ParameterFloat, ParameterInteger, ParameterString
from sagemaker.core.workflow.properties import PropertyFile
from sagemaker.mlops.workflow.pipeline import Pipeline
from sagemaker.mlops.workflow.retry import (
    SageMakerJobExceptionTypeEnum,
    SageMakerJobStepRetryPolicy,
    StepExceptionTypeEnum,
    StepRetryPolicy,
)
from sagemaker.mlops.workflow.steps import CacheConfig, ProcessingStep, Step, TrainingStep, TuningStep
from sagemaker.serve.model_builder import ModelBuilder
from sagemaker.train import ModelTrainer

from slipway.build.bundles import Bundle
from slipway.build.config import NUMBERS, Config, load
from slipway.build.job_settings import MAX_RUNTIME_SECONDS
from slipway.build.project import Project
from slipway.build.project_pipeline import ProjectPipeline
from slipway.build.session import Recording
from slipway.tabular.kinds import LOWER_IS_BETTER, SECTIONS

XGBOOST = "3.2-0"  # one image for every job and for serving: one set of pins
PROCESSING = "/opt/ml/processing"
# Each start of a container installs its code folder with pip. With the image's own setuptools that asks no package
# index, which a subnet may lack. The value means yes: pip reads the variable as the value of `build isolation`.
OFFLINE = {"PIP_NO_BUILD_ISOLATION": "0", "PIP_DISABLE_PIP_VERSION_CHECK": "1"}
# The container falls over an empty SAGEMAKER_PROGRAM, which the SDK writes when nothing is given.
SERVING = {
    "SAGEMAKER_PROGRAM": "inference.py",
    "SAGEMAKER_SUBMIT_DIRECTORY": "/opt/ml/model/code",
    "SAGEMAKER_DEFAULT_INVOCATIONS_ACCEPT": "text/csv",  # for callers that do not say: what the monitors read
    **OFFLINE,
}
CACHE = CacheConfig(enable_caching=True, expire_after="P30D")
REPORT = PropertyFile(name="EvaluationReport", output_name="evaluation", path="evaluation.json")
STEP_RETRIES = StepRetryPolicy(
    [StepExceptionTypeEnum.SERVICE_FAULT, StepExceptionTypeEnum.THROTTLING], 2.0, 5, max_attempts=3
)
JOB_RETRIES = SageMakerJobStepRetryPolicy(
    failure_reason_types=[SageMakerJobExceptionTypeEnum.INTERNAL_ERROR],
    backoff_rate=2.0,
    interval_seconds=5,
    max_attempts=3,
)
CAPACITY_RETRIES = SageMakerJobStepRetryPolicy(  # another job has to end, or the zone to have room: half an hour
    exception_types=[SageMakerJobExceptionTypeEnum.RESOURCE_LIMIT],
    failure_reason_types=[SageMakerJobExceptionTypeEnum.CAPACITY_ERROR],
    backoff_rate=2.0,
    interval_seconds=60,
    max_attempts=5,
)
RETRIES = [STEP_RETRIES, JOB_RETRIES, CAPACITY_RETRIES]

Trained: TypeAlias = TrainingStep | TuningStep  # what makes the model


@dataclass(frozen=True)
class Parameters:
    """What may change from run to run without changing the definition. Defaults come from config.yml."""

    input_data: ParameterString
    data_version: ParameterString
    commit: ParameterString
    champion: ParameterString
    approval: ParameterString
    processing_type: ParameterString
    training_type: ParameterString
    training_count: ParameterInteger
    skip_check: ParameterBoolean
    skip_bias: "ParameterBoolean | None"  # where config.yml asks for the check
    skip_explainability: "ParameterBoolean | None"
    new_baseline: ParameterBoolean
    margin: ParameterFloat
    thresholds: Mapping[str, ParameterFloat]
    hyperparameters: Mapping[str, ParameterFloat | ParameterInteger]  # those that a run may set, by XGBoost's names

    @classmethod
    def of(cls, config: Config, project: Project) -> "Parameters":
        """The parameters of a pipeline with this configuration."""
        url, jobs, gates = config.data.url, config.instances, config.gates
        return cls(
            ParameterString("InputDataUrl", url if "://" in url else f"s3://{project.bucket}/{url}"),
            ParameterString("DataVersion", "unknown"),
            ParameterString("CommitId", "unknown"),
            ParameterString("ChampionModelPackageArn", "latest"),
            ParameterString("ModelApprovalStatus", "PendingManualApproval", ["PendingManualApproval", "Approved"]),
            ParameterString("ProcessingInstanceType", jobs.processing.type),
            ParameterString("TrainingInstanceType", jobs.training.type),
            ParameterInteger("TrainingInstanceCount", jobs.training.count),
            ParameterBoolean("SkipDataQualityCheck", default_value=True),
            ParameterBoolean("SkipBiasCheck", default_value=True) if config.bias else None,
            ParameterBoolean("SkipExplainabilityCheck", default_value=True) if config.explainability else None,
            ParameterBoolean("RegisterNewBaseline", default_value=True),
            ParameterFloat("ChampionMargin", gates.champion.margin),
            {metric: ParameterFloat(threshold_name(metric), value) for metric, value in gates.thresholds.items()},
            {name: _hyperparameter(name, getattr(config.hyperparameters, name)) for name in config.parameters},
        )

    def all(self) -> list[Any]:
        """In the order of the definition."""
        values = {name: parameter for name, parameter in vars(self).items() if parameter is not None}
        return [*values.pop("thresholds").values(), *values.pop("hyperparameters").values(), *values.values()]


def _hyperparameter(name: str, value: float) -> ParameterFloat | ParameterInteger:
    kind = ParameterInteger if NUMBERS[name] is int else ParameterFloat
    return kind(parameter_name(name), value)


def parameter_name(hyperparameter: str) -> str:
    """`Eta`, `MaxDepth`."""
    return hyperparameter.title().replace("_", "")


def threshold_name(metric: str) -> str:
    """`MinAuc`, `MaxRmse`."""
    return ("Max" if metric in LOWER_IS_BETTER else "Min") + metric.title().replace("_", "")


@dataclass(frozen=True)
class Workshop:
    """Makes the steps of one pipeline; a step's code bundle is remembered in `bundles`, by step name."""

    project: Project
    folder: Path  # the pipeline's: its name is the pipeline's name
    config: Config
    bundles: dict[str, Bundle] = field(default_factory=dict)

    @classmethod
    def beside(cls, file: str, **arguments: str | None) -> "Workshop":
        """Of the pipeline in the folder of a file, its pipeline.py; `arguments` are those of its get_pipeline."""
        folder = Path(file).resolve().parent
        return cls(Project.from_arguments(arguments), folder, load(folder / "config.yml"))

    @cached_property
    def parameters(self) -> Parameters:
        """The parameters of this pipeline."""
        return Parameters.of(self.config, self.project)

    @cached_property
    def session(self) -> Recording:
        """A session that only records."""
        return Recording(self.project, self.keep)

    @cached_property
    def name(self) -> str:
        """The name of the pipeline."""
        return self.project.pipeline_name(self.folder.name)

    @property
    def group(self) -> str:
        """The name of its model package group."""
        return self.project.group or self.name

    @property
    def section(self) -> str:
        """The section of evaluation.json that the gate reads."""
        return SECTIONS[self.config.kind]

    @cached_property
    def image(self) -> str:
        """The XGBoost image of this region."""
        return str(image_uris.retrieve("xgboost", self.project.region, version=XGBOOST))

    def code(self, step: str, bundle: Bundle) -> str:
        """Remember a step's code and say where it will be."""
        self.bundles[step] = bundle
        return f"s3://{self.project.bucket}/{bundle.key(self.name)}"

    def keep(self, name: str, content: bytes) -> str:
        """Remember a document as code is remembered, under its content; its address."""
        document = Bundle({name: content})
        return f"{self.code(f'{name} {document.digest}', document)}/{name}"

    def output(self, step: str, *parts: str) -> Join:
        """Where a step writes: below the execution's own id."""
        root = f"s3://{self.project.bucket}/{self.name}"
        return Join("/", [root, ExecutionVariables.PIPELINE_EXECUTION_ID, step.lower(), *parts])

    def processing(
        self, step: str, bundle: Bundle, inputs: Mapping[str, Any], outputs: Sequence[str], **options: Any
    ) -> ProcessingStep:
        """A processing step: `inputs` by name lie below /opt/ml/processing/input, `outputs` below .../output.

        Options: `env` for the job, `property_files` for the step.
        """
        job = Processor(
            image_uri=self.image,
            role=self.project.role,
            instance_count=1,
            instance_type=self.parameters.processing_type,
            volume_size_in_gb=self.config.instances.processing.volume_gb,
            entrypoint=["python3", f"{PROCESSING}/input/code/{step.lower()}.py"],
            env=self._environment(options.pop("env", {})),
            volume_kms_key=self.config.kms.volume,
            output_kms_key=self.config.kms.output,
            network_config=self._network(),
            sagemaker_session=self.session,
        )
        sources = {"code": self.code(step, bundle), **inputs}
        arguments = job.run(
            inputs=[_reads(name, uri) for name, uri in sources.items()],
            outputs=[_writes(name, self.output(step, name)) for name in outputs],
        )
        return ProcessingStep(step, step_args=arguments, cache_config=CACHE, retry_policies=list(RETRIES), **options)

    def lifecycle(self, skip: ParameterBoolean) -> dict[str, Any]:
        """The variables that tell a job whether to compare with an earlier baseline; see slipway.tabular.baselines."""
        return {
            "SKIP_CHECK": skip.to_string(),
            "REGISTER_NEW_BASELINE": self.parameters.new_baseline.to_string(),
            "MODEL_PACKAGE_GROUP_NAME": self.group,
        }

    def _environment(self, own: Mapping[str, Any]) -> dict[str, Any]:
        """A job's variables: containers have AWS_REGION, and boto3 looks for this one."""
        return {"AWS_DEFAULT_REGION": self.project.region, **own}

    def _network(self) -> NetworkConfig | None:
        """The network of a processing job; None for SageMaker's own."""
        vpc = self.config.vpc
        return NetworkConfig(subnets=vpc.subnets, security_group_ids=vpc.security_groups) if vpc else None

    def training(self, bundle: Bundle, channels: Mapping[str, Any]) -> Trained:
        """The step that trains, once or, where config.yml has `tuning`, many times."""
        trainer, tuning, retries = self._trainer(bundle, channels), self.config.tuning, list(RETRIES)
        if tuning is None:
            return TrainingStep("Train", step_args=trainer.train(), cache_config=CACHE, retry_policies=retries)
        from slipway.build import tuning_step  # what only this needs of the SDK takes its time to load

        # One address for all runs: an earlier run's models are still found where its search is not repeated.
        trainer.output_data_config.s3_output_path = f"s3://{self.project.bucket}/{self._tuned_models}"
        return tuning_step.tune(trainer, tuning, self.config.metric, CACHE, retries)

    @property
    def _tuned_models(self) -> str:
        """The folder of the bucket with the models of tuning jobs, each below the name of its training job."""
        return f"{self.name}/tune"

    def trained_model(self, trained: Trained) -> Any:
        """The address of the model that a step has trained; of a tuning step the best of its models."""
        if isinstance(trained, TrainingStep):
            return trained.properties.ModelArtifacts.S3ModelArtifacts
        return trained.get_top_model_s3_uri(0, self.project.bucket, self._tuned_models)

    def _trainer(self, bundle: Bundle, channels: Mapping[str, Any]) -> ModelTrainer:
        """The training, in the container's own script mode: the code is one content-addressed archive.

        It has no metric definitions: the image brings its own, which find what XGBoost prints, and refuses others.
        """
        given = self.config.training | {
            "label": _text(self.config.data.label_column),
            **({"decision": decision.model_dump_json()} if (decision := self.config.decision) else {}),
            "sagemaker_program": "train.py",
            "sagemaker_submit_directory": self.code("Train", bundle),
            "sagemaker_region": self.project.region,  # of the bucket that this archive is in
        }
        given |= {name: parameter.to_string() for name, parameter in self.parameters.hyperparameters.items()}
        mlflow, vpc, keys = self.config.mlflow, self.config.vpc, self.config.kms
        trainer = ModelTrainer(
            training_image=self.image,
            role=self.project.role,
            sagemaker_session=self.session,
            compute=Compute(
                instance_type=self.parameters.training_type,
                instance_count=self.parameters.training_count,
                volume_size_in_gb=self.config.instances.training.volume_gb,
                volume_kms_key_id=keys.volume,
            ),
            networking=Networking(subnets=vpc.subnets, security_group_ids=vpc.security_groups) if vpc else None,
            stopping_condition=StoppingCondition(max_runtime_in_seconds=MAX_RUNTIME_SECONDS),
            output_data_config=OutputDataConfig(s3_output_path=self.output("Train"), kms_key_id=keys.output),
            hyperparameters={
                key: value if isinstance(value, PipelineVariable) else str(value) for key, value in given.items()
            },
            environment=self._environment(
                OFFLINE | (self._tracking(mlflow.tracking_uri) if mlflow else {}),
            ),
            input_data_config=[InputData(channel_name=name, data_source=uri) for name, uri in channels.items()],
        )
        if self.config.instances.training.spot:
            self._take_spare_capacity(trainer, bundle)
        return trainer

    def _take_spare_capacity(self, trainer: ModelTrainer, bundle: Bundle) -> None:
        """Managed spot training. What the address of the checkpoints names is what a cache hit depends on anyway."""
        training, root = self.config.instances.training, f"s3://{self.project.bucket}/{self.name}/checkpoints"
        trainer.compute.enable_managed_spot_training = True
        trainer.stopping_condition.max_wait_time_in_seconds = training.max_wait_seconds or 2 * MAX_RUNTIME_SECONDS
        trainer.checkpoint_config = CheckpointConfig(
            s3_uri=Join("/", [root, self.parameters.data_version, bundle.digest])
        )

    def _tracking(self, uri: str) -> dict[str, str]:
        return {"MLFLOW_TRACKING_URI": uri, "MLFLOW_EXPERIMENT_NAME": self.folder.name}

    def model(self, trained: Trained) -> ModelBuilder:
        """What Train has made, in the image that serves it."""
        return ModelBuilder(
            s3_model_data_url=self.trained_model(trained),
            image_uri=self.image,
            env_vars=dict(SERVING),
            role_arn=self.project.role,
            sagemaker_session=self.session,
        )

    def check_job(self) -> Any:
        """What a check of AWS's runs on."""
        from sagemaker.mlops.workflow.check_job_config import CheckJobConfig  # SageMaker's monitors only

        processing = self.config.instances.processing
        return CheckJobConfig(
            role=self.project.role,
            instance_type=processing.type,
            volume_size_in_gb=processing.volume_gb,
            volume_kms_key=self.config.kms.volume,
            output_kms_key=self.config.kms.output,
            network_config=self._network(),
            sagemaker_session=self.session,
        )

    def conditions(self, evaluated: ProcessingStep) -> list[Condition]:
        """The thresholds of config.yml, and not beyond doubt worse than the champion by more than the margin."""
        checks: list[Condition] = []
        for metric, parameter in self.parameters.thresholds.items():
            better = ConditionLessThanOrEqualTo if metric in LOWER_IS_BETTER else ConditionGreaterThanOrEqualTo
            checks.append(better(figure(evaluated, f"{self.section}.{metric}.value"), parameter))
        worse = figure(evaluated, "champion.worse_by.low")
        return [*checks, ConditionLessThanOrEqualTo(worse, self.parameters.margin)]

    def figures(self, evaluated: ProcessingStep) -> Join:
        """Why a model was not registered, in figures."""
        words: list[Any] = ["Not registered: "]
        for metric, parameter in self.parameters.thresholds.items():
            words += [f"{metric} ", figure(evaluated, f"{self.section}.{metric}.value")]
            words += [f" ({threshold_name(metric)} ", parameter, "), "]
        words += [figure(evaluated, "champion.summary"), " (ChampionMargin ", self.parameters.margin, ")"]
        return Join("", words)

    def finish(self, steps: list[Step]) -> Pipeline:
        """The pipeline of these steps."""
        return ProjectPipeline(self, steps)


def _text(value: str) -> str:
    """A text as a hyperparameter: the container reads what is JSON as JSON, so `2024` would become a number."""
    try:
        json.loads(value)
    except ValueError:
        return value
    return json.dumps(value)


def figure(evaluated: ProcessingStep, path: str) -> JsonGet:
    """A number, or a text, of evaluation.json."""
    return JsonGet(step_name=evaluated.name, property_file=REPORT, json_path=path)


def output_uri(step: ProcessingStep, output: str) -> Any:
    """Where a step has written an output."""
    return step.properties.ProcessingOutputConfig.Outputs[output].S3Output.S3Uri


def document(uri: Any) -> MetricsSource:
    """A JSON document of a version in the registry."""
    return MetricsSource(content_type="application/json", s3_uri=uri)


def _reads(name: str, uri: Any) -> ProcessingInput:
    source = ProcessingS3Input(
        s3_uri=uri,
        local_path=f"{PROCESSING}/input/{name}",
        s3_data_type="S3Prefix",
        s3_input_mode="File",
        s3_data_distribution_type="FullyReplicated",
    )
    return ProcessingInput(input_name=name, s3_input=source)


def _writes(name: str, uri: Any) -> ProcessingOutput:
    target = ProcessingS3Output(s3_uri=uri, local_path=f"{PROCESSING}/output/{name}", s3_upload_mode="EndOfJob")
    return ProcessingOutput(output_name=name, s3_output=target)
