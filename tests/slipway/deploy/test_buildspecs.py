"""The buildspecs hold no logic, and name exactly what the commands write and need."""

import argparse
import re
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
import yaml

from seed_code import seed
from slipway.build.project import Project
from slipway.deploy import build, promotion, staging_tests

ROOT = Path(__file__).resolve().parents[3]
SPECS = ("build-deploy.yml", "test-staging.yml")


def spec(name):
    return yaml.safe_load((ROOT / "codebuild" / name).read_text())


def lines(name):
    return [command for phase in spec(name)["phases"].values() for command in phase.get("commands", [])]


@pytest.mark.parametrize("name", SPECS)
def test_at_most_five_lines(name):
    assert len(lines(name)) <= 5
    assert all("\n" not in line for line in lines(name))


ENVIRONMENT = dict.fromkeys((*build.REQUIRED.values(), "ARTIFACT_BUCKET"), "x")


def test_the_artifact_is_what_the_build_writes():
    found = build.parse([], ENVIRONMENT)
    written = {found.export_template, found.export_staging_config, found.export_prod_config, found.export_promotion}
    written |= {found.export_staging_monitoring_config, found.export_prod_monitoring_config}
    written |= {found.export_monitoring_template}
    assert written < set(spec("build-deploy.yml")["artifacts"]["files"])


def test_the_test_reads_what_the_build_writes():
    built, tested = build.parse([], ENVIRONMENT), staging_tests.parse([], ENVIRONMENT)
    assert (tested.config, tested.promotion) == (built.export_staging_config, built.export_promotion)
    found = spec("test-staging.yml")
    assert found["artifacts"]["base-directory"] == tested.output
    assert found["reports"]["staging"]["base-directory"] == tested.output
    assert found["phases"]["post_build"]["commands"][0].count(tested.export_variables) == 2


RECORD = {
    "ModelPackageArn": "arn",
    "ModelPackageVersion": 7,
    "ModelPackageGroupName": "g",
    "CommitId": None,
    "Metrics": {},
    "Watched": {"staging": "nothing", "prod": "nothing"},
}


def test_exported_variables_are_those_that_are_written():
    assert set(spec("build-deploy.yml")["env"]["exported-variables"]) == set(promotion.variables(RECORD, "given"))
    written = staging_tests.variables([], RECORD, "s3://b/p", "https://x")
    assert set(spec("test-staging.yml")["env"]["exported-variables"]) == set(written)


def test_the_test_runs_from_the_artifact_alone(tmp_path):
    """Only the files that the Build stage passes on are there; the library is installed from the wheel among them."""
    project, artifact, installed = tmp_path / "project", tmp_path / "artifact", tmp_path / "installed"
    for name, content in seed.files(ROOT).items():
        (project / name).parent.mkdir(parents=True, exist_ok=True)
        (project / name).write_bytes(content)
    for pattern in spec("build-deploy.yml")["artifacts"]["files"]:
        for source in (path for path in project.glob(pattern) if path.is_file()):
            target = artifact / source.relative_to(project)
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(source.read_bytes())
    (wheel,) = artifact.glob("vendor/*.whl")
    assert f"./vendor/{wheel.name} " in (artifact / "requirements.txt").read_text()
    zipfile.ZipFile(wheel).extractall(installed)
    insert = f"import sys; sys.path.insert(0, {str(installed)!r})"
    code = f"{insert}; import slipway.deploy.staging_tests as it; print(it.__file__)"
    command = [sys.executable, "-P", "-c", code]
    found = subprocess.run(command, cwd=artifact, capture_output=True, text=True, check=False)
    assert found.returncode == 0, found.stderr
    assert Path(found.stdout.strip()).is_relative_to(installed)
    assert (artifact / "codebuild" / "test-staging.yml").exists()


def test_requirements_are_the_lines_of_the_lock():
    lock, wanted = ((ROOT / name).read_text() for name in ("requirements.lock", "deploy/requirements.txt"))
    blocks = re.split(r"\n(?=\S)", wanted.strip())
    assert [block for block in blocks if block not in lock or "--hash=sha256:" not in block] == []
    assert {block.partition("==")[0] for block in blocks} > {"pydantic", "pyyaml"}


def test_the_template_does_not_know_where_it_runs():
    words = re.compile("loopback|aws_endpoint_url|localhost|127[.]0[.]0[.]1", re.IGNORECASE)
    files = [p for folder in ("deploy", "codebuild") for p in (ROOT / folder).rglob("*") if p.suffix != ".pyc"]
    assert [str(path) for path in files if path.is_file() and words.search(path.read_text())] == []


def test_variables_are_read_the_same_way_on_both_halves():
    environment = {"SAGEMAKER_PROJECT_NAME": "demo", "SAGEMAKER_PIPELINE_ROLE_ARN": "r", "ARTIFACT_BUCKET": "b"}
    project = Project.from_environment(environment | {"AWS_REGION": "us-east-1"})
    found: argparse.Namespace = build.parse([], ENVIRONMENT | environment)
    assert (found.sagemaker_project_name, found.s3_bucket) == (project.name, project.bucket)
