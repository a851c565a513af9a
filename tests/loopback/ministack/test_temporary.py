"""What a killed process has left in the temporary folder goes at the next start."""

import tempfile
from pathlib import Path

import pytest

from loopback.ministack import temporary


def test_left_overs_of_this_state_go_and_those_of_others_stay(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from ministack.core import lambda_runtime
    from ministack.services import lambda_svc

    for module, names in ((lambda_runtime, ["tempfile"]), (lambda_svc, ["tempfile", *temporary.CACHES])):
        for name in names:
            monkeypatch.setattr(module, name, getattr(module, name))  # put back afterwards
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    mine, other = temporary.folder_of(tmp_path / "mine"), temporary.folder_of(tmp_path / "other")
    for folder in (mine, other):
        (folder / "ministack-lambda-f-x").mkdir(parents=True)
    temporary.install(tmp_path / "mine")
    assert not mine.exists()
    assert list(other.iterdir()) != []
    made = Path(lambda_runtime.tempfile.mkdtemp(prefix="ministack-lambda-f-"))
    assert made.parent == mine
    assert Path(lambda_svc._PROVIDED_CODE_CACHE).parent == mine
