"""Programs in rooms of their own: real processes, as root and as an ordinary user."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from loopback.sandbox import confine

ROOT = Path(__file__).parents[3]
USER = ("unshare", "--user", "--map-user=1000", "--map-group=1000")
START = """
import subprocess, sys
from pathlib import Path
from loopback.sandbox.confine import command
from loopback.sandbox.environment import own_environment
from loopback.sandbox.plan import Show, show_paths
state = Path(sys.argv[1])
temporary = Show("/tmp", str(state / "own/tmp"), True)
own = (*show_paths([str(state / "own")], writable=True), temporary, *show_paths(own_environment()))
sys.exit(subprocess.run(command(sys.argv[2:], state, own), cwd=state / "own").returncode)
"""
pytestmark = pytest.mark.skipif(confine.refusal() is not None, reason=str(confine.refusal()))


@pytest.fixture(params=["root", "user"])
def run(request: pytest.FixtureRequest, tmp_path: Path):
    (tmp_path / "own/tmp").mkdir(parents=True)
    (tmp_path / "secret").write_text("secret")

    def start(*argv: str) -> subprocess.CompletedProcess[str]:
        before = USER if request.param == "user" else ()
        command = [*before, sys.executable, "-c", START, str(tmp_path), *argv]
        return subprocess.run(command, capture_output=True, text=True, check=False, timeout=60, cwd=ROOT)

    return start


def test_what_is_hidden_what_is_there_and_what_can_be_written(run, tmp_path: Path) -> None:
    beside = str(Path(confine.__file__).parent / "written")
    table = (
        (f"ls {tmp_path}", "own"),
        (f"cat {tmp_path}/secret || echo no", "no"),
        ("pwd", f"{tmp_path}/own"),
        ("echo 1 > mine && cat mine", "1"),
        ("echo 2 > /tmp/x && cat tmp/x", "2"),
        (f"touch {beside} 2>/dev/null || echo no", "no"),
        ("ls -d /proc/[0-9]* | wc -l | tr -d ' '", None),
        ("umount /root 2>/dev/null || echo no", "no"),
        ("mknod disk b 1 0 2>/dev/null || echo no", "no"),
        ("ls /dev | grep -c -e ^sd -e ^vd -e ^nvme -e ^mem", "0"),
        ("kill -9 -1; echo alive", "alive"),
    )
    said = run("sh", "-c", "; echo +; ".join(command for command, _ in table)).stdout.split("+\n")
    for (command, expected), answer in zip(table, said, strict=True):
        assert int(answer) < 6 if expected is None else answer.strip() == expected, command
    assert not os.path.exists(beside)


@pytest.mark.parametrize("code", [0, 7])
def test_it_ends_as_its_command_does(run, code: int) -> None:
    assert run("sh", "-c", f"exit {code}").returncode == code


def test_what_cannot_be_started_is_told(run) -> None:
    ended = run("/no/such/program")
    assert (ended.returncode, ended.stderr.strip()) == (confine.NO_ROOM, "No such file or directory")
