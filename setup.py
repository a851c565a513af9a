"""What pyproject.toml can't say: a wheel carries the template, written anew from this checkout by each build."""

import sys
from pathlib import Path

from setuptools import setup
from setuptools.command.build_py import build_py

ROOT = Path(__file__).resolve().parent


class BuildWithTemplate(build_py):
    """Also writes slipway/template/, but for an editable installation, which has the checkout."""

    def run(self) -> None:
        """See build_py."""
        super().run()
        if not self.editable_mode:
            sys.path.insert(0, str(ROOT))
            from slipway.cli import template  # noqa: PLC0415 - found only now

            template.write_into(Path(self.build_lib) / "slipway" / "template", ROOT)


setup(cmdclass={"build_py": BuildWithTemplate})
