"""The code of each job as a bundle: its script, the shared modules it imports, its part of the configuration.

A bundle lies in S3 under the hash of its file names and contents, never of a path on this machine: the same code has
the same address from every checkout, and a change in one script leaves the other jobs' addresses, and so their cached
results, alone.
"""

import ast
import gzip
import hashlib
import io
import json
import tarfile
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path
from typing import Any

LIBRARY = Path(__file__).resolve().parents[2]  # the folder that holds the package slipway
SCRIPTS = Path("slipway", "tabular", "scripts")  # the programs of jobs, for a pipeline without its own
OURS = ("pipelines", "slipway")  # the packages that travel with a job's code
ARCHIVE = "sourcedir.tar.gz"

# The container generates a setup.py when there is none, and then forgets packages.
SETUP = """from setuptools import find_packages, setup

setup(name={name!r}, version="1", packages=find_packages(), py_modules=[{name!r}])
"""


# beside a script: what names the pipeline's own file
FEATURES = """from {name} import features

__all__ = ["features"]
"""
MODEL = """from {name} import fit, load, predict, save

__all__ = ["fit", "load", "predict", "save"]
"""


@dataclass(frozen=True)
class Bundle:
    """Files by their place in the bundle. `archive`: it travels as one sourcedir.tar.gz (training), else as files."""

    files: Mapping[str, bytes]
    archive: bool = False

    @cached_property
    def digest(self) -> str:
        """Hash of names and contents."""
        digest = hashlib.sha256()
        for name, content in sorted(self.files.items()):
            digest.update(f"{name}\0{len(content)}\0".encode())
            digest.update(content)
        return digest.hexdigest()[:32]

    def key(self, prefix: str) -> str:
        """The S3 key that jobs are given: a folder, or the archive."""
        return f"{prefix}/code/{self.digest}" + (f"/{ARCHIVE}" if self.archive else "")

    def objects(self, prefix: str) -> dict[str, bytes]:
        """What to put into the bucket, by key."""
        if self.archive:
            return {self.key(prefix): _tar_gz(self.files)}
        return {f"{self.key(prefix)}/{name}": content for name, content in self.files.items()}

    def write(self, folder: Path) -> None:
        """Lay the bundle out in a folder."""
        for name, content in self.files.items():
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)


def processing(folder: Path, script: str, config: Mapping[str, Any]) -> Bundle:
    """The bundle of a processing job: the script, what it imports, config.json.

    `folder` is a pipeline's, the `pipelines/churn` of a project.
    """
    features = _own(folder, "features", FEATURES) if script == "prepare" else {}  # Evaluate runs those of the models
    return Bundle({**_with_imports(folder, script), **features, "config.json": _json(config)})


def training(folder: Path) -> Bundle:
    """The bundle of a training job: train.py, and below serving_code/ all that the endpoint will need."""
    serving = {f"serving_code/{name}": content for name, content in serving_code(folder).files.items()}
    return Bundle({**_with_imports(folder, "train"), "setup.py": _setup("train"), **serving}, archive=True)


def serving_code(folder: Path) -> Bundle:
    """What lies in `code/` of model.tar.gz: inference.py, features.py and model.py, each with what it imports."""
    files = {**_with_imports(folder, "inference"), **_own(folder, "features", FEATURES), **_own(folder, "model", MODEL)}
    return Bundle({**files, "setup.py": _setup("inference")})


def _with_imports(folder: Path, script: str) -> dict[str, bytes]:
    """The script at the root of the bundle, the modules that it needs at their own place."""
    own = (folder / f"{script}.py").is_file()  # a pipeline's own file of this name wins
    path = (folder if own else LIBRARY / SCRIPTS) / f"{script}.py"
    source = path.read_bytes()
    package = f"pipelines.{folder.name}" if own else ".".join(SCRIPTS.parts)
    return {f"{script}.py": source, **_modules(_imported_modules(source, package, str(path)), folder.parent.parent)}


def _own(folder: Path, stem: str, beside: str) -> dict[str, bytes]:
    """A pipeline's features.py or model.py at its own place with what it imports, and one beside the script."""
    name, root = f"pipelines.{folder.name}.{stem}", folder.parent.parent
    if _file_of(name, root) is None:
        return {}
    return {f"{stem}.py": beside.format(name=name).encode(), **_modules({name}, root)}


def _modules(names: Iterable[str], root: Path) -> dict[str, bytes]:
    """These modules and those that they import, each at its own place."""
    files: dict[str, bytes] = {}
    waiting = {*names}
    while waiting:
        name = waiting.pop()
        path = _file_of(name, root)
        if path is None or path in files:
            continue
        files[path] = (_home(name, root) / path).read_bytes()
        package = name if path.endswith("/__init__.py") else name.rpartition(".")[0]
        waiting |= _imported_modules(files[path], package, str(_home(name, root) / path)) | {name.rpartition(".")[0]}
    return files


@cache  # the bundles of a pipeline share most of their files, and parsing is half of the time that they take
def _imported_modules(source: bytes, package: str, file: str) -> frozenset[str]:
    """The modules of ours that a file of a package imports; of `from a import b`, b may be a module of a."""
    names: set[str] = set()
    for node in _statements(ast.parse(source, file)):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            above = package.split(".")[: len(package.split(".")) - node.level + 1] if node.level else []
            module = ".".join([*above, *([node.module] if node.module else [])])
            names |= {module, *(f"{module}.{alias.name}" for alias in node.names)}
    return frozenset(name for name in names if name.split(".")[0] in OURS)


def _statements(node: ast.AST) -> Iterator[ast.AST]:
    """Every statement below a node. Imports are nothing else, and nine of ten nodes are parts of expressions."""
    for part in ("body", "orelse", "finalbody", "handlers", "cases"):
        for child in getattr(node, part, ()):
            yield child
            yield from _statements(child)


def _file_of(module: str, root: Path) -> str | None:
    place, home = module.replace(".", "/"), _home(module, root)
    return next((p for p in (f"{place}.py", f"{place}/__init__.py") if module and (home / p).is_file()), None)


def _home(module: str, root: Path) -> Path:
    """The folder that a module is imported from: the project's, or that of the installed library."""
    return LIBRARY if module.partition(".")[0] == "slipway" else root


def _json(document: Mapping[str, Any]) -> bytes:
    return json.dumps(document, indent=1, sort_keys=False).encode()


def _setup(name: str) -> bytes:
    return SETUP.format(name=name).encode()


def _tar_gz(files: Mapping[str, bytes]) -> bytes:
    """The same bytes for the same files: no times, no owners."""
    packed = io.BytesIO()
    with gzip.GzipFile(fileobj=packed, mode="wb", mtime=0) as stream, tarfile.open(fileobj=stream, mode="w") as tar:
        for name, content in sorted(files.items()):
            member = tarfile.TarInfo(name)
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
    return packed.getvalue()
