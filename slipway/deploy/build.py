"""Pin one approved version and write what the stages are made from: configurations, template, promotion.json.

Files of the same names as in AWS's own deployment template, and its arguments; each argument may come from the
environment instead. Nothing is written unless all of it is right. Identical input gives identical bytes.

Where no version was given, production's stays: see `choice`. Where none is approved yet, or a build of the same commit
goes on, the build succeeds and its variables say that there is nothing to deploy: the stages after it are skipped.
"""

import argparse
import gc
import json
import os
import shlex
import sys
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from slipway.build.project import UsageError
from slipway.deploy import choice, explained, monitors, own_monitors, parameters, promotion, stage, versions
from slipway.deploy.parameters import Release
from slipway.deploy.stage import Stage
from slipway.deploy.versions import IN_PRODUCTION, NotDeployableError, NothingToDeployError
from slipway.monitoring.settings import CALIBRATION

FOLDER = Path("deploy")  # of the project that the working folder is
TEMPLATE = FOLDER / "endpoint.yml"
MONITORING = FOLDER / "monitoring.yml"
NAMES = ("staging", "prod")
RECENT = 20  # executions of modelbuild that are looked at
UPLOADS = 8  # at once

# argument: environment variable
REQUIRED = {
    "model-execution-role": "MODEL_EXECUTION_ROLE_ARN",
    "model-package-group-name": "SOURCE_MODEL_PACKAGE_GROUP_NAME",
    "sagemaker-project-id": "SAGEMAKER_PROJECT_ID",
    "sagemaker-project-name": "SAGEMAKER_PROJECT_NAME",
    "s3-bucket": "ARTIFACT_BUCKET",
}
# argument: environment variable, default
OPTIONAL = {
    "model-package-arn": ("MODEL_PACKAGE_ARN", IN_PRODUCTION),
    "commit-id": ("CODEBUILD_RESOLVED_SOURCE_VERSION", ""),
    "sagemaker-project-arn": ("SAGEMAKER_PROJECT_ARN", ""),
    "notification-topic": ("NOTIFICATION_TOPIC_ARN", ""),
    "model-monitor": ("MODEL_MONITOR", "yes"),
    **{argument: (variable, "") for argument, variable in monitors.ARNS.values()},
    "import-staging-config": ("IMPORT_STAGING_CONFIG", str(stage.STAGES / "staging.yml")),
    "import-prod-config": ("IMPORT_PROD_CONFIG", str(stage.STAGES / "prod.yml")),
    "export-staging-config": ("EXPORT_TEMPLATE_STAGING_CONFIG", "staging-config-export.json"),
    "export-prod-config": ("EXPORT_TEMPLATE_PROD_CONFIG", "prod-config-export.json"),
    "export-template": ("EXPORT_TEMPLATE_NAME", "template-export.yml"),
    "export-staging-monitoring-config": ("EXPORT_STAGING_MONITORING_CONFIG", "staging-monitoring-config-export.json"),
    "export-prod-monitoring-config": ("EXPORT_PROD_MONITORING_CONFIG", "prod-monitoring-config-export.json"),
    "export-monitoring-template": ("EXPORT_MONITORING_TEMPLATE_NAME", "monitoring-template-export.yml"),
    "export-promotion": ("EXPORT_PROMOTION", "promotion.json"),
    "export-variables": ("EXPORT_VARIABLES", "deploy-variables.sh"),
    "export-staging-params": ("EXPORT_STAGING_PARAMS", "staging-params-export.json"),
    "export-staging-tags": ("EXPORT_STAGING_TAGS", "staging-tags-export.json"),
    "export-prod-params": ("EXPORT_PROD_PARAMS", "prod-params-export.json"),
    "export-prod-tags": ("EXPORT_PROD_TAGS", "prod-tags-export.json"),
}


@dataclass(frozen=True)
class Services:
    """The clients that a build asks."""

    sagemaker: Any
    s3: Any
    codepipeline: Any


def parse(arguments: Sequence[str], environment: Mapping[str, str]) -> argparse.Namespace:
    """The arguments, the environment where one is missing; UsageError names what neither has."""
    parser = argparse.ArgumentParser(prog="python -m slipway.deploy.build", description=__doc__)
    for name, variable in REQUIRED.items():
        parser.add_argument(f"--{name}", default=environment.get(variable, ""), help=f"default: ${variable}")
    for name, (variable, default) in OPTIONAL.items():
        text = f"default: ${variable}, else {default or 'none'}"
        parser.add_argument(f"--{name}", default=environment.get(variable) or default, help=text)
    parser.add_argument("--export-cfn-params-tags", action="store_true", help="write the lists that the AWS CLI takes")
    parser.add_argument("--log-level", default="", help="accepted for compatibility; output is always the same")
    found = parser.parse_args(arguments)
    missing = [f"--{name} or ${variable}" for name, variable in REQUIRED.items() if not _value(found, name)]
    if missing:
        raise UsageError(f"not given: {', '.join(missing)}")
    if found.model_monitor not in ("yes", "no"):
        raise UsageError(f"--model-monitor or $MODEL_MONITOR is {found.model_monitor!r}; allowed: yes, no")
    return found


def files(found: argparse.Namespace, services: Services) -> tuple[dict[str, str], dict[str, bytes], list[str]]:
    """The content of every file to write, that of every object for the bucket, and what to tell."""
    wanted, available = _stages(found), found.model_monitor == "yes"
    watched = {name: monitors.watching(settings, available=available) for name, settings in wanted.items()}
    stages = {name: monitors.without_unavailable(settings, available=available) for name, settings in wanted.items()}
    chosen = _choice(services, found)
    package = _version(services.sagemaker, found, stages, chosen)
    release = Release(
        project=found.sagemaker_project_name,
        project_id=found.sagemaker_project_id,
        role=found.model_execution_role,
        bucket=found.s3_bucket,
        model_package_arn=package["ModelPackageArn"],
        topic=found.notification_topic,
    )
    tags = _project_tags(services.sagemaker, found.sagemaker_project_arn)
    written: dict[str, str] = {}
    endpoints: dict[str, dict[str, dict[str, str]]] = {}
    lists: dict[str, str] = {}
    for name, settings in stages.items():
        others = _others(services.sagemaker, found.model_package_group_name, package, settings)
        configuration = parameters.configuration(settings, name, release, others)
        configuration["Tags"] = tags | configuration["Tags"]
        endpoints[name] = configuration
        written[_value(found, f"export-{name}-config")] = _json(configuration)
        lists |= _lists(found, name, configuration) if found.export_cfn_params_tags else {}
    written[found.export_template] = TEMPLATE.read_text()
    record = promotion.record(package, promotion.evaluation(services.s3, package), stages, written)
    record["Watched"] = watched
    monitoring, objects = _monitoring(found, stages, endpoints, record, services.s3)
    record["Sha256"] |= promotion.digests(monitoring)
    written |= monitoring | lists
    written[found.export_promotion] = _json(record)
    written[found.export_variables] = _variables(promotion.variables(record, chosen.source))
    return written, objects, [f"{package['ModelPackageArn']}: {chosen.reason}", *promotion.log_lines(record)]


def _stages(found: argparse.Namespace) -> dict[str, Stage]:
    return {name: stage.load(Path(_value(found, f"import-{name}-config"))) for name in NAMES}


def _monitoring(
    found: argparse.Namespace,
    stages: Mapping[str, Stage],
    endpoints: Mapping[str, dict[str, dict[str, str]]],
    record: Mapping[str, Any],
    s3: Any,
) -> tuple[dict[str, str], dict[str, bytes]]:
    """The files of the monitors, and the objects that their containers load: none where no stage has a monitor."""
    arns = {parameter: _value(found, argument) for parameter, (argument, _) in monitors.ARNS.items()}
    if any(settings.monitor.model_quality != "off" for settings in stages.values()):
        record = _with_documents(record, s3)
    explains = any(settings.monitor.explainability != "off" for settings in stages.values())
    registered = explained.registered_settings(s3, record) if explains else {}
    written, objects = {found.export_monitoring_template: MONITORING.read_text()}, dict[str, bytes]()
    for name, settings in stages.items():
        explained.check_engine(settings.monitor, name, registered, record["ModelPackageArn"])
        explained.check_bias(s3, settings.monitor, name, record)
        attribution = monitors.explanation_settings(settings, endpoints[name], registered)
        configuration = monitors.configuration(settings, name, endpoints[name], arns, record, attribution)
        facts = own_monitors.version_facts(record) | endpoints[name]["Parameters"] | configuration["Parameters"]
        facts |= _performance(settings, name, record, s3)
        own = own_monitors.of_stage(settings, facts, record["Image"], monitors.SCRIPT.read_bytes())
        configuration["Parameters"] |= own.parameters
        written[_value(found, f"export-{name}-monitoring-config")] = _json(configuration)
        objects |= {monitors.script_key(): monitors.SCRIPT.read_bytes()} if monitors.loads_script(settings) else {}
        objects |= {**own.objects} | ({attribution.key: attribution.config} if attribution else {})
    return written, objects


def _with_documents(record: Mapping[str, Any], s3: Any) -> Mapping[str, Any]:
    """Without limits of model quality that are not there: an Evaluate of a team's own may not write them."""
    baselines = record["DriftCheckBaselines"] or {}
    uri = ((baselines.get("ModelQuality") or {}).get("Constraints") or {}).get("S3Uri")
    if not uri or explained.exists(s3, uri):
        return record
    return {**record, "DriftCheckBaselines": {**baselines, "ModelQuality": {}}}


def _performance(settings: Stage, name: str, record: Mapping[str, Any], s3: Any) -> dict[str, str]:
    """Where the version says what its scores are worth; empty where it does not, or nobody asks.

    Raises NotDeployableError where the stage's file has a limit for what could not be estimated.
    """
    monitor = settings.monitor
    if monitor.engine != "slipway" or monitor.data_quality == "off":
        return {}
    baselines = record["DriftCheckBaselines"] or {}
    uri = str(((baselines.get("ModelQuality") or {}).get("Statistics") or {}).get("S3Uri", ""))
    found = promotion.read(s3, uri, "statistics of model quality") if uri and explained.exists(s3, uri) else {}
    if CALIBRATION in found:
        if "classes" in found[CALIBRATION] and "auc" in monitor.estimated_performance:
            raise NotDeployableError(
                f"{record['ModelPackageArn']} tells several classes, for which there is no auc: take it out of "
                f"estimated_performance of {name}.yml; accuracy, precision, recall and f1 are means over the classes"
            )
        return {own_monitors.PERFORMANCE: uri}
    if monitor.estimated_performance:
        raise NotDeployableError(
            f"{record['ModelPackageArn']} does not say what its scores are worth, which estimated_performance of "
            f"{name}.yml needs: only classifiers do, with enough test rows of each class; take it out of the file"
        )
    return {}


def _choice(services: Services, found: argparse.Namespace) -> choice.Choice:
    """What the account says of production and of builds, decided. Raises NothingToDeployError."""
    serving = build = ""
    if found.model_package_arn == IN_PRODUCTION:
        serving = versions.in_production(services.sagemaker, f"{found.sagemaker_project_name}-{NAMES[-1]}")
        build = _build(services.codepipeline, found)
    chosen = choice.choose(found.model_package_arn, serving, build)
    if chosen.source == choice.NOTHING:
        raise NothingToDeployError(chosen.reason)
    return chosen


def _build(codepipeline: Any, found: argparse.Namespace) -> str:
    """The execution of modelbuild that the same push started; "" also of a project that names no modelbuild."""
    pipeline = found.retrain_pipeline.rpartition(":")[2]
    if not pipeline or not found.commit_id:
        return ""
    newest = codepipeline.list_pipeline_executions(pipelineName=pipeline, maxResults=RECENT)
    return choice.build_of(found.commit_id, newest["pipelineExecutionSummaries"])


def _version(
    sagemaker: Any, found: argparse.Namespace, stages: Mapping[str, Stage], chosen: choice.Choice
) -> dict[str, Any]:
    group = found.model_package_group_name
    if chosen.arn:
        return versions.pinned_version(sagemaker, group, chosen.arn)
    beside = {other.version for one in stages.values() for other in (one.ab, one.shadow) if other}
    return versions.newest(sagemaker, group, beside)


def _others(sagemaker: Any, group: str, package: dict[str, Any], settings: Stage) -> dict[int, str]:
    found = {}
    if settings.ab:
        found[settings.ab.version] = versions.beside(sagemaker, group, package, settings.ab.version, answers=True)
    if settings.shadow:
        version = settings.shadow.version
        found[version] = versions.beside(sagemaker, group, package, version, answers=False)
    return found


def _project_tags(sagemaker: Any, arn: str) -> dict[str, str]:
    """The project's own tags; those of SageMaker and AWS are set elsewhere."""
    if not arn:
        return {}
    pages = sagemaker.get_paginator("list_tags").paginate(ResourceArn=arn)
    tags = {tag["Key"]: tag["Value"] for page in pages for tag in page["Tags"]}
    return {key: value for key, value in tags.items() if not key.lower().startswith(("aws:", "sagemaker:"))}


def _lists(found: argparse.Namespace, name: str, configuration: dict[str, dict[str, str]]) -> dict[str, str]:
    return {
        _value(found, f"export-{name}-params"): _json(
            [{"ParameterKey": key, "ParameterValue": value} for key, value in configuration["Parameters"].items()]
        ),
        _value(found, f"export-{name}-tags"): _json(
            [{"Key": key, "Value": value} for key, value in configuration["Tags"].items()]
        ),
    }


def _variables(values: Mapping[str, str]) -> str:
    return "".join(f"export {name}={shlex.quote(value)}\n" for name, value in values.items())


def _value(found: argparse.Namespace, name: str) -> str:
    return str(getattr(found, name.replace("-", "_")))


def _put_missing(s3: Any, bucket: str, objects: Mapping[str, bytes]) -> None:
    """Put what the bucket does not have: the third part of a key is a hash of what lies below it."""
    folders = sorted({"/".join(key.split("/")[:3]) for key in objects})
    found = s3.get_paginator("list_objects_v2")
    pages = [page for folder in folders for page in found.paginate(Bucket=bucket, Prefix=f"{folder}/")]
    there = {item["Key"] for page in pages for item in page.get("Contents", [])}
    missing = [key for key in objects if key not in there]
    with ThreadPoolExecutor(UPLOADS) as pool:  # dozens of small objects, each a round trip
        list(pool.map(lambda key: s3.put_object(Bucket=bucket, Key=key, Body=objects[key]), missing))


def _json(document: Any) -> str:
    return json.dumps(document, indent=1, sort_keys=True) + "\n"


def main(
    arguments: Sequence[str], environment: Mapping[str, str] = os.environ, services: Services | None = None
) -> int:
    """Write the files into the working folder; 2 when the command or a stage's file is wrong, 1 when the version is."""
    try:
        found = parse(arguments, environment)
        if services is None:
            import boto3

            services = Services(*(boto3.client(name) for name in ("sagemaker", "s3", "codepipeline")))
        written, objects, told = files(found, services)
        _put_missing(services.s3, found.s3_bucket, objects)
        for path, content in written.items():
            Path(path).write_text(content)
    except UsageError as error:
        print(error, file=sys.stderr)
        return 2
    except NothingToDeployError as reason:
        Path(found.export_variables).write_text(_variables(promotion.NOTHING))
        print(f"nothing to deploy: {reason}")
        return 0
    except (NotDeployableError, BotoCoreError, ClientError, OSError) as error:
        print(f"nothing is deployed: {error}", file=sys.stderr)
        return 1
    print("\n".join([*told, f"wrote {', '.join(written)}"]))
    return 0


if __name__ == "__main__":
    ended = main(sys.argv[1:])
    gc.freeze()  # Python would look through all that is left once more, for a tenth of a second
    sys.exit(ended)
