"""loopback.yml: a user's own images."""

import json
import re
import sys
from pathlib import Path

import jsonschema
import pytest
import yaml

from loopback.runtimes.jobs.images import UnknownImage, WrongMapping, read_mapping


def test_a_users_image_runs_with_what_it_is_mapped_to(tmp_path: Path) -> None:
    (tmp_path / "loopback.yml").write_text(f'images:\n  "*/mine:*": host\n  "*/other:*": {sys.executable}\n')
    images = read_mapping([tmp_path / "elsewhere", tmp_path])
    assert images.runtime("registry/mine:1").interpreter is None
    assert images.runtime("registry/other:2").interpreter == sys.executable
    with pytest.raises(UnknownImage, match=r"loopback\.yml"):
        images.runtime("registry/unknown:1")


def test_without_a_file_the_table_alone_counts(tmp_path: Path) -> None:
    assert read_mapping([tmp_path]).mapped is None


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("images: [", "is not YAML"),
        ("- a\n", "must hold one key, images"),
        ("image:\n  x: host\n", "must hold one key, images"),
        ('images:\n  "*/mine:*": hots\n', "'hots'; expected host, the path of a Python"),
        ('images:\n  "*/mine:*": /no/python\n', "'/no/python'; expected host"),
    ],
)
def test_a_wrong_file_is_told_by_its_place(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "loopback.yml").write_text(text)
    with pytest.raises(WrongMapping, match=r"loopback\.yml") as wrong:
        read_mapping([tmp_path])
    assert message in str(wrong.value)


ROOT = Path(__file__).parents[4]
SCHEMA = json.loads((ROOT / "loopback/loopback.schema.json").read_text())


def test_its_schema_is_one_and_takes_the_page_s_example() -> None:
    jsonschema.Draft7Validator.check_schema(SCHEMA)
    (example,) = re.findall(r"```yaml\n# loopback.yml\n(.*?)```", (ROOT / "docs/local-aws.md").read_text(), re.DOTALL)
    jsonschema.validate(yaml.safe_load(example), SCHEMA)


@pytest.mark.parametrize("text", ["image: {}", "images: {x: hots}", "images: {x: 1}", "images: {}\nmore: 1"])
def test_its_schema_refuses_what_a_start_refuses(text: str) -> None:
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(yaml.safe_load(text), SCHEMA)
