"""The one shell: what it keeps, and what happens when it ends."""

import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from loopback.runtimes.codebuild.environment import shell
from loopback.runtimes.codebuild.log import Log
from loopback.runtimes.codebuild.machine import BuildLimits, Machine, Setting


class Nowhere:
    def append(self, group: str, stream: str, events: list[tuple[int, str]]) -> None:
        """Drops everything."""


class Shell:
    def __init__(self, folder: Path, name: str) -> None:
        self.log = Log(Nowhere(), None, folder / "log", time.time)
        environ = {"PATH": "/usr/bin:/bin", "LANG": "C.UTF-8", "QUOTED": "a'b\"c$d\n"}
        self.machine = Machine(Setting(folder / "m", folder, shell(name), environ), self.log)
        self.limits = BuildLimits(threading.Event(), time.monotonic() + 10)

    def __call__(self, text: str) -> tuple[int, list[str]]:
        self.log.forget()
        status = self.machine.run(text, self.limits)
        return status, self.log.recent.split("\n") if self.log.recent else []


@pytest.fixture(params=["bash", "/bin/sh"])
def run(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Shell]:
    made = Shell(tmp_path, request.param)
    yield made
    made.machine.close()
    made.log.close()


def test_what_a_command_sets_the_next_one_sees(run: Shell) -> None:
    run("cd /usr; a=1; export B=2; f() { echo f $1; }")
    assert run("f $a$B; pwd") == (0, ["f 12", "/usr"])


@pytest.mark.parametrize(
    ("ending", "status"), [("exit 3", 3), ("set -e; false", 1), ("kill -9 $$", 137), ("set -u; : $NOT", None)]
)
def test_what_is_exported_outlives_the_shell(run: Shell, ending: str, status: int | None) -> None:
    run("cd /usr; export B='x y\n\"z'")
    ended, _ = run(ending)
    assert ended == status if status is not None else ended
    assert run('set +eu; printf "%s" "$B$QUOTED"; echo; pwd')[1] == ["x y", '"za\'b"c$d', "", "/usr"]


def test_options_stay(run: Shell) -> None:
    run("set -euC; set -f; IFS=,")
    assert run("echo $-")[0] == 0
    flags = run("echo $-")[1][0]
    assert {"e", "u", "f", "C"} <= set(flags)
    assert run("false")[0] == 1
    assert "e" in run("echo $-")[1][0]


def test_a_shell_that_ends_between_commands_is_followed_by_another(run: Shell) -> None:
    run("cd /usr; export A=1; { sleep 0.05; kill -9 $$; } &")
    time.sleep(0.2)
    assert run("echo $A; pwd") == (0, ["1", "/usr"])
    assert run("echo again") == (0, ["again"])


def test_faulty_text_is_a_failed_command(run: Shell) -> None:
    assert run("if")[0] == 2
    assert run("nosuchcommand")[0] == 127
    assert run("echo 'multi\nline'") == (0, ["multi", "line"])


def test_expansion_is_the_shells(run: Shell) -> None:
    run("export A='x y'")
    assert run.machine.expand('app-$(echo 1)-$A-"q"', run.limits) == 'app-1-x y-"q"'
    assert run.machine.expand("plain", run.limits) == "plain"


def test_commands_do_not_see_our_descriptors(run: Shell) -> None:
    status, lines = run("ls /proc/self/fd")
    assert (status, lines) == (0, ["0", "1", "2", "3"])
    assert run("cat") == (0, [])
