"""The small pure parts: artifact locations, variables, runtimes, secrets, repositories, JUnit, zip files."""

import io
import stat
import zipfile
from pathlib import Path
from typing import Any

import pytest

from loopback.core.artifacts import Artifact
from loopback.runtimes.codebuild import zips
from loopback.runtimes.codebuild.artifacts import for_outputs, location
from loopback.runtimes.codebuild.environment import exported_values, merge, source_variable
from loopback.runtimes.codebuild.faults import ClientFault
from loopback.runtimes.codebuild.runtimes import check, matches
from loopback.runtimes.codebuild.secrets import reference
from loopback.runtimes.codebuild.sources import repository_url
from loopback.runtimes.codebuild.specification import Buildspec, FilePatterns
from loopback.runtimes.codebuild.walker import BuildspecError


@pytest.mark.parametrize(
    ("config", "name", "expected"),
    [
        ({}, "", "p"),
        ({"name": "app.zip", "path": "a/b/"}, "", "a/b/app.zip"),
        ({"name": "app", "namespaceType": "BUILD_ID", "path": "a"}, "", "a/id/app"),
        ({"name": "app", "overrideArtifactName": True}, "other", "other"),
        ({"name": "app"}, "other", "app"),
        ({"name": "/", "path": "a"}, "", "a"),
    ],
)
def test_location(config: dict[str, Any], name: str, expected: str) -> None:
    assert location(config, "p", "id", name) == expected


def test_a_name_may_not_lead_elsewhere() -> None:
    with pytest.raises(ClientFault, match=r"may not contain '\.\.'"):
        location({"overrideArtifactName": True}, "p", "id", "../x")


def test_outputs_of_a_pipeline() -> None:
    one, two = Artifact("One", "b", "1"), Artifact("Two", "b", "2")
    primary, other = FilePatterns(("*",)), FilePatterns(("x",))
    assert for_outputs(Buildspec(artifacts=primary), [one]) == [(one, primary)]
    both = Buildspec(artifacts=primary, secondary={"One": primary, "Two": other})
    assert for_outputs(both, [one, two]) == [(one, primary), (two, other)]
    with pytest.raises(ClientFault, match="artifact Two, for which the buildspec has no files"):
        for_outputs(Buildspec(artifacts=primary, secondary={"One": other}), [one, two])


def test_variables() -> None:
    assert merge([{"A": "1", "B": "1"}, {"B": "$A"}]) == {"A": "1", "B": "$A"}
    shell = {"A": "1", "AWS_X": "2", "S": "3", "CODEBUILD_X": "4"}
    assert exported_values(["A", "AWS_X", "S", "CODEBUILD_X", "NOT"], shell, {"S"}) == {"A": "1"}
    assert source_variable("Build-Out") == "CODEBUILD_SRC_DIR_Build_Out"


@pytest.mark.parametrize(
    ("wanted", "found", "same"),
    [
        ("3.11", "3.11.7", True),
        ("3.1", "3.11.7", False),
        ("3", "3.11.7", True),
        ("3.x", "3.11.7", True),
        ("latest", "1", True),
        ("corretto17", "17.0.2", True),
        ("20", "2", False),
    ],
)
def test_versions(wanted: str, found: str, same: bool) -> None:
    assert matches(wanted, found) is same


def test_a_runtime_that_is_not_here() -> None:
    here = {"python": "3.11.7"}
    assert check({"python": "3.11"}, here.get) == []
    [note] = check({"python": "3.12"}, here.get)
    assert "3.12 is asked for" in note
    with pytest.raises(BuildspecError, match=r"version named '2.7' of python\. This machine has"):
        check({"python": "2.7"}, here.get)
    with pytest.raises(BuildspecError, match="Unknown runtime named 'golang'"):
        check({"golang": "1"}, here.get)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("id", ("id", "", {})),
        ("id:key", ("id", "key", {})),
        ("id::AWSPREVIOUS", ("id", "", {"VersionStage": "AWSPREVIOUS"})),
        ("id:key::v1", ("id", "key", {"VersionId": "v1"})),
        ("arn:aws:secretsmanager:r:1:secret:s-A", ("arn:aws:secretsmanager:r:1:secret:s-A", "", {})),
    ],
)
def test_secrets(text: str, expected: Any) -> None:
    assert reference(text) == expected


CONNECTION = "arn:aws:codeconnections:us-east-1:000000000000:connection/1-2"


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        (
            {"type": "CODECOMMIT", "location": "https://git-codecommit.us-east-1.amazonaws.com/v1/repos/r"},
            "https://git-codecommit.us-east-1.amazonaws.com/v1/repos/r",
        ),
        (
            {"type": "GITHUB", "location": "https://github.com/o/r.git", "auth": {"resource": CONNECTION}},
            "https://codeconnections.us-east-1.amazonaws.com/git-http/000000000000/us-east-1/1-2/o/r.git",
        ),
    ],
)
def test_repositories(source: dict[str, Any], expected: str) -> None:
    assert repository_url(source) == expected


@pytest.mark.parametrize(
    "location", ["https://github.com/o/r", "/etc", "ext::sh -c id", "--upload-pack=x", "file:///x"]
)
def test_repositories_out_of_reach(location: str) -> None:
    with pytest.raises(ClientFault, match="cannot be reached from here"):
        repository_url({"type": "GITHUB", "location": location})


def packed(folder: Path, *entries: tuple[str, str, int]) -> Path:
    path = folder / "a.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for name, text, mode in entries:
            entry = zipfile.ZipInfo(name)
            entry.create_system, entry.external_attr = 3, mode << 16
            archive.writestr(entry, text)
    return path


def test_modes_and_links_survive(tmp_path: Path) -> None:
    (tmp_path / "run.sh").write_text("x")
    (tmp_path / "run.sh").chmod(0o755)
    (tmp_path / "link").symlink_to("run.sh")
    zips.pack([("run.sh", tmp_path / "run.sh"), ("l", tmp_path / "link")], tmp_path / "x.zip", links=True)
    zips.unpack(tmp_path / "x.zip", tmp_path / "out", "x")
    assert (tmp_path / "out/run.sh").stat().st_mode & 0o777 == 0o755
    assert (tmp_path / "out/l").readlink() == Path("run.sh")


@pytest.mark.parametrize(
    "entries",
    [
        [("../x", "", 0o644)],
        [("/etc/x", "", 0o644)],
        [("a/../../x", "", 0o644)],
        [("l", "/etc", stat.S_IFLNK | 0o777)],
        [("d/l", "../../x", stat.S_IFLNK | 0o777)],
    ],
)
def test_archives_that_lead_out(tmp_path: Path, entries: list[tuple[str, str, int]]) -> None:
    with pytest.raises(zips.BadZip, match="leads out of the folder"):
        zips.unpack(packed(tmp_path, *entries), tmp_path / "out", "x")
    assert list((tmp_path / "out").iterdir()) == []


def test_not_a_zip(tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(io.BytesIO(b"no").getvalue())
    with pytest.raises(zips.BadZip, match="s3://b/k is not a zip file"):
        zips.unpack(tmp_path / "x", tmp_path / "out", "s3://b/k")
