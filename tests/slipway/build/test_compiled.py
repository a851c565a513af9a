"""A pipeline module that can't be compiled is refused in one message that says where."""

import textwrap

import pytest

from slipway.build import compiled
from slipway.build.project import UsageError

CASES = {
    "a contract of another kind": (
        "def get_pipeline(region, role): ...",
        "has no get_workshop: a pipeline is made by get_pipeline(get_workshop(project))",
    ),
    "nothing": ("", "has no get_workshop and no get_pipeline"),
    "bad syntax": ("x = (", "pipeline.py:1: SyntaxError: '(' was never closed"),
    "a name that is not there": ("import pipelines.nowhere", "pipeline.py:1: ModuleNotFoundError: No module named"),
    "an error of its own": (
        """
        def get_workshop(project):
            return project["name"]
        def get_pipeline(shop): ...
        """,
        "pipeline.py:3: TypeError: 'Project' object is not subscriptable",
    ),
}


@pytest.mark.parametrize(("code", "message"), CASES.values(), ids=CASES)
def test_what_is_wrong_with_a_module(code, message, project, tmp_path, imports_restored):
    folder = tmp_path / "pipelines" / "fraud"
    folder.mkdir(parents=True)
    (folder / "pipeline.py").write_text(textwrap.dedent(code))
    with pytest.raises(UsageError) as refused:
        compiled.build("pipelines.fraud.pipeline", project, tmp_path)
    assert message in str(refused.value)
