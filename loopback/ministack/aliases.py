"""The weights of a Lambda alias: the base keeps them and always invokes the alias's main version.

An invocation of an alias with AdditionalVersionWeights goes to one of its versions, by chance. The function then sees
the ARN of that version where AWS shows the alias's. Event source mappings of the base do not pass here.
"""

import importlib
import random
from collections.abc import Callable, Mapping
from typing import Any

HOOKS: dict[str, tuple[str, ...]] = {"ministack.services.lambda_svc": ("_invoke", "_functions", "_qp_first")}


def install(chance: Callable[[], float] = random.random) -> None:
    """Let the base's Invoke follow the weights. Once, before the base serves. `chance` gives 0 up to below 1."""
    (module,) = (importlib.import_module(name) for name in HOOKS)
    functions: Any = module
    invoke = functions._invoke

    async def invoke_version(
        name: str, event: Any, headers: Mapping[str, str], path_qualifier: str | None = None, query_params: Any = None
    ) -> Any:
        """Invoke the version that the weights of the alias choose."""
        qualifier = path_qualifier or functions._qp_first(query_params or {}, "Qualifier")
        qualifier = qualifier or functions._qp_first(headers, "x-amz-qualifier")
        function = functions._functions[name] if name in functions._functions else {}  # noqa: SIM401 - not a dict
        alias = function.get("aliases", {}).get(qualifier) or {}
        weights = (alias.get("RoutingConfig") or {}).get("AdditionalVersionWeights") or {}
        return await invoke(name, event, headers, pick_version(weights, chance()) or path_qualifier, query_params)

    functions._invoke = invoke_version


def pick_version(weights: Mapping[str, float], chance: float) -> str:
    """The version that `chance` (0 up to below 1) falls on; "" for the main one, which has what the others leave."""
    for version, weight in sorted(weights.items()):
        if chance < weight:
            return version
        chance -= weight
    return ""
