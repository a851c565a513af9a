"""Script mode of the framework images: hyperparameters, the command line and every SM_* variable. Pure.

Both toolkits (sagemaker-training, sagemaker-containers) agree on what is here.

Source: docs/container-contract.md.
"""

import json
import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any

CODE = "/opt/ml/code"
RESERVED = frozenset({"default_user_module_name", "_tuning_objective_metric"})
PREFIX = "sagemaker_"


@dataclass(frozen=True)
class HostFacts:
    """What a host knows when its script starts. The three mappings are the contents of the config files."""

    job: str
    region: str
    host: str
    hyperparameters: Mapping[str, str]
    resources: Mapping[str, Any]
    channels: Mapping[str, Any]
    framework: str
    cpus: int


def decode(hyperparameters: Mapping[str, str]) -> dict[str, Any]:
    """Each value as JSON if it is JSON, else as the text that it is."""
    return {name: _decode(value) for name, value in hyperparameters.items()}


def _decode(value: str) -> Any:
    try:
        return json.loads(value)
    except ValueError:
        return value


def users(hyperparameters: Mapping[str, str]) -> dict[str, Any]:
    """The decoded hyperparameters without those that steer the toolkit."""
    return {
        name: value
        for name, value in decode(hyperparameters).items()
        if not name.startswith(PREFIX) and name not in RESERVED
    }


def setting(name: str, environ: Mapping[str, str], hyperparameters: Mapping[str, str]) -> str | None:
    """`SAGEMAKER_PROGRAM` and the like: the environment first, then the hyperparameter `sagemaker_program`."""
    if (value := environ.get(f"SAGEMAKER_{name.upper()}")) is not None:
        return value
    found = decode(hyperparameters).get(f"{PREFIX}{name}")
    return None if found is None else str(found)


def arguments(hyperparameters: Mapping[str, Any]) -> list[str]:
    """The command line of user hyperparameters.

    >>> arguments({"max-depth": 5, "v": True, "grid": {"b": 1, "a": 2}})
    ['--grid', 'a=2,b=1', '--max-depth', '5', '-v', 'True']
    """
    found: list[str] = []
    for name in sorted(hyperparameters):
        found += [f"--{name}" if len(name) > 1 else f"-{name}", _argument(hyperparameters[name])]
    return found


def _argument(value: Any) -> str:
    if isinstance(value, dict):
        return ",".join(f"{key}={value[key]}" for key in sorted(value))
    return "" if value is None else str(value)


def command(program: str, given: list[str], *, as_module: bool) -> tuple[str, ...]:
    """What runs `program` in /opt/ml/code: the XGBoost image takes it for a module, the others for a script."""
    if program.endswith(".sh"):
        return ("/bin/sh", "-c", f"chmod +x ./{program} && ./{program} {shlex.join(given)}")
    if as_module or not program.endswith(".py"):
        return ("python3", "-m", module_name(program), *given)
    return ("python3", program, *given)


def module_name(program: str) -> str:
    """`train` of `train.py`."""
    return str(PurePosixPath(program).with_suffix("")).replace("/", ".")


def variables(facts: HostFacts, program: str, submitted: str) -> dict[str, str]:
    """The SM_* variables of one host."""
    values = _values(facts, program, submitted)
    environ = {f"SM_{name.upper()}": encode(value) for name, value in values.items()}
    for name, value in users(facts.hyperparameters).items():
        environ[f"SM_HP_{name.upper()}"] = encode(value)
    for channel in facts.channels:
        environ[f"SM_CHANNEL_{channel.upper()}"] = f"/opt/ml/input/data/{channel}"
    environ["SM_TRAINING_ENV"] = encode(_training_env(facts, values))
    extra = {"SAGEMAKER_JOB_NAME": facts.job, "CURRENT_HOST": facts.host, "SAGEMAKER_REGION": facts.region}
    return environ | extra


def _values(facts: HostFacts, program: str, submitted: str) -> dict[str, Any]:
    hosts = facts.resources["hosts"]
    groups = facts.resources["instance_groups"]
    group = facts.resources["current_group_name"]
    by_name = {entry["instance_group_name"]: entry for entry in groups}
    given = users(facts.hyperparameters)
    toolkit = {name: value for name, value in decode(facts.hyperparameters).items() if name.startswith(PREFIX)}
    return {
        "model_dir": "/opt/ml/model",
        "input_dir": "/opt/ml/input",
        "input_config_dir": "/opt/ml/input/config",
        "output_dir": "/opt/ml/output",
        "output_data_dir": "/opt/ml/output/data",
        "output_intermediate_dir": "/opt/ml/output/intermediate",
        "channels": sorted(facts.channels),
        "hps": given,
        "user_args": arguments(given),
        "user_entry_point": program,
        "module_name": module_name(program),
        "module_dir": submitted,
        "hosts": hosts,
        "current_host": facts.host,
        "network_interface_name": facts.resources["network_interface_name"],
        "current_instance_type": facts.resources["current_instance_type"],
        "current_instance_group": group,
        "current_instance_group_hosts": by_name[group]["hosts"],
        "instance_groups": sorted(by_name),
        "instance_groups_dict": by_name,
        "distribution_instance_groups": [],
        "is_hetero": len(groups) > 1,
        "num_cpus": facts.cpus,
        "num_gpus": 0,
        "num_neurons": 0,
        "log_level": toolkit.get("sagemaker_container_log_level", 20),
        "framework_module": facts.framework,
        "framework_params": toolkit,
        "resource_config": facts.resources,
        "input_data_config": facts.channels,
    }


def _training_env(facts: HostFacts, values: Mapping[str, Any]) -> dict[str, Any]:
    renamed = {"hps": "hyperparameters", "framework_params": "additional_framework_parameters"}
    left_out = {"channels", "user_args"}
    found = {renamed.get(name, name): value for name, value in values.items() if name not in left_out}
    hosts = facts.resources["hosts"]
    return {
        **found,
        "channel_input_dirs": {channel: f"/opt/ml/input/data/{channel}" for channel in facts.channels},
        "job_name": facts.job,
        "is_master": facts.host == hosts[0],
        "master_hostname": hosts[0],
    }


def encode(value: Any) -> str:
    """A variable's text: text as it is, None as nothing, anything else as compact JSON."""
    if isinstance(value, str):
        return value
    return "" if value is None else json.dumps(value, sort_keys=True, separators=(",", ":"))


def failure_text(argv: tuple[str, ...], code: int, message: str) -> str:
    """What the toolkit writes to the failure file when the user's script has failed."""
    lines = ["ExecuteUserScriptError:", f"ExitCode {code}", f'ErrorMessage "{message}"', f'Command "{" ".join(argv)}"']
    if code == 137:
        lines.append('ExtraInfo "OutOfMemory: the process was killed, most likely because memory ran out"')
    return "\n".join(lines)
