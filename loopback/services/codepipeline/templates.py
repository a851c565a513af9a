"""What a CloudFormation action makes of its artifacts: template, parameters, tags and policy."""

import io
import json
import zipfile
from typing import Any

from botocore.exceptions import ClientError

from loopback.core.artifacts import Artifact
from loopback.engines.codepipeline.model import json_object
from loopback.services.codepipeline.action import ActionContext

MOST_OVERRIDE_BYTES, MOST_TEMPLATE_BYTES, MOST_ARTIFACT_BYTES = 1024, 1 << 20, 256 << 20
MOST_FILE_BYTES = 4 << 20  # of a file that is read whole
INLINE_BYTES = 51_200  # of a template in a request; a larger one goes by its URL


class Invalid(Exception):
    """The action's configuration, or a file that it names, cannot be used."""


def description(work: ActionContext) -> dict[str, Any]:
    """The request that creates or updates the stack, or makes its change set."""
    given = work.configuration
    request: dict[str, Any] = {"StackName": given["StackName"], **_template(work)}
    configuration = _configuration(work)
    parameters = {**configuration.get("Parameters", {}), **_overrides(work)}
    request["Parameters"] = [{"ParameterKey": key, "ParameterValue": value} for key, value in parameters.items()]
    if "Tags" in configuration:
        request["Tags"] = [{"Key": key, "Value": value} for key, value in configuration["Tags"].items()]
    if "StackPolicy" in configuration:
        request["StackPolicyBody"] = json.dumps(configuration["StackPolicy"])
    if given.get("Capabilities"):
        request["Capabilities"] = given["Capabilities"].split(",")
    if "RoleArn" in given:
        request["RoleARN"] = given["RoleArn"]
    return request


def _template(work: ActionContext) -> dict[str, str]:
    body = file_of(work, work.configuration["TemplatePath"])
    if len(body) > MOST_TEMPLATE_BYTES:
        raise Invalid(f"The template has {len(body)} bytes; at most {MOST_TEMPLATE_BYTES}")
    if len(body) <= INLINE_BYTES:
        return {"TemplateBody": body.decode()}
    artifact, _, path = work.configuration["TemplatePath"].partition("::")
    found = work.input(artifact)
    assert found is not None
    key = f"{found.key}-template-{work.row.name}{'.json' if path.endswith('.json') else '.yml'}"
    client = work.client("s3")
    client.put_object(Bucket=found.bucket, Key=key, Body=body)
    return {"TemplateURL": f"{client.meta.endpoint_url}/{found.bucket}/{key}"}


def _configuration(work: ActionContext) -> dict[str, Any]:
    where = work.configuration.get("TemplateConfiguration")
    if where is None:
        return {}
    found = json_object(file_of(work, where).decode())
    if found is None:
        raise Invalid(f"The template configuration {where} is not a JSON object")
    strange = set(found) - {"Parameters", "Tags", "StackPolicy"}
    if strange:
        raise Invalid(
            f"The template configuration {where} has {', '.join(sorted(strange))}; "
            "expected Parameters, Tags, StackPolicy"
        )
    for member in ("Parameters", "Tags"):
        for key, value in found.get(member, {}).items():
            if not isinstance(value, str):
                raise Invalid(f"The template configuration {where}: {member}.{key} must be a string")
    return found


def _overrides(work: ActionContext) -> dict[str, str]:
    text = work.configuration.get("ParameterOverrides")
    if not text:
        return {}
    if len(text.encode()) > MOST_OVERRIDE_BYTES:
        raise Invalid(f"ParameterOverrides has {len(text.encode())} bytes; at most {MOST_OVERRIDE_BYTES}")
    found = json_object(text)
    if found is None:
        raise Invalid("ParameterOverrides is not a JSON object")
    return {key: _override(work, key, value) for key, value in found.items()}


def _override(work: ActionContext, key: str, value: Any) -> str:
    match value:
        case str():
            return value
        case {"Fn::GetArtifactAtt": [str(name), "BucketName" | "ObjectKey" | "URL" as attribute]} if len(value) == 1:
            artifact = _artifact(work, name)
            url = f"{work.client('s3').meta.endpoint_url}/{artifact.bucket}/{artifact.key}"
            return {"BucketName": artifact.bucket, "ObjectKey": artifact.key, "URL": url}[attribute]
        case {"Fn::GetParam": [str(name), str(path), str(wanted)]} if len(value) == 1:
            found = json_object(file_of(work, f"{name}::{path}").decode())
            if found is None or wanted not in found:
                raise Invalid(f"ParameterOverrides.{key}: {name}::{path} has no key {wanted}")
            return str(found[wanted])
        case _:
            raise Invalid(
                f"ParameterOverrides.{key}: expected a string, Fn::GetArtifactAtt [artifact, attribute] or "
                "Fn::GetParam [artifact, file, key]"
            )


def _artifact(work: ActionContext, name: str) -> Artifact:
    found = work.input(name)
    if found is None:
        raise Invalid(f"{name} is not an input artifact of the action")
    return found


def file_of(work: ActionContext, where: str) -> bytes:
    """The file that `Artifact::path` names. Raises Invalid."""
    name, parted, path = where.partition("::")
    if not parted:
        raise Invalid(f"{where!r} is not of the form Artifact::file")
    artifact = _artifact(work, name)
    try:
        answer = work.client("s3").get_object(Bucket=artifact.bucket, Key=artifact.key)
    except ClientError as fault:
        raise Invalid(f"The artifact {name} could not be read: {fault}") from None
    if answer["ContentLength"] > MOST_ARTIFACT_BYTES:
        raise Invalid(f"The artifact {name} has {answer['ContentLength']} bytes; at most {MOST_ARTIFACT_BYTES}")
    try:
        with zipfile.ZipFile(io.BytesIO(answer["Body"].read())) as zipped:
            if (size := zipped.getinfo(path).file_size) > MOST_FILE_BYTES:  # a small artifact may unpack to any size
                raise Invalid(f"File [{path}] in artifact [{name}] has {size} bytes; at most {MOST_FILE_BYTES}")
            return zipped.read(path)
    except zipfile.BadZipFile:
        raise Invalid(f"The artifact {name} is not a zip file") from None
    except KeyError:
        raise Invalid(f"File [{path}] does not exist in artifact [{name}]") from None


def store_json(work: ActionContext, name: str, document: Any) -> None:
    """Make the action's output artifact: a zip with this one file."""
    output, body = work.outputs[0], io.BytesIO()
    with zipfile.ZipFile(body, "w", zipfile.ZIP_DEFLATED) as zipped:
        zipped.writestr(zipfile.ZipInfo(name), json.dumps(document))
    work.client("s3").put_object(Bucket=output.bucket, Key=output.key, Body=body.getvalue())
