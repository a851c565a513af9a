"""The template is the same in a checkout and in a wheel."""

import zipfile
from pathlib import Path

import pytest

from slipway.cli import model_monitor, template
from slipway.cli.doctor import quota_names
from slipway.cli.target import WrongUsage
from slipway.cli.template import CarriedTemplate, TemplateCheckout

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture(scope="module")
def carried(tmp_path_factory) -> CarriedTemplate:
    folder = tmp_path_factory.mktemp("wheel") / "template"
    template.write_into(folder, ROOT)
    return CarriedTemplate(folder, "a wheel")


def test_a_wheel_carries_what_the_checkout_has(carried):
    checkout = TemplateCheckout(ROOT)
    assert carried.project() == checkout.project()
    assert carried.checkin() == checkout.checkin()
    for name in template.TEXTS:
        assert carried.text(name) == checkout.text(name) != ""
    files = template.project_files(carried)
    assert {"pipelines/churn/pipeline.py", "requirements.txt", ".gitignore"} <= set(files)
    assert ".template.json" not in files


def test_what_is_looked_at_in_it_is_found(carried):
    tree = carried.tree()
    assert quota_names("churn", tree) == quota_names("churn", ROOT) != {}
    assert [name for name, _ in model_monitor.stage_files(tree)] == ["prod", "staging"]
    assert (tree / "pipelines" / "churn" / "pipeline.py").read_text().startswith('"""')


def test_a_wheel_that_is_not_installed(carried, tmp_path):
    path = tmp_path / "slipway-1-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("slipway/__init__.py", "")
    assert template.find_in_wheel(path) is None
    with zipfile.ZipFile(path, "a") as archive:
        for file in Path(str(carried.folder)).iterdir():
            archive.write(file, f"slipway/template/{file.name}")
    found = template.find_in_wheel(path)
    assert found is not None
    assert (found.where, found.project()) == (path.name, carried.project())


def test_which_template_it_is(carried, tmp_path, monkeypatch):
    assert template.find_above(ROOT / "docs") == TemplateCheckout(ROOT)
    assert template.find_above(tmp_path) == TemplateCheckout(ROOT)  # this slipway came with it
    monkeypatch.setattr(template, "HERE", tmp_path / "site-packages" / "slipway")
    with pytest.raises(WrongUsage, match="is a project's library and has no template: install slipway itself"):
        template.find_above(tmp_path)
    template.write_into(tmp_path / "site-packages" / "slipway" / "template", ROOT)
    assert template.find_above(tmp_path).project() == carried.project()
    assert template.find_above(tmp_path).where.endswith(", as it is installed")
