"""The definition of a pipeline, compiled once: kept under a hash of everything that it is made from.

Compiling imports the SageMaker SDK (seconds); a kept definition is read without it. The code bundles are not kept: they
are cheap to build, and uploaded only when the bucket has no object at their content-addressed key.
"""

import contextlib
import gc
import hashlib
import importlib
import importlib.metadata
import inspect
import json
import logging
import os
import sys
import traceback
import warnings
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from slipway.build import working_folder
from slipway.build.bundles import LIBRARY, Bundle
from slipway.build.project import ARGUMENTS, Project, UsageError

KEPT = Path(".slipway", "definitions")  # below the project's folder
LIBRARY_SOURCES = ("slipway/build", "slipway/tabular")
UPLOADS = 8  # at once

Arguments = Mapping[str, Any]  # of get_pipeline


@dataclass(frozen=True)
class Compiled:
    """A definition, and the code that its steps refer to, by step.

    `bucket` is where the code belongs, `group` the model package group; "" of a pipeline that another library made.
    """

    name: str
    text: str
    code: Mapping[str, Sequence[Any]] = field(default_factory=dict)  # digest and number of objects
    bundles: Mapping[str, Bundle] | None = None  # None: the definition was kept from an earlier build
    bucket: str = ""
    group: str = ""


def compile_pipeline(module: str, arguments: Arguments, root: Path) -> Compiled:
    """The definition of the pipeline in a module (`pipelines.churn.pipeline`) of the project in a folder.

    `arguments` are those of its `get_pipeline`. It is read from disk if nothing has changed.
    """
    path = root / KEPT / f"{_key(module, arguments, root)}.json"
    if path.exists():
        return Compiled(**json.loads(path.read_text()))
    fresh = build(module, arguments, root)
    if fresh.bundles is None:  # what it is made from beside these files is not known
        return fresh
    partial = path.with_suffix(f".{os.getpid()}")
    with contextlib.suppress(OSError):  # a checkout that cannot be written to compiles every time
        path.parent.mkdir(parents=True, exist_ok=True)
        partial.write_text(json.dumps({name: value for name, value in vars(fresh).items() if name != "bundles"}))
        partial.replace(path)
    return fresh


def build(module: str, arguments: Arguments, root: Path) -> Compiled:
    """Compile and validate. Nothing is sent anywhere, but by a module that does so itself."""
    if not (region := arguments.get("region")):  # all that is missing is told at once
        region = Project.from_arguments({key: value for key, value in arguments.items() if key in ARGUMENTS}).region
    os.environ.setdefault("AWS_DEFAULT_REGION", str(region))  # the SDK makes a client while it is imported
    os.environ.setdefault("SAGEMAKER_VALIDATE_ROLE", "false")  # it would ask IAM before anything runs
    from slipway.build.sdk_import import put_off_needless

    before = logging.getLogger().handlers[:]
    logging.disable(logging.WARNING)  # it reports every step that it takes
    gc.disable()  # what its import makes stays: looking through that again and again takes a third of the time
    try:
        with warnings.catch_warnings(action="ignore"), put_off_needless():
            pipeline, definition = _define_pipeline(module, arguments, root)
    finally:
        logging.disable(logging.NOTSET)
        logging.getLogger().handlers[:] = before
        gc.freeze()
        gc.enable()
    text = json.dumps(without_empty_environment(definition), indent=1, sort_keys=True)
    from slipway.build import check

    if faults := check.faults(text):
        raise UsageError("\n".join([f"the definition of {module} is not valid:", *(f"  - {f}" for f in faults)]))
    shop = getattr(pipeline, "workshop", None)
    if shop is None:
        return Compiled(str(pipeline.name), text)
    code = {step: (bundle.digest, len(bundle.objects(shop.name))) for step, bundle in shop.bundles.items()}
    return Compiled(shop.name, text, code, shop.bundles, shop.project.bucket, shop.group)


def _define_pipeline(module: str, arguments: Arguments, root: Path) -> tuple[Any, dict[str, Any]]:
    """The pipeline in a module, and its definition. Raises UsageError for what its code raises, with place."""
    try:
        code = _module(module, root)
        make = getattr(code, "get_pipeline", None)
        if not callable(make):
            raise UsageError(
                f"{module} has no function get_pipeline(region, role, ...) that makes a pipeline of the SDK"
            )
        pipeline = make(**select_arguments(make, arguments, f"get_pipeline of {module}"))
        if not hasattr(pipeline, "definition"):
            raise UsageError(f"get_pipeline of {module} returns {type(pipeline).__name__}, not a pipeline of the SDK")
        return pipeline, json.loads(pipeline.definition())
    except UsageError:
        raise
    except Exception as error:
        raise UsageError(f"{_place(error, root)}: {type(error).__name__}: {error}") from error


def select_arguments(function: Any, arguments: Arguments, name: str) -> dict[str, Any]:
    """The arguments that a function takes of those that are there. Raises UsageError for one that it misses."""
    parameters = inspect.signature(function).parameters.values()
    by_name = {p.name: p for p in parameters if p.kind in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY)}
    if missing := [key for key, p in by_name.items() if p.default is p.empty and key not in arguments]:
        raise UsageError(f"{name} needs {', '.join(missing)}: give it with --kwargs \"{{'{missing[0]}': ...}}\"")
    takes_all = any(p.kind is p.VAR_KEYWORD for p in parameters)
    return {key: value for key, value in arguments.items() if takes_all or key in by_name}


def _place(error: Exception, root: Path) -> str:
    """File and line of the project that an error comes from; of the library, where it has no part in it."""
    if isinstance(error, SyntaxError):
        return f"{error.filename}:{error.lineno}"
    frames = traceback.extract_tb(error.__traceback__)
    own = [frame for frame in frames if Path(frame.filename).is_relative_to(root / "pipelines")]
    last = (own or frames)[-1]
    return f"{last.filename}:{last.lineno}"


def _module(name: str, root: Path) -> Any:
    if not (root / (name.replace(".", "/") + ".py")).exists():
        known = sorted(f"pipelines.{path.parent.name}.pipeline" for path in root.glob("pipelines/*/pipeline.py"))
        raise UsageError(f"there is no pipeline module {name!r} in {root}; there are {', '.join(known) or 'none'}")
    working_folder.enter(root)
    return importlib.import_module(name)


def _key(module: str, arguments: Arguments, root: Path) -> str:
    """A hash of all that a definition depends on."""
    digest = hashlib.sha256()
    versions = [sys.version, *(importlib.metadata.version(name) for name in ("sagemaker", "botocore"))]
    digest.update(json.dumps([module, sorted(arguments.items()), versions], default=str).encode())
    for home, folder in ((root, "pipelines"), *((LIBRARY, folder) for folder in LIBRARY_SOURCES)):
        for path in sorted(path for path in (home / folder).rglob("*") if path.suffix in {".py", ".yml"}):
            digest.update(f"\0{path.relative_to(home)}\0".encode())
            digest.update(path.read_bytes())
    return digest.hexdigest()[:32]


def without_empty_environment(node: Any) -> Any:
    """A definition without empty variables: serving fails over an empty SAGEMAKER_PROGRAM, which says nothing."""
    if isinstance(node, list):
        return [without_empty_environment(item) for item in node]
    if not isinstance(node, dict):
        return node
    cleaned = {key: without_empty_environment(value) for key, value in node.items()}
    if isinstance(cleaned.get("Environment"), dict):
        cleaned["Environment"] = {key: value for key, value in cleaned["Environment"].items() if value != ""}
    return cleaned


def upload_code(made: Compiled, module: str, arguments: Arguments, root: Path, s3: Any) -> list[str]:
    """Put the code objects that the bucket does not have into it; returns their keys."""
    missing = [
        step
        for step, (digest, objects) in sorted(made.code.items())
        if _count(s3, made.bucket, f"{made.name}/code/{digest}/") < objects
    ]
    if not missing:
        return []
    bundles = made.bundles or build(module, arguments, root).bundles or {}
    return _put({step: bundles[step] for step in missing}, made.name, made.bucket, s3)


def put_missing(bundles: Mapping[str, Bundle], name: str, bucket: str, s3: Any) -> list[str]:
    """Put the objects of a pipeline's bundles that the bucket does not have into it; their keys."""
    return _put(
        {
            step: bundle
            for step, bundle in bundles.items()
            if _count(s3, bucket, f"{name}/code/{bundle.digest}/") < len(bundle.objects(name))
        },
        name,
        bucket,
        s3,
    )


def _put(bundles: Mapping[str, Bundle], name: str, bucket: str, s3: Any) -> list[str]:
    contents = {key: content for _, bundle in sorted(bundles.items()) for key, content in bundle.objects(name).items()}
    with ThreadPoolExecutor(UPLOADS) as pool:  # a hundred small objects, each a round trip to S3
        list(pool.map(lambda key: s3.put_object(Bucket=bucket, Key=key, Body=contents[key]), contents))
    return list(contents)


def _count(s3: Any, bucket: str, prefix: str) -> int:
    return int(s3.list_objects_v2(Bucket=bucket, Prefix=prefix)["KeyCount"])
