"""loopback.yml: a team's own images, and the quotas of its account."""

import json
import re
import sys
from pathlib import Path

import jsonschema
import pytest
import yaml

from loopback import loopback_file
from loopback.loopback_file import WrongFile
from loopback.runtimes.jobs.images import UnknownImage


def test_a_users_image_runs_with_what_it_is_mapped_to(tmp_path: Path) -> None:
    (tmp_path / "loopback.yml").write_text(f'images:\n  "*/mine:*": host\n  "*/other:*": {sys.executable}\n')
    images = loopback_file.read([tmp_path / "elsewhere", tmp_path]).images
    assert images.runtime("registry/mine:1").interpreter is None
    assert images.runtime("registry/other:2").interpreter == sys.executable
    with pytest.raises(UnknownImage, match=r"loopback\.yml"):
        images.runtime("registry/unknown:1")


def test_without_a_file_the_table_alone_counts(tmp_path: Path) -> None:
    found = loopback_file.read([tmp_path])
    assert (found.images.mapped, found.quotas) == (None, {})


def test_quotas_are_read_with_or_without_images(tmp_path: Path) -> None:
    (tmp_path / "loopback.yml").write_text('quotas:\n  "ml.m5.* for training job usage": 4\n  "*": 0\n')
    assert loopback_file.read([tmp_path]).quotas == {"ml.m5.* for training job usage": 4, "*": 0}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("images: [", "is not YAML"),
        ("- a\n", "must hold images"),
        ("image:\n  x: host\n", "must hold images"),
        ('images:\n  "*/mine:*": hots\n', "'hots'; expected host, the path of a Python"),
        ('images:\n  "*/mine:*": /no/python\n', "'/no/python'; expected host"),
        ("images: host\n", "images must hold lines of a pattern"),
        ("quotas: 4\n", "quotas must hold lines of a pattern"),
        ('quotas:\n  "ml.m5.xlarge for training job usage": many\n', "is 'many'; expected a number, 0 or more"),
        ('quotas:\n  "ml.m5.xlarge for training job usage": true\n', "is True; expected a number"),
        ('quotas:\n  "ml.m5.xlarge for training job usage": -1\n', "is -1; expected a number, 0 or more"),
        ('quotas:\n  "ml.m5.xlarge for training usage": 4\n', "is the name of no quota here"),
        ("quotas:\n  7: 4\n", "7 is the name of no quota here"),
    ],
)
def test_a_wrong_file_is_told_by_its_place(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "loopback.yml").write_text(text)
    with pytest.raises(WrongFile, match=r"loopback\.yml") as wrong:
        loopback_file.read([tmp_path])
    assert message in str(wrong.value)


ROOT = Path(__file__).parents[2]
SCHEMA = json.loads((ROOT / "loopback/loopback.schema.json").read_text())


def test_its_schema_is_one_and_takes_the_page_s_examples() -> None:
    jsonschema.Draft7Validator.check_schema(SCHEMA)
    examples = re.findall(r"```yaml\n# loopback.yml\n(.*?)```", (ROOT / "docs/local-aws.md").read_text(), re.DOTALL)
    assert len(examples) == 2
    for example in examples:
        jsonschema.validate(yaml.safe_load(example), SCHEMA)


def test_the_page_s_quotas_are_read(tmp_path: Path) -> None:
    found = re.findall(r"```yaml\n# loopback.yml\n(quotas.*?)```", (ROOT / "docs/local-aws.md").read_text(), re.DOTALL)
    (tmp_path / "loopback.yml").write_text(found[0])
    assert loopback_file.read([tmp_path]).quotas


@pytest.mark.parametrize(
    "text", ["image: {}", "images: {x: hots}", "images: {x: 1}", "images: {}\nmore: 1", "quotas: {x: -1}", "{}"]
)
def test_its_schema_refuses_what_a_start_refuses(text: str) -> None:
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(yaml.safe_load(text), SCHEMA)
