"""FilterLogEvents by the prefix of a stream's name: the base knows names only, and takes a prefix for no condition."""

import importlib
from collections.abc import Iterable, Mapping
from typing import Any

HOOKS: dict[str, tuple[str, ...]] = {
    "ministack.services.cloudwatch_logs": ("_filter_log_events", "_log_groups", "_resolve_log_group_name"),
}


def install() -> None:
    """Let the base see the names that begin with the prefix. Once, before the base serves."""
    (module,) = (importlib.import_module(name) for name in HOOKS)
    logs: Any = module
    answer = logs._filter_log_events

    def filter_streams(request: dict[str, Any]) -> Any:
        group = logs._resolve_log_group_name(request)
        streams = logs._log_groups[group]["streams"] if group in logs._log_groups else ()
        return answer(expand_prefix(request, streams))

    logs._filter_log_events = filter_streams


def expand_prefix(request: Mapping[str, Any], streams: Iterable[str]) -> dict[str, Any]:
    """The request with the streams' names in the place of their prefix; one that nothing has where none is meant."""
    prefix = request.get("logStreamNamePrefix")
    if not prefix or request.get("logStreamNames"):
        return dict(request)
    return {**request, "logStreamNames": [name for name in streams if name.startswith(prefix)] or [""]}
