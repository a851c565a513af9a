"""Every pipeline on made-up rows of its columns, and the stages' settings: what would fail in a build fails here first.

    python -m pytest tests

Training needs xgboost at the version of the image: pip install xgboost-cpu==3.2.0
"""

import csv
import importlib
import json
import random
from pathlib import Path

import pytest

from slipway.build import bundles, compiled, config
from slipway.build.project import Project
from slipway.deploy import stage
from slipway.tabular import feature_code
from slipway.tabular.hosts import Hosts

ROOT = Path(__file__).resolve().parents[2]
PIPELINES = sorted(path.parent for path in ROOT.glob("pipelines/*/pipeline.py"))
PROJECT = Project("test", "arn:aws:iam::111122223333:role/test", "test-bucket", "us-east-1")
ROWS = 200


def cell(settings: config.Config, kind: str, row: int, chance: random.Random) -> str:
    """A made-up value of a column: none is real, so no data is kept with the code."""
    if kind == "label" and settings.data.label:
        return settings.data.label.names[row % len(settings.data.label.names)]
    if kind == "identifier":
        return f"id-{row}"
    return chance.choice("abc") if kind == "category" else f"{chance.gauss(10 + row % 2, 1):.4f}"


def write_rows(settings: config.Config, path: Path) -> None:
    chance = random.Random(1)
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        if settings.data.header:
            writer.writerow(settings.data.columns)
        kinds = settings.data.columns.values()
        writer.writerows([cell(settings, kind, row, chance) for kind in kinds] for row in range(ROWS))


@pytest.mark.parametrize("folder", PIPELINES, ids=lambda folder: folder.name)
def test_the_definition_is_valid(folder: Path) -> None:
    made = compiled.build(f"pipelines.{folder.name}.pipeline", PROJECT.arguments, ROOT)
    assert json.loads(made.text)["Steps"]


@pytest.mark.parametrize("folder", PIPELINES, ids=lambda folder: folder.name)
def test_the_endpoint_answers_what_training_has_made(folder: Path, tmp_path: Path) -> None:
    pytest.importorskip("xgboost")
    from slipway.tabular.scripts import inference, prepare, train
    from slipway.tabular.training import Channels

    settings = config.load(folder / "config.yml")
    document = settings.model_dump(mode="json", exclude_none=True)
    document["data"]["minimum_rows"] = 10
    (tmp_path / "in").mkdir()
    write_rows(settings, tmp_path / "in" / "rows.csv")
    own = importlib.import_module(f"pipelines.{folder.name}.prepare") if (folder / "prepare.py").is_file() else prepare
    clean = getattr(own, "clean", prepare.every_row)
    prepare.main(tmp_path / "in", tmp_path / "out", document, feature_code.load(folder), clean)
    bundles.serving_code(folder).write(tmp_path / "code")
    channels = Channels(*(tmp_path / "out" / name for name in ("train", "validation", "encoder")))
    hosts = Hosts(("algo-1",), "algo-1")
    train.main(channels, tmp_path / "model", {**settings.training, "num_round": 5}, hosts, tmp_path / "code")
    rows = json.loads((tmp_path / "out" / "golden" / "golden.json").read_text())["rows"]
    model = inference.model_fn(str(tmp_path / "model"))
    as_csv, _ = inference.transform_fn(model, "\n".join(row["csv"] for row in rows), "text/csv", "text/csv")
    instances = json.dumps([row["instance"] for row in rows])
    as_json, _ = inference.transform_fn(model, instances, "application/json", "text/csv")
    assert as_csv == as_json
    assert len(as_csv.splitlines()) == len(rows) > 0


@pytest.mark.parametrize("path", sorted(ROOT.glob("deploy/stages/*.yml")), ids=lambda path: path.name)
def test_the_stages_settings_are_valid(path: Path) -> None:
    assert stage.load(path)  # what is wrong in the file is raised, with its line
