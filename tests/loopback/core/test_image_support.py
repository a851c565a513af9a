"""Until when images are patched, and that somebody is told."""

import logging
from datetime import date

import pytest

from loopback.core.image_support import ENDS, patch_warning, warn

REGISTRY = "683313688378.dkr.ecr.us-east-1.amazonaws.com"


@pytest.mark.parametrize("name", ENDS)
def test_an_image_is_patched_until_its_day(name: str) -> None:
    image, end = f"{REGISTRY}/{name}", ENDS[name]
    assert patch_warning(image, end) == ""
    assert f"{name} since {end}" in patch_warning(image, end.replace(year=end.year + 1))


def test_it_is_said_once(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING, "loopback"):
        for image in ("sagemaker-xgboost:3.0-5", "sagemaker-xgboost:3.0-5", "mine:1"):
            warn(f"{REGISTRY}/{image}", date(2101, 1, 1))
    assert len(caplog.messages) == 1
