"""The UpdatePolicy of a Lambda alias, which the base leaves unread: its new version goes through CodeDeploy."""

import copy
import importlib
from collections.abc import Mapping
from typing import Any

HOOKS: dict[str, tuple[str, ...]] = {
    "ministack.services.cloudformation.engine": ("_evaluate_conditions", "_resolve_refs", "_NO_VALUE"),
}
ALIAS, POLICY = "AWS::Lambda::Alias", "CodeDeployLambdaAliasUpdate"


def code_deploy(stack: Mapping[str, Any], operation: Mapping[str, Any] | None, logical_id: str) -> dict[str, str]:
    """The policy with every reference resolved; empty where the alias has none, and while a stack rolls back.

    `stack` is its record; `operation` what is carried out in a stack that is not nested: its template and parameters.
    """
    if str(stack.get("StackStatus", "")).endswith("ROLLBACK_IN_PROGRESS"):
        return {}  # what CodeDeploy has not brought through goes back at once
    if operation:
        template, parameters = operation["arguments"][:2]
    else:
        template, parameters = stack.get("_template") or {}, stack.get("_resolved_params") or {}
    declared = template.get("Resources", {}).get(logical_id, {}).get("UpdatePolicy", {}).get(POLICY)
    if not declared:
        return {}
    engine: Any = importlib.import_module(next(iter(HOOKS)))
    found = engine._resolve_refs(
        copy.deepcopy(declared),
        stack.get("_resources", {}),
        parameters,
        engine._evaluate_conditions(template, parameters),
        template.get("Mappings", {}),
        stack["StackName"],
        stack["StackId"],
    )
    return {key: str(value) for key, value in found.items() if value is not engine._NO_VALUE}
