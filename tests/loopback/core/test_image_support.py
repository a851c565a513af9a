"""Until when images are patched, by the dates of AWS's support policy for Deep Learning Containers (2026-08-21)."""

from datetime import date

import pytest

from loopback.core.image_support import ENDS, patch_warning

REGISTRY = "683313688378.dkr.ecr.us-east-1.amazonaws.com"
EVERY = [(repository, version) for repository, versions in ENDS.items() for version in versions]


@pytest.mark.parametrize(("repository", "version"), EVERY)
def test_an_image_is_patched_until_its_day(repository: str, version: str) -> None:
    image, end = f"{REGISTRY}/{repository}:{version}", ENDS[repository][version]
    assert patch_warning(image, end) is None
    told = patch_warning(image, end.replace(year=end.year + 1))
    assert told is not None
    assert (told.subject, told.text) == (f"{repository}:{version}", f"AWS has not patched it since {end}")


TODAY = date(2026, 12, 1)
OLD = "AWS's table of patched images (2026-08-21) does not have it"


@pytest.mark.parametrize(
    ("image", "text", "todo"),
    [
        (f"{REGISTRY}/sagemaker-xgboost:3.2-0", None, ""),
        (f"{REGISTRY}/sagemaker-xgboost:1.7-1", OLD, "take 3.2-0, patched until 2027-05-13"),
        (f"{REGISTRY}/sagemaker-scikit-learn:1.2-1-cpu-py3", OLD, "take 1.9-0, patched until 2027-07-16"),
        (
            "763104351884.dkr.ecr.eu-west-1.amazonaws.com/pytorch-training:2.9.0-gpu-py312-cu130-ubuntu22.04-sagemaker",
            "AWS has not patched it since 2026-10-15",
            "take 2.10, patched until 2027-01-21",
        ),
        (f"{REGISTRY}/pytorch-inference:2.6.0-cpu-py312", "AWS has not patched it since 2026-06-30", "take a newer"),
        (f"{REGISTRY}/pytorch:2.13-cu133-amzn2023-sagemaker", None, ""),
        (f"{REGISTRY}/huggingface-pytorch-training:2.5.1-transformers4.49.0-gpu-py311", None, ""),
        (f"{REGISTRY}/mine:1.0", None, ""),
        ("sagemaker-xgboost:1.7-1", None, ""),  # of nobody's registry
        ("me/sagemaker-xgboost:1.7-1", None, ""),
    ],
)
def test_what_is_told_of_an_image(image: str, text: str | None, todo: str) -> None:
    found = patch_warning(image, TODAY)
    assert (found.text if found else None) == text
    assert found is None or found.todo.startswith(todo)
