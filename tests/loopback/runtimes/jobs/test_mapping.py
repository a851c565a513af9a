"""loopback.yml: a user's own images."""

import sys
from pathlib import Path

import pytest

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
