"""What the pages say is what the code does."""

import re
from pathlib import Path

import pytest

from loopback.engines.pipelines.model import STEP_TYPES
from loopback.runtimes.jobs.images import TABLE
from loopback.services import registry
from loopback.services.sagemaker import (
    code_repositories,
    domains,
    endpoint_configs,
    endpoints,
    executions,
    experiments,
    jobs,
    models,
    packages,
    pipelines,
    projects,
    tags,
)
from loopback.services.sagemaker.lineage import handlers as lineage
from loopback.services.sagemaker.monitoring import monitor
from loopback.services.sagemaker.search import operations as search
from loopback.services.sagemaker.tuning import tuning_jobs

ROOT = Path(__file__).resolve().parents[2]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]
FAMILIES = (
    code_repositories,
    domains,
    endpoint_configs,
    endpoints,
    executions,
    experiments,
    jobs,
    lineage,
    models,
    monitor,
    packages,
    pipelines,
    projects,
    tags,
    search,
    tuning_jobs,
)


def test_the_operations_page_is_true() -> None:
    listed = set(re.findall(r"^- (\w+)$", (ROOT / "docs/local-aws.md").read_text(), re.MULTILINE))
    assert listed == registry.implemented_operations("sagemaker"), FAMILIES


def test_every_step_type_is_on_the_page() -> None:
    page = (ROOT / "docs/local-aws.md").read_text()
    assert [kind for kind in STEP_TYPES if not re.search(rf"\b{kind}\b", page)] == []


def test_every_image_that_runs_is_on_the_page() -> None:
    page = (ROOT / "docs/local-aws.md").read_text()
    patterns = [pattern for pattern, runtime in TABLE if runtime.refused is None]
    assert [p for p in patterns if p.strip("*/").split(":")[0] not in page] == []


MADE = "pipelines/tumours"  # by those who follow the tutorial


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_path_that_a_page_names_is_there(page: Path) -> None:
    named = re.findall(r"`((?:loopback|pipelines|slipway|docs|tests|benchmarks)/[\w./-]*)`", page.read_text())
    assert [path for path in named if not path.startswith(MADE) and not (ROOT / path).exists()] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_link_leads_somewhere(page: Path) -> None:
    targets = re.findall(r"\]\((?!https?:|#)([^)#]+)", page.read_text())
    assert [target for target in targets if not (page.parent / target).exists()] == []


def test_every_make_target_that_a_page_names_exists() -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    typed = re.compile(r"(?:^    |`)make ([a-z-]+)", re.MULTILINE)
    named = {name for page in PAGES for name in typed.findall(page.read_text())}
    assert named <= targets


PROJECT = (
    *("pipelines", "deploy", "codebuild", "seed_code"),
    *(f"slipway/{part}" for part in ("build", "tabular", "deploy", "monitoring", "analysis")),
)


def test_a_project_does_not_know_where_it_runs() -> None:
    files = [
        path
        for folder in PROJECT
        for path in (ROOT / folder).rglob("*")
        if path.suffix in (".py", ".yml", ".json", ".sh")
    ]
    telling = [str(path) for path in files if re.search(r"loopback|AWS_ENDPOINT_URL", path.read_text())]
    assert telling == []
