"""The code of a monitor's job, as it lies in its folder: with it alone, the program runs."""

import os
import subprocess
import sys

from slipway.build import bundles
from slipway.monitoring import code

LOADED = """
import sys
from pathlib import Path
from slipway.monitoring.job import main
main({"monitor": "data_quality"}, Path("."), Path("ml"))
print(sorted(name for name in sys.modules if name.startswith("slipway.")))
print({name.partition(".")[0] for name in sys.modules} & {"loopback", "pipelines", "sagemaker", "pydantic", "rich"})
"""


def lay_out(folder, contents):
    for name, content in contents.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)


def test_its_program_needs_nothing_but_its_folder(tmp_path):
    contents = code.files(b"")
    lay_out(tmp_path, contents)
    environ = {**os.environ, "PYTHONPATH": str(tmp_path)}
    done = subprocess.run(
        [sys.executable, "-c", LOADED], cwd=tmp_path, env=environ, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    loaded, others = done.stdout.splitlines()
    modules = {name.removesuffix(".py").replace("/", ".").removesuffix(".__init__") for name in contents}
    assert set(eval(loaded)) <= modules
    assert others == "set()"
    assert "not set: endpoint, schedule, captures, started, hours" in (tmp_path / "ml/output/message").read_text()


def test_a_model_is_loaded_with_nothing_but_its_folder():
    """A module that slipway.tabular imports anew has to be in the list."""
    needed = bundles._modules({"slipway.monitoring.explanations"}, bundles.LIBRARY)
    assert set(needed) <= set(code.files(b"", explains=True))
    assert not any(name.startswith("slipway/tabular") for name in code.files(b""))


def test_its_program_is_python_that_calls_the_job():
    source = code.files(b"")["monitor.py"]
    compile(source, "monitor.py", "exec")
    assert b"from slipway.monitoring.job import main" in source


def test_another_content_is_another_folder():
    one, other = code.files(b"a"), code.files(b"b")
    assert code.digest(one) == code.digest(code.files(b"a"))
    assert code.digest(one) != code.digest(other)
