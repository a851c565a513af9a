"""Where a job finds its folders and its configuration, and how it tells a person what is wrong."""

import json
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

MESSAGE_LIMIT = 1024  # SageMaker cuts ExitMessage and FailureReason here


class JobError(Exception):
    """The job can't go on for a reason that the user can repair; the message says what, where and how."""


def ml_path(*parts: str) -> Path:
    """A path below /opt/ml, or below SAGEMAKER_BASE_DIR as in SageMaker's own toolkits."""
    return Path(os.environ.get("SAGEMAKER_BASE_DIR", "/opt/ml"), *parts)


def config_beside(script: str) -> dict[str, Any]:
    """The part of config.yml that this job needs; the code bundle carries it as config.json beside the script."""
    path = Path(script).resolve().with_name("config.json")
    if not path.exists():
        raise JobError(f"{path} is missing: the job's code bundle was not built by slipway/build/bundles.py")
    config: dict[str, Any] = json.loads(path.read_text())
    return config


def run(main: Callable[[], object], report: str = "message") -> None:
    """Run a job; a JobError becomes one block on stderr, the `report` file and exit code 1, without a traceback.

    `report` is `message` for processing jobs (ExitMessage) and `failure` for training jobs (FailureReason).
    """
    try:
        main()
    except JobError as error:
        text = str(error)
        print(text, file=sys.stderr, flush=True)
        folder = ml_path("output")
        folder.mkdir(parents=True, exist_ok=True)
        (folder / report).write_text(text.encode()[:MESSAGE_LIMIT].decode(errors="ignore"))
        sys.exit(1)
