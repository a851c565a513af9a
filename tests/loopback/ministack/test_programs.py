"""What the base starts, and what it sees."""

import subprocess
import sys
from pathlib import Path

from loopback.core.settings import Settings
from loopback.ministack import programs
from loopback.sandbox import confine
from loopback.sandbox.plan import Show


def test_a_functions_home_is_its_temporary_folder() -> None:
    given = {"HOME": "/home/ana", "TMPDIR": "/var/x", "STAGE": "dev"}
    assert programs.environment(given) == {"HOME": "/tmp", "TMPDIR": "/tmp", "STAGE": "dev"}


def test_its_folder_is_its_own_and_has_its_temporary_files(tmp_path: Path) -> None:
    own, temporary = str(tmp_path), str(tmp_path / "tmp")
    shows = programs.places(tmp_path)
    assert shows == (Show(own, own, True), Show("/tmp", temporary, True), Show("/var/tmp", temporary, True))
    assert (tmp_path / "tmp").is_dir()
    assert programs.places(None) == ()


def test_a_script_is_seen_wherever_it_is(tmp_path: Path) -> None:
    script = tmp_path / "glue.py"
    script.touch()
    assert programs.scripts(["python3", str(script), "--x", "/none"]) == [str(script)]


def test_programs_of_the_base_run_confined(tmp_path: Path) -> None:
    (tmp_path / "state").mkdir()
    (tmp_path / "state/secret").write_text("x")
    (tmp_path / "function/code").mkdir(parents=True)
    started = programs.Confined(Settings(tmp_path / "state"))
    code = f"import os; print(os.path.exists({str(tmp_path / 'state/secret')!r}), os.environ['HOME'])"
    options = {"cwd": str(tmp_path / "function/code"), "capture_output": True, "text": True}
    done = started.run([sys.executable, "-c", code], env={"PATH": "/usr/bin:/bin", "HOME": "/root"}, **options)
    assert done.stdout.split() == [str(confine.refusal() is not None), "/tmp"]
    with started.Popen([sys.executable, "-c", "print(1)"], stdout=subprocess.PIPE, cwd=options["cwd"]) as process:
        assert process.communicate()[0].strip() == b"1"
