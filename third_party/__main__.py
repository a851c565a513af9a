"""`python -m third_party [NAME ...]`: run other people's code from GitHub as it is, and report how far it goes.

Each code runs in a folder and with an AWS of its own. Nothing of it is changed; what it needed is in the report.
"""

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from loopback.runtimes.jobs.image_environments import machines_python
from slipway.build import sample_data
from third_party.codes import ABALONE, CODES, PREPARED, Code
from third_party.report import Outcome, read_outcomes, write_outcomes, write_page

ROOT = Path(__file__).resolve().parents[1]
PAGE, OUTCOMES = ROOT / "docs" / "third-party.md", ROOT / "third_party" / "outcomes.json"
ROWS = 4177  # of abalone
LONGEST = 1800  # seconds for one code
NOTEBOOK = "jupyter-execute --kernel_name=python3 --timeout=1200 {}"
PUT = """
import boto3, sys
bucket, key, file = sys.argv[1:]
s3 = boto3.client("s3")
s3.create_bucket(Bucket=bucket)
s3.upload_file(file, bucket, key)
"""
SLIPWAY = (sys.executable, "-m", "slipway")


def main(arguments: Sequence[str] | None = None) -> int:
    """Exit code 0 where every code went as far as the last time or further, 1 otherwise, 2 for an unknown name."""
    parsed = _parser().parse_args(arguments)
    known = {code.name: code for code in CODES}
    if unknown := [name for name in parsed.names if name not in known]:
        print(f"there is no {', '.join(unknown)}; there are: {', '.join(known)}", file=sys.stderr)
        return 2
    if parsed.list:
        for code in CODES:
            print(f"{code.name:<60} {code.repository}  {code.folder.strip()}")
        return 0
    before = read_outcomes(OUTCOMES)
    found = {}
    for name in parsed.names or known:
        found[name] = outcome = _run(known[name], parsed.keep)
        print(f"{name}: {outcome.reached}, {outcome.seconds:.0f} s{'; ' + outcome.stopped if outcome.stopped else ''}")
    write_outcomes(OUTCOMES, before | found)
    write_page(PAGE, CODES, before | found, datetime.now(UTC).date())
    worse = [name for name, outcome in found.items() if name in before and outcome.is_worse_than(before[name])]
    for name in worse:
        print(f"{name} went further the last time: {before[name].reached}", file=sys.stderr)
    return 1 if worse else 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser("python -m third_party", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help="all without one")
    parser.add_argument("--list", action="store_true", help="whose code there is")
    parser.add_argument("--keep", type=Path, metavar="FOLDER", help="leave the folders, logs and states there")
    return parser


def _run(code: Code, keep: Path | None) -> Outcome:
    folder = Path(tempfile.mkdtemp(prefix=f"{code.name[:30]}-", dir=keep and str(keep)))
    try:
        return _run_in(folder, code)
    except subprocess.CalledProcessError as fault:
        command = " ".join(map(str, fault.cmd[:4]))
        return Outcome("nothing: it could not be prepared", 0.0, stopped=f"{command}: {fault.stderr.strip()[-300:]}")
    except subprocess.TimeoutExpired as fault:
        return Outcome("nothing: it took too long", float(LONGEST), stopped=f"no end within {fault.timeout:.0f} s")
    finally:
        subprocess.run([*SLIPWAY, "local", "down", "--state", folder / "state"], capture_output=True, check=False)
        if keep is None:
            shutil.rmtree(folder, ignore_errors=True)


def _run_in(folder: Path, code: Code) -> Outcome:
    """Fetch a code, prepare what it needs, run it and look at what came of it."""
    theirs = folder / "theirs"
    _fetch(code, theirs)
    python = _python(code, folder)
    constraints = folder / "constraints.txt"  # what they install in their own cells stays of the version they are for
    constraints.write_text("".join(f"{package}\n" for package in code.packages))
    environ = _environment(python) | {"PIP_CONSTRAINT": str(constraints)}
    _local(folder, ["exec", "--no-follow", "--", "true"], environ)
    _put(folder, code, environ)
    began = time.monotonic()
    command = ["exec", "--json", "--", "sh", "-c", code.run or NOTEBOOK.format(code.notebook)]
    done = _local(folder, command, environ, cwd=theirs / code.folder, check=False)
    (folder / "said.txt").write_text(f"{done.stdout}\n{done.stderr}")
    return Outcome.of(done.stdout, done.stderr, time.monotonic() - began)


def _fetch(code: Code, target: Path) -> None:
    """One folder of one commit of a repository, without its history."""
    target.mkdir()
    for command in (
        ["init", "-q"],
        ["remote", "add", "origin", f"https://github.com/{code.repository}"],
        ["fetch", "-q", "--depth", "1", "--filter=blob:none", "origin", code.commit],
        ["sparse-checkout", "set", "--no-cone", f"/{code.folder}/"],
        ["checkout", "-q", "FETCH_HEAD"],
    ):
        _call(["git", *command], cwd=target)


def _python(code: Code, folder: Path) -> str:
    """A Python that has what a code names, and nothing else."""
    made = folder / "python"
    base = (machines_python(code.python) if code.python else sys.executable) or code.python
    _call([sys.executable, "-m", "uv", "venv", "-q", "--seed", "--python", base, made])
    _call([sys.executable, "-m", "uv", "pip", "install", "-q", "--python", made / "bin" / "python", *code.packages])
    return str(made / "bin" / "python")


def _environment(python: str) -> dict[str, str]:
    """The caller's, without what names an AWS, and with the code's Python before all others."""
    clean = {k: v for k, v in os.environ.items() if not k.startswith(("AWS_", "SAGEMAKER_", "PYTHON", "VIRTUAL_ENV"))}
    return clean | {"PATH": f"{Path(python).parent}{os.pathsep}{clean['PATH']}", "NO_COLOR": "1", "MPLBACKEND": "Agg"}


def _local(
    folder: Path, arguments: Sequence[str], environ: Mapping[str, str], *, cwd: Path | None = None, check: bool = True
) -> subprocess.CompletedProcess[str]:
    command, *rest = arguments
    given = [*SLIPWAY, "local", command, "--state", str(folder / "state"), *rest]
    return _call(given, cwd=cwd or folder, env={**environ, "PYTHONPATH": str(ROOT)}, check=check)


def _put(folder: Path, code: Code, environ: Mapping[str, str]) -> None:
    """Put rows like theirs where a code reads AWS's public data: buckets of these names are nobody's here."""
    rows = folder / "abalone.csv"
    sample_data.write("abalone", ROWS, 0, 0.0, rows)
    prepared = folder / "prepared.csv"
    prepared.write_text("".join(map(_prepare_row, rows.read_text().splitlines())))
    for bucket, key, table in code.objects:
        source = {ABALONE: rows, PREPARED: prepared}[table]
        _local(folder, ["exec", "--no-follow", "--", sys.executable, "-c", PUT, bucket, key, str(source)], environ)


def _prepare_row(line: str) -> str:
    """A row of abalone as the model of AWS's examples sees it: seven numbers, and the sex as three; no label."""
    sex, *numbers, _rings = line.split(",")
    return ",".join([*numbers, *(str(int(sex == one)) for one in "FIM")]) + "\n"


def _call(command: Sequence[Any], *, check: bool = True, **more: Any) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(
        list(map(str, command)),
        capture_output=True,
        text=True,
        check=False,
        stdin=subprocess.DEVNULL,
        timeout=LONGEST,
        **more,
    )
    if check and done.returncode:
        raise subprocess.CalledProcessError(done.returncode, command, done.stdout, done.stderr)
    return done


if __name__ == "__main__":
    sys.exit(main())
