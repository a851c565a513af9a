"""Jobs on machines that differ from this one: an ordinary user's, one without /opt/ml, one whose disk is full."""

import json
import subprocess
import sys
from pathlib import Path

MACHINE = str(Path(__file__).parent / "machine.py")
USER = ["unshare", "--user", "--map-user=1000", "--map-group=1000"]
SHOW = (
    "import os, socket, pathlib\n"
    "print(socket.gethostname(), *sorted(os.listdir('/opt/ml')), socket.gethostbyname('algo-1')[:4])\n"
    "pathlib.Path('/opt/ml/processing/out/x').write_text(pathlib.Path('/opt/ml/processing/data/a.csv').read_text())"
)


def run(root: Path, *command: str, before: tuple[str, ...] = (), jobs: Path | None = None) -> dict:
    (root / "s3/b/d").mkdir(parents=True, exist_ok=True)
    if not list((root / "s3/b/d").iterdir()):
        (root / "s3/b/d/a.csv").write_text("1,2")
    argv = [*before, sys.executable, MACHINE, str(root), str(jobs or root / "jobs"), *command]
    done = subprocess.run(argv, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


def test_an_ordinary_user_gets_the_same_container(tmp_path: Path) -> None:
    outcome = run(tmp_path, "python3", "-c", SHOW, before=tuple(USER))
    assert outcome["status"] == "Completed", outcome
    assert outcome["log"] == "algo-1 config output processing 127."
    assert (tmp_path / "s3/b/o/x").read_text() == "1,2"
    assert outcome["left"] == []


def test_an_environment_that_cannot_be_covered_is_read_only(tmp_path: Path) -> None:
    """A comma in the folder's name is one of the things that overlayfs does not take."""
    code = "import sys; open(sys.prefix + '/written', 'w')"
    for before in ((), tuple(USER)):
        outcome = run(tmp_path, "/bin/sh", "-c", f'python3 -c "{code}"', before=before, jobs=tmp_path / "a,b")
        assert "Read-only file system" in outcome["log"], outcome
    assert not Path(sys.prefix, "written").exists()


def test_opt_ml_is_made_where_the_machine_has_none(tmp_path: Path) -> None:
    (tmp_path / "opt/tool").mkdir(parents=True)
    shell = f'mount --bind {tmp_path}/opt /opt && exec {" ".join(USER)} "$0" "$@"'
    before = ("unshare", "--map-root-user", "--mount", "sh", "-c", shell)
    outcome = run(tmp_path, "python3", "-c", SHOW + "\nprint(os.listdir('/opt'))", before=before)
    assert outcome["status"] == "Completed", outcome
    assert outcome["log"].splitlines() == ["algo-1 config output processing 127.", "['tool', 'ml']"]


def test_a_full_disk_is_told_and_nothing_remains(tmp_path: Path) -> None:
    (tmp_path / "s3/b/d").mkdir(parents=True)
    (tmp_path / "s3/b/d/big.csv").write_bytes(b"1" * (2 << 20))
    (tmp_path / "disk").mkdir()
    shell = f'mount -t tmpfs -o size=1m none {tmp_path}/disk && exec "$0" "$@"'
    before = ("unshare", "--map-root-user", "--mount", "sh", "-c", shell)
    outcome = run(tmp_path, "true", before=before, jobs=tmp_path / "disk")
    assert outcome["status"] == "Failed"
    reason = "ClientError: Data download failed: s3://b/d/big.csv: No space left on device: the disk is full"
    assert outcome["failure_reason"].startswith(reason)
    assert outcome["left"] == []


def test_paths_are_rewritten_where_namespaces_are_refused(tmp_path: Path) -> None:
    refuse = 'echo 0 > /proc/sys/user/max_mnt_namespaces; exec "$0" "$@"'
    before = ("unshare", "--map-root-user", "sh", "-c", refuse)
    code = (
        "import os, pathlib; base = pathlib.Path(os.environ['SAGEMAKER_BASE_DIR'])\n"
        "print((base / 'processing/data/a.csv').read_text())\n"
        "pathlib.Path('/opt/ml/processing/out/x').write_text('out')"
    )
    outcome = run(tmp_path, "python3", "-c", code, before=before)
    assert outcome["status"] == "Completed", outcome
    assert outcome["log"] == "1,2"
    assert (tmp_path / "s3/b/o/x").read_text() == "out"
