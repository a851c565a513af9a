"""Which stages of a checkout ask for Model Monitor."""

import pytest

from slipway.cli.model_monitor import watched_stages


@pytest.mark.parametrize(
    ("text", "asks"),
    [
        ("monitor: {data_quality: hourly}", False),
        ("monitor: {engine: sagemaker, data_quality: hourly}", True),
        ("monitor: {engine: sagemaker, bias: daily, data_quality: off}", True),
        ("monitor: {engine: sagemaker, data_quality: off}", False),
        ("monitor: {engine: sagemaker}", False),
        ("monitor:", False),
        ("[not a stage]", False),
        ("monitor: [", False),
        ("", False),
    ],
)
def test_only_a_monitor_with_that_engine_asks(tmp_path, text, asks):
    folder = tmp_path / "deploy/stages"
    folder.mkdir(parents=True)
    (folder / "prod.yml").write_text(text)
    assert watched_stages(tmp_path) == (("prod",) if asks else ())


def test_without_a_checkout_nobody_asks(tmp_path):
    assert watched_stages(tmp_path) == ()
