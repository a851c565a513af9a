"""A build's Python works in whatever folder it lies."""

import subprocess
import sys

import pytest

from loopback.runtimes.codebuild import python_home


@pytest.mark.parametrize("folder", ["plain", "with a space", "with 'quotes' and $dollars"])
def test_its_commands_run_where_they_are(folder, tmp_path):
    commands = python_home.make(tmp_path / folder, sys.executable)
    for command in (("pip", "--version"), ("python", "--version")):
        done = subprocess.run([commands / command[0], command[1]], capture_output=True, text=True, check=True)
        assert command[0] in done.stdout.lower()
