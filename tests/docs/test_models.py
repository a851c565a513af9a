"""The examples of docs/models.md, each all the way: prepared, trained, evaluated, asked."""

import json
import random
import re
from pathlib import Path

import pytest
import yaml

from slipway.tabular.scripts import inference
from tests.slipway.build.made import pipeline

PAGE = Path(__file__).parents[2].joinpath("docs/models.md").read_text()
BINARY, SEVERAL, NUMBER, SETTINGS = (yaml.safe_load(text) for text in re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL))
(MODEL,) = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
ROWS = 400


def leaving(chance):
    minutes, plan = chance.uniform(0, 300), chance.choice(("basic", "family"))
    leans = minutes + 60 * (plan == "basic") + chance.gauss(0, 40)
    return [round(minutes, 1), plan, "yes" if leans > 200 else "no"]


def cultivar(chance):
    name = chance.choice(("barbera", "barolo", "grignolino"))
    ash = chance.gauss({"barbera": 2, "barolo": 3, "grignolino": 4}[name], 0.4)
    return [round(ash, 2), round(chance.gauss(1, 0.2), 2), chance.choice(("clay", "marl", "")), name]


def price(chance):
    area, district = round(chance.uniform(20, 200), 1), chance.choice(("north", "south"))
    return [area, district, round(area * 2 + 40 * (district == "south") + chance.gauss(0, 20), 2)]


EXAMPLES = {
    "a yes or no": (BINARY, leaving, {}),
    "several classes": (SEVERAL, cultivar, {}),
    "a number": (NUMBER, price, {}),
    "a model of one's own": ({k: v for k, v in SEVERAL.items() if k != "hyperparameters"} | SETTINGS, cultivar, MODEL),
}


@pytest.mark.parametrize("name", EXAMPLES)
def test_an_example_reaches_its_gate_and_answers(name, tmp_path):
    settings, row, code = EXAMPLES[name]
    chance = random.Random(3)
    table = [[*settings["data"]["columns"]], *(row(chance) for _ in range(ROWS))]
    made = pipeline(tmp_path, "example", settings, table, {"model.py": code} if code else {})
    made.prepare()
    made.train()
    report = made.evaluate()
    section = next(found for key, found in report.items() if key.endswith("_metrics"))
    for metric, least in settings["gates"]["thresholds"].items():
        assert section[metric]["value"] >= least
    golden = json.loads((tmp_path / "evaluation/golden.json").read_text())["rows"]
    model = inference.model_fn(str(made.model))
    lines = "\n".join(each["csv"] for each in golden)
    assert len(inference.transform_fn(model, lines, "text/csv", "text/csv")[0].splitlines()) == len(golden)


def test_answers_look_as_the_page_says(tmp_path):
    settings, row, _ = EXAMPLES["several classes"]
    table = [[*settings["data"]["columns"]], *(row(random.Random(n)) for n in range(ROWS))]
    made = pipeline(tmp_path, "example", settings, table)
    made.prepare()
    made.train()
    model = inference.model_fn(str(made.model))
    said = json.loads(inference.transform_fn(model, "2.1,1.0,clay", "text/csv", "application/json")[0])
    (shown,) = re.findall(r'`(\{"predictions": \[\{.*?\})`', PAGE)
    shown = json.loads(shown)
    assert set(said) == set(shown)
    assert set(said["predictions"][0]) == set(shown["predictions"][0])
    assert inference.transform_fn(model, "2.1,1.0,clay", "text/csv", "*/*")[0].startswith("barbera,")
