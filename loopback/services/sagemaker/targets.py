"""EventBridge rules whose target is a pipeline: the event becomes the request that starts it. Pure."""

import json
import uuid
from typing import Any

from loopback.core.errors import ValidationException


def start_request(target: dict[str, Any], event: str) -> dict[str, Any]:
    """StartPipelineExecution for `target` (ARN, SageMakerPipelineParameters); values may be `$.a.b` paths."""
    document = json.loads(event)
    entries = (target.get("SageMakerPipelineParameters") or {}).get("PipelineParameterList", [])
    parameters = [{"Name": entry["Name"], "Value": _value(entry["Value"], document)} for entry in entries]
    name = target["Arn"].rpartition("/")[2]
    return {"PipelineName": name, "PipelineParameters": parameters, "ClientRequestToken": uuid.uuid4().hex}


def _value(written: str, document: Any) -> str:
    if not written.startswith("$."):
        return written
    for key in written[2:].split("."):
        if not isinstance(document, dict) or key not in document:
            raise ValidationException(f"{written}: the event has no {key}")
        document = document[key]
    return document if isinstance(document, str) else json.dumps(document)
