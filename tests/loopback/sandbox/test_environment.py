"""What is shown of slipway's own environment where the folders around it are hidden."""

import importlib.util
import sys
from pathlib import Path

from loopback.sandbox import environment
from loopback.sandbox.environment import own_environment


class Editable:
    """A finder as `pip install -e` leaves one, for a checkout elsewhere."""

    __module__ = "__editable___slipway_1_finder"

    def __init__(self, folder):
        self.folder = folder

    def find_spec(self, name, path=None, target=None):
        return importlib.util.spec_from_file_location(
            name, self.folder / "__init__.py", submodule_search_locations=[str(self.folder)]
        )


def test_the_package_is_shown_where_it_is_installed_too(tmp_path, monkeypatch):
    """Of another checkout's environment, below a folder that jobs do not see, their Python finds the installed one."""
    monkeypatch.setattr(sys, "meta_path", [Editable(tmp_path), *sys.meta_path])
    folders = own_environment()
    assert str(tmp_path) in folders
    assert str(Path(environment.__file__).parents[1]) in folders
