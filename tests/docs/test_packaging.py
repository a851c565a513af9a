"""pyproject.toml declares what the code imports, and requirements.lock is what these declarations lead to."""

import ast
import os
import re
import sys
import tomllib
from collections.abc import Iterator
from importlib.metadata import files, packages_distributions, requires
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
OURS = {"loopback", "slipway", "pipelines", "seed_code"}
IN_THE_CONTAINER = {
    "sagemaker-inference",
    "matplotlib",
    "mlflow",
    "pandas",
    "pyarrow",
    "scikit-learn",
    "werkzeug",
    "xgboost-cpu",
}
MOST_BYTES = 250_000_000  # 300 MB with what Python compiles of it
IN_EVERY_ENVIRONMENT = {"pip", "setuptools"}
NAMED_OTHERWISE = {"sagemaker": ["sagemaker"], "sagemaker_inference": ["sagemaker-inference"]}


def of_extra(extra: str) -> dict[str, Requirement]:
    """What an extra declares, itself or by naming other extras of ours."""
    needs = [Requirement(line) for line in PROJECT["optional-dependencies"][extra]]
    parts = [of_extra(part) for need in needs if need.name == "slipway" for part in need.extras]
    own = {canonicalize_name(need.name): need for need in needs if need.name != "slipway"}
    return {name: need for part in (own, *parts) for name, need in part.items()}


def declared(*extras: str) -> dict[str, Requirement]:
    """What the library and these extras declare."""
    own = {canonicalize_name(Requirement(line).name): Requirement(line) for line in PROJECT["dependencies"]}
    return {name: need for part in (own, *map(of_extra, extras)) for name, need in part.items()}


def locked() -> dict[str, str]:
    pins = re.findall(r"^([A-Za-z0-9._-]+)==(\S+)", (ROOT / "requirements.lock").read_text(), re.MULTILINE)
    return {canonicalize_name(name): version for name, version in pins}


def imported(folder: str, but: str = "nothing") -> dict[str, set[str]]:
    """What a folder's modules import, wherever in the module: the name, and the distributions that have it."""
    owners = packages_distributions() | NAMED_OTHERWISE
    paths = [path for path in (ROOT / folder).rglob("*.py") if not path.is_relative_to(ROOT / but)]
    names = {name for path in paths for name in _modules(ast.parse(path.read_text()))}
    third = names - OURS - set(sys.stdlib_module_names)
    return {name: {canonicalize_name(owner) for owner in owners.get(name, ())} for name in third}


def _modules(tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.module.partition(".")[0]


def closure(roots: dict[str, Requirement]) -> set[str]:
    """The names of all that these requirements lead to in this environment."""
    seen: set[tuple[str, str]] = set()
    todo = [(name, extra) for name, need in roots.items() for extra in ("", *need.extras)]
    while todo:
        name, extra = todo.pop()
        if (name, extra) in seen:
            continue
        seen.add((name, extra))
        for line in requires(name) or ():
            need = Requirement(line)
            if need.marker is None or need.marker.evaluate({"extra": extra}):
                todo += [(canonicalize_name(need.name), each) for each in ("", *need.extras)]
    return {name for name, _ in seen}


@pytest.mark.parametrize(
    ("folder", "extras", "beside"),
    [
        ("slipway", ["mcp"], IN_THE_CONTAINER | {"pytest"}),  # the plugin is imported by pytest alone
        ("seed_code", [], {"pytest"}),  # a new project's own tests
        ("pipelines", [], IN_THE_CONTAINER),
        ("loopback", ["local", "clarify"], set()),
    ],
)
def test_what_is_imported_is_declared(folder: str, extras: list[str], beside: set[str]) -> None:
    known = set(declared(*extras)) | beside | IN_EVERY_ENVIRONMENT
    assert [name for name, owners in imported(folder).items() if not owners & known] == []


def test_the_control_plane_needs_its_own_extra_alone() -> None:
    """What containers run is imported by jobs and model servers, with a Python of theirs."""
    known = {*of_extra("local-control"), "botocore"} | IN_EVERY_ENVIRONMENT  # ministack pins its botocore
    assert [name for name, owners in imported("loopback", but="loopback/images").items() if not owners & known] == []


def test_what_containers_run_finds_its_packages_in_the_python_of_jobs() -> None:
    known = set(declared("local-jobs", "clarify"))
    assert [name for name, owners in imported("loopback/images").items() if not owners & known] == []


def test_the_control_planes_environment_is_small() -> None:
    names = closure(of_extra("local-control"))
    assert not {"sagemaker", "pandas", "pyarrow", "scipy", "scikit-learn", "xgboost-cpu", "mlflow"} & names
    paths = {path.locate() for name in names for path in files(name) or ()}
    assert sum(os.path.getsize(path) for path in paths if os.path.isfile(path)) <= MOST_BYTES


def test_the_lock_admits_every_declaration_and_has_nothing_else() -> None:
    extras = list(PROJECT["optional-dependencies"])
    wrong = [str(need) for name, need in declared(*extras).items() if not need.specifier.contains(locked()[name])]
    assert wrong == []
    assert set(locked()) == closure(declared(*extras))


def test_every_pin_has_hashes() -> None:
    blocks = re.split(r"\n(?=\S)", (ROOT / "requirements.lock").read_text().strip())
    assert [block.split()[0] for block in blocks if "--hash=sha256:" not in block] == []


def test_ministack_and_xgboost_come_with_the_local_extra_only() -> None:
    alone = closure(declared())
    assert not {"ministack", "xgboost-cpu", "cfn-lint", "shap"} & alone


def test_every_declared_package_has_its_reason() -> None:
    page = (ROOT / "docs/design.md").read_text().partition("## Dependencies")[2].lower()
    assert [name for name in declared(*PROJECT["optional-dependencies"]) if name not in page] == []
