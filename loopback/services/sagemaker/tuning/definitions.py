"""What a CreateHyperParameterTuningJob request asks for, checked whole, and the training jobs that it means. Pure.

The words of refusals are AWS's where they are known (aws/sagemaker-python-sdk#3932, amazon-sagemaker-examples#1207).
"""

from collections.abc import Mapping
from typing import Any

from loopback.core.errors import ResourceLimitExceeded, ValidationException
from loopback.engines.tuning import ranges
from loopback.engines.tuning.plan import Algorithm, Rules
from loopback.engines.tuning.stopping import EpochBounds
from loopback.images.xgboost import hyperparameters
from loopback.services.registry import Request
from loopback.services.sagemaker.jobs import OWN_METRICS, require_agreeing_waits
from loopback.wire import model

OBJECTIVE = "_tuning_objective_metric"  # the hyperparameter that tells an image what is searched for
XGBOOST_OBJECTIVES = frozenset(
    f"validation:{metric}" for metric in (*hyperparameters.MAXIMISED, *hyperparameters.MINIMISED)
)
# Where Hyperband looks for MaxResource when it is not given. Source: AWS, API_HyperbandStrategyConfig.
EPOCHS = ("epochs", "numepochs", "n-epochs", "n_epochs", "num_epochs")
MOST_EPOCHS = 20_000
MOST_JOBS = {"Bayesian": 750, "Hyperband": 750, "Random": 10_000, "Grid": 10_000}  # AWS's quotas
_OF_TRAINING = (
    "RoleArn",
    "InputDataConfig",
    "VpcConfig",
    "OutputDataConfig",
    "StoppingCondition",
    "EnableNetworkIsolation",
    "EnableInterContainerTrafficEncryption",
    "EnableManagedSpotTraining",
    "RetryStrategy",
    "Environment",
)


def algorithms(request: Request) -> list[dict[str, Any]]:
    """The training job definitions of a request."""
    if "TrainingJobDefinition" in request:
        return [request["TrainingJobDefinition"]]
    return list(request.get("TrainingJobDefinitions") or [])


def rules_of(request: Request) -> Rules:
    """What is searched, and how long. Raises ValidationException and ResourceLimitExceeded."""
    if "Autotune" in request:
        raise ValidationException("Autotune: loopback does not choose ranges by itself; give ParameterRanges")
    if ("TrainingJobDefinition" in request) == bool(request.get("TrainingJobDefinitions")):
        raise ValidationException("Give either TrainingJobDefinition or TrainingJobDefinitions")
    config = request["HyperParameterTuningJobConfig"]
    _check_several(request)
    searched = tuple(_algorithm(request, definition) for definition in algorithms(request))
    criteria = config.get("TuningJobCompletionCriteria") or {}
    if (criteria.get("ConvergenceDetected") or {}).get("CompleteOnConvergence") == "Enabled":
        raise ValidationException(
            "CompleteOnConvergence: AWS does not document when a search has converged, and loopback does not guess; "
            "use BestObjectiveNotImproving"
        )
    limits = config["ResourceLimits"]
    most = _most(config["Strategy"], limits, searched)
    return Rules(
        config["Strategy"],
        searched,
        limits["MaxParallelTrainingJobs"],
        most,
        limits.get("MaxRuntimeInSeconds"),
        criteria.get("TargetObjectiveMetricValue"),
        (criteria.get("BestObjectiveNotImproving") or {}).get("MaxNumberOfTrainingJobsNotImproving"),
        config.get("TrainingJobEarlyStoppingType") == "Auto",
        _resources(request) if config["Strategy"] == "Hyperband" else None,
    )


def _check_several(request: Request) -> None:
    """Several algorithms have names, and objectives and ranges of their own.

    Source: AWS, multiple-algorithm-hpo-create-tuning-jobs.
    """
    config, several = request["HyperParameterTuningJobConfig"], request.get("TrainingJobDefinitions")
    if not several:
        return
    names = [definition.get("DefinitionName") for definition in several]
    if None in names or len(set(names)) < len(names):
        raise ValidationException("Each of TrainingJobDefinitions needs a DefinitionName of its own")
    for member in ("HyperParameterTuningJobObjective", "ParameterRanges"):
        if member in config:
            raise ValidationException(f"With TrainingJobDefinitions, {member} goes into each of them")
    if config.get("TrainingJobEarlyStoppingType") == "Auto" or "WarmStartConfig" in request:
        raise ValidationException(
            "Warm start and early stopping are available only when you tune a single algorithm (TrainingJobDefinition)"
        )
    if len({(definition.get("TuningObjective") or {}).get("Type") for definition in several}) > 1:
        raise ValidationException("The TuningObjectives of TrainingJobDefinitions must have the same Type")


def _algorithm(request: Request, definition: Mapping[str, Any]) -> Algorithm:
    config = request["HyperParameterTuningJobConfig"]
    objective = _one_of(
        ("HyperParameterTuningJobObjective", config.get("HyperParameterTuningJobObjective")),
        ("TuningObjective", definition.get("TuningObjective")),
    )
    asked = _one_of(
        ("ParameterRanges", config.get("ParameterRanges")),
        ("HyperParameterRanges", definition.get("HyperParameterRanges")),
    )
    try:
        searched = ranges.space(asked, definition.get("StaticHyperParameters") or {})
    except ranges.InvalidRanges as fault:
        raise ValidationException(str(fault)) from None
    _check_metric(definition["AlgorithmSpecification"], objective["MetricName"])
    algorithm = Algorithm(searched, objective["MetricName"], objective["Type"] == "Maximize")
    sample = {each.name: "1" for each in searched}
    shape = model.operation("sagemaker", "CreateTrainingJob").input_shape
    model.check(sampled := training_job(definition, algorithm, "name", sample), shape)
    require_agreeing_waits(sampled)
    return algorithm


def _one_of(first: tuple[str, Any], second: tuple[str, Any]) -> Any:
    """The value of one of two members: a tuning job of one algorithm has them in its configuration."""
    if (first[1] is None) == (second[1] is None):
        raise ValidationException(f"Give either {first[0]} or {second[0]}")
    return second[1] if first[1] is None else first[1]


def _check_metric(algorithm: Mapping[str, Any], metric: str) -> None:
    image = algorithm.get("TrainingImage")
    if image is None:
        raise ValidationException(
            "AlgorithmSpecification.TrainingImage is required; loopback runs no marketplace algorithms"
        )
    defined = [entry["Name"] for entry in algorithm.get("MetricDefinitions") or ()]
    if image.rpartition("/")[2].partition(":")[0] in OWN_METRICS:
        if defined:
            raise ValidationException(
                "You can't override the metric definitions for Amazon SageMaker algorithms. "
                "Please retry the request without specifying metric definitions."
            )
        if metric not in XGBOOST_OBJECTIVES:
            raise ValidationException(
                f"The objective metric for the hyperparameter tuning job, [{metric}], isn't valid for the [{image}] "
                f"algorithm. Choose a valid objective metric type: {', '.join(sorted(XGBOOST_OBJECTIVES))}"
            )
    elif metric not in defined:
        raise ValidationException(
            "A metric is required for this hyperparameter tuning job objective. Provide a metric in the metric "
            f"definitions. (The objective is {metric}; defined: {', '.join(defined) or 'none'})"
        )


def _most(strategy: str, limits: Mapping[str, int], searched: tuple[Algorithm, ...]) -> int | None:
    """The number of training jobs; None where only the time limits it. That of a grid is its combinations'."""
    most = limits.get("MaxNumberOfTrainingJobs")
    if strategy == "Grid":
        if len(searched) > 1:
            raise ValidationException("The Grid strategy takes one TrainingJobDefinition")
        try:
            all_of_them = ranges.combinations(searched[0].searched)
        except ranges.InvalidRanges as fault:
            raise ValidationException(str(fault)) from None
        if most not in (None, all_of_them):
            raise ValidationException(
                f"MaxNumberOfTrainingJobs is {most}, and the grid has {all_of_them} combinations; leave it out"
            )
        most = all_of_them
    if most is None and "MaxRuntimeInSeconds" not in limits:
        raise ValidationException("ResourceLimits needs MaxNumberOfTrainingJobs or MaxRuntimeInSeconds")
    if most is not None and most > MOST_JOBS[strategy]:
        raise ResourceLimitExceeded(
            f"MaxNumberOfTrainingJobs is {most}; {strategy} takes at most {MOST_JOBS[strategy]}"
        )
    if most is not None and limits["MaxParallelTrainingJobs"] > most:
        raise ValidationException(
            f"MaxParallelTrainingJobs is {limits['MaxParallelTrainingJobs']}, more than the {most} training jobs"
        )
    return most


def _resources(request: Request) -> EpochBounds:
    config = request["HyperParameterTuningJobConfig"]
    if config.get("TrainingJobEarlyStoppingType", "Off") != "Off":
        raise ValidationException(
            "TrainingJobEarlyStoppingType must be Off with the Hyperband strategy, which ends training jobs by itself"
        )
    given = (config.get("StrategyConfig") or {}).get("HyperbandStrategyConfig") or {}
    least, most = given.get("MinResource", 1), given.get("MaxResource")
    if most is None:
        static = algorithms(request)[0].get("StaticHyperParameters") or {}
        found = next((static[name].strip('"') for name in EPOCHS if name in static), "")
        if not found.isdigit():
            raise ValidationException(
                "Hyperband needs HyperbandStrategyConfig.MaxResource, or one of these static hyperparameters: "
                + ", ".join(EPOCHS)
            )
        most = int(found)
    if not least <= most <= MOST_EPOCHS:
        raise ValidationException(
            f"Hyperband: MinResource {least}, MaxResource {most}; at most {MOST_EPOCHS}, in order"
        )
    return EpochBounds(least, most)


def training_job(
    definition: Mapping[str, Any], algorithm: Algorithm, name: str, values: Mapping[str, str]
) -> dict[str, Any]:
    """The CreateTrainingJob request of one combination. Each training job has checkpoints of its own."""
    request = {member: definition[member] for member in _OF_TRAINING if member in definition}
    static = definition.get("StaticHyperParameters") or {}
    request |= {
        "TrainingJobName": name,
        "HyperParameters": {**static, **values, OBJECTIVE: algorithm.metric},
        "AlgorithmSpecification": definition["AlgorithmSpecification"],
        "ResourceConfig": _resource_config(definition),
    }
    if checkpoints := definition.get("CheckpointConfig"):
        request["CheckpointConfig"] = checkpoints | {"S3Uri": f"{checkpoints['S3Uri'].rstrip('/')}/{name}"}
    return request


def _resource_config(definition: Mapping[str, Any]) -> dict[str, Any]:
    """The instances; of several kinds in order of preference, the first: this machine has as many as are wanted."""
    own, flexible = definition.get("ResourceConfig"), definition.get("HyperParameterTuningResourceConfig")
    if (own is None) == (flexible is None):
        raise ValidationException("Give either ResourceConfig or HyperParameterTuningResourceConfig")
    if own is not None:
        return dict(own)
    assert flexible is not None
    kinds: list[dict[str, Any]] = flexible.get("InstanceConfigs") or [{}]
    return {key: flexible[key] for key in flexible if key not in ("AllocationStrategy", "InstanceConfigs")} | kinds[0]
