"""Which files become an artifact."""

from pathlib import Path

import pytest

from loopback.runtimes.codebuild.globs import NoSuchFiles, select
from loopback.runtimes.codebuild.specification import FilePatterns

TREE = ("a.py", "b.txt", ".hidden", "d/e.py", "d/f/g.py", "d/f/h.txt", "dist1/x/y", "dist2/z", "w[1]")


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("src")
    for name in TREE:
        (made / name).parent.mkdir(parents=True, exist_ok=True)
        (made / name).write_text(name)
    (made / "link").symlink_to("a.py")
    (made / "dangling").symlink_to("nowhere")
    (made / "folder").symlink_to("d")
    return made


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        (FilePatterns(("a.py", "d/e.py")), "a.py d/e.py"),
        (FilePatterns(("*.py",)), "a.py"),
        (FilePatterns(("d/*",)), "d/e.py"),
        (FilePatterns(("d/**/*",)), "d/e.py d/f/g.py d/f/h.txt"),
        (FilePatterns(("**/*.py",)), "a.py d/e.py d/f/g.py"),
        (FilePatterns(("**/*",), exclude=("d/**/*", "dist*/**/*", "**/.*")), "a.py b.txt link w[1]"),
        (FilePatterns(("**/*.py",), discard_paths=True), "a.py e.py g.py"),
        (FilePatterns(("**/*",), "d"), "e.py f/g.py f/h.txt"),
        (FilePatterns(("**/*",), "dist*"), "x/y z"),
        (FilePatterns(("./d/../a.py",)), "a.py"),
        (FilePatterns(("[ab].*",)), "a.py b.txt"),
        (FilePatterns(("?.txt",)), "b.txt"),
        (FilePatterns(("d*ng", "lin?", "fol*"), symlinks=True), "dangling folder link"),
    ],
)
def test_selection(root: Path, files: FilePatterns, expected: str) -> None:
    assert [name for name, _ in select(root, files)] == expected.split()


def test_paths_below_the_source_may_be_absolute(root: Path) -> None:
    assert [name for name, _ in select(root, FilePatterns((f"{root}/d/*",)))] == ["d/e.py"]


@pytest.mark.parametrize(
    ("files", "words"),
    [
        (FilePatterns(("nope/**/*",)), "no matching artifact paths found for nope"),
        (FilePatterns(("*",), "nope"), "no matching base directory path found for nope"),
        (FilePatterns(("*",), "nope*"), "no matching base directory path found for nope"),
        (FilePatterns(("../x",)), "'../x' leads out of the build's source folder"),
        (FilePatterns(("/etc/passwd",)), "leads out"),
        (FilePatterns(("*",), "../.."), "leads out"),
        (FilePatterns(("d",)), "no matching artifact paths found for d"),
    ],
)
def test_refused(root: Path, files: FilePatterns, words: str) -> None:
    with pytest.raises(NoSuchFiles, match=words):
        select(root, files)


def test_a_link_that_leads_out_of_the_build_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("a key")
    root = tmp_path / "build" / "src"
    (root / "inner").mkdir(parents=True)
    (root / "key").symlink_to(tmp_path / "secret")
    (root / "folder").symlink_to(tmp_path)
    (root / "inner" / "fine").symlink_to("../inner/file")
    (root / "inner" / "file").write_text("x")
    for text in ("key", "folder/secret", "**/*"):
        with pytest.raises(NoSuchFiles, match="leads out of the build's folders"):
            select(root, FilePatterns((text,)))
    assert [name for name, _ in select(root, FilePatterns(("inner/*",)))] == ["inner/file", "inner/fine"]
    assert [name for name, _ in select(root, FilePatterns(("key",), symlinks=True))] == ["key"]
