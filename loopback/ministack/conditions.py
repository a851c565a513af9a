"""Functions in the Conditions of a template that the base's evaluator does not know: Join, Split, Sub, FindInMap."""

import importlib
from collections.abc import Mapping
from typing import Any

HOOKS: dict[str, tuple[str, ...]] = {
    "ministack.services.cloudformation.engine": ("_evaluate_conditions", "_resolve_refs"),
    "ministack.services.cloudformation.stacks": ("_evaluate_conditions",),
    "ministack.services.cloudformation.handlers": ("_evaluate_conditions",),
    "ministack.services.cloudformation.changesets": ("_evaluate_conditions",),
}
FUNCTIONS = frozenset({"Fn::Join", "Fn::Split", "Fn::Sub", "Fn::FindInMap"})


def install() -> None:
    """Let the base's evaluator see what these functions come to. Once, before the base serves."""
    modules: list[Any] = [importlib.import_module(name) for name in HOOKS]
    engine = modules[0]
    evaluate, resolve = engine._evaluate_conditions, engine._resolve_refs

    def evaluate_conditions(template: Mapping[str, Any], parameters: Mapping[str, Any]) -> Any:
        """Whether each condition of a template holds, by name."""

        def value(expression: Any) -> Any:
            if isinstance(expression, list):
                return [value(item) for item in expression]
            if not isinstance(expression, dict):
                return expression
            if FUNCTIONS & expression.keys():
                return resolve(expression, {}, parameters, {}, template.get("Mappings", {}), "", "")
            return {key: value(item) for key, item in expression.items()}

        conditions = {name: value(expression) for name, expression in (template.get("Conditions") or {}).items()}
        return evaluate({**template, "Conditions": conditions}, parameters)

    for module in modules:
        module._evaluate_conditions = evaluate_conditions
