import sys
from pathlib import Path

import pytest

from loopback.core.settings import Settings


@pytest.mark.parametrize(("text", "days"), [("", 7.0), ("0", 0.0), ("2.5", 2.5)])
def test_how_long_changes_are_kept(text: str, days: float) -> None:
    assert Settings.from_environment(Path("s"), 1, {"LOOPBACK_EVENT_DAYS": text}).event_days == days


@pytest.mark.parametrize("text", ["soon", "-1", "nan", "inf"])
def test_what_is_no_number_of_days_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=f"LOOPBACK_EVENT_DAYS is '{text}'; expected a number of days, 0 or more"):
        Settings.from_environment(Path("s"), 1, {"LOOPBACK_EVENT_DAYS": text})


def test_where_issuers_of_tokens_are() -> None:
    text = "https://gitlab.com/=http://127.0.0.1:9000/gitlab https://a.example/b=http://localhost:1"
    assert Settings.from_environment(Path("s"), 1, {"LOOPBACK_ISSUERS": text}).issuers == {
        "https://gitlab.com": "http://127.0.0.1:9000/gitlab",
        "https://a.example/b": "http://localhost:1",
    }


@pytest.mark.parametrize(
    "text", ["gitlab.com=http://127.0.0.1:1", "https://gitlab.com=https://gitlab.com", "https://a"]
)
def test_an_issuer_is_asked_on_this_machine_alone(text: str) -> None:
    with pytest.raises(ValueError, match=r"LOOPBACK_ISSUERS has .*; expected https://ISSUER"):
        Settings.from_environment(Path("s"), 1, {"LOOPBACK_ISSUERS": text})


def test_jobs_run_with_the_same_python_or_with_one_that_is_named(tmp_path: Path) -> None:
    python = tmp_path / "python"
    python.symlink_to(sys.executable)
    for named, found in (("", sys.executable), (str(python), str(python))):
        assert Settings.from_environment(Path("s"), 1, {"LOOPBACK_JOB_PYTHON": named}).job_python == found


def test_a_python_of_jobs_that_is_not_there_is_refused() -> None:
    with pytest.raises(ValueError, match="LOOPBACK_JOB_PYTHON is '/nowhere/python'; expected the path of a Python"):
        Settings.from_environment(Path("s"), 1, {"LOOPBACK_JOB_PYTHON": "/nowhere/python"})
