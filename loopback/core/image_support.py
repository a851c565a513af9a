"""Until when AWS patches a container image. After that it still runs, and nobody mends what is found in it.

Source: the support policy of AWS Deep Learning Containers (aws.github.io/deep-learning-containers, "Framework Support
Policy"), from aws/deep-learning-containers at e0ecede of 2026-08-21: docs/src/data/*/*-sagemaker.yml (`eop`) and
docs/src/legacy/legacy_support.yml. A version that is not listed there has no published date: XGBoost before 3.0-5 and
scikit-learn before 1.4-2 among them. Repositories that are not here (Hugging Face's, the monitors') have none at all.
"""

import re
from collections.abc import Mapping
from datetime import date

from loopback.core.aws_warnings import IMAGE, AwsWarning

LOOKED_UP = date(2026, 8, 21)
_PYTORCH = {
    "1.13": date(2024, 10, 28),
    "2.0": date(2024, 3, 15),
    "2.1": date(2024, 10, 4),
    "2.2": date(2025, 1, 30),
    "2.3": date(2025, 4, 24),
    "2.4": date(2025, 7, 24),
    "2.5": date(2025, 10, 29),
}
_TENSORFLOW = {
    "2.14": date(2024, 9, 26),
    "2.16": date(2025, 3, 7),
    "2.18": date(2025, 10, 24),
    "2.19": date(2026, 3, 11),
}
ENDS: Mapping[str, Mapping[str, date]] = {
    "sagemaker-xgboost": {"3.0-5": date(2026, 11, 17), "3.2-0": date(2027, 5, 13)},
    "sagemaker-scikit-learn": {"1.4-2-py312": date(2026, 10, 30), "1.9-0": date(2027, 7, 16)},
    "pytorch-training": _PYTORCH
    | {
        "2.6": date(2026, 1, 29),
        "2.7": date(2026, 4, 23),
        "2.8": date(2026, 8, 6),
        "2.9": date(2026, 10, 15),
        "2.10": date(2027, 1, 21),
    },
    "pytorch-inference": _PYTORCH | {"2.6": date(2026, 6, 30)},
    "pytorch": {"2.11": date(2027, 4, 30), "2.12": date(2027, 7, 2), "2.13": date(2027, 7, 20)},
    "tensorflow-training": _TENSORFLOW | {"2.21": date(2027, 7, 10)},
    "tensorflow-inference": _TENSORFLOW,
}
_IMAGE = re.compile(r"\d+\.dkr\.ecr\.[^/]+/([^:@]+):([^@]+)")
_HARDWARE = re.compile(r"-(cpu|gpu|cu\d)")
_OF_A_FRAMEWORK = re.compile(r"(\d+\.\d+)\.\d+")


def patch_warning(image: str, today: date) -> AwsWarning | None:
    """What to say of an image of AWS's that is not patched any more, or of which that is not known."""
    found = _IMAGE.fullmatch(image)
    if found is None or found[1] not in ENDS:
        return None
    repository, version = found[1], version_of(found[2])
    ends, name = ENDS[repository], f"{repository}:{version}"
    newest = max(ends, key=lambda one: ends[one])
    todo = f"take {newest}, patched until {ends[newest]}" if ends[newest] >= today else "take a newer image"
    if version not in ends:
        return AwsWarning(IMAGE, name, f"AWS's table of patched images ({LOOKED_UP}) does not have it", todo)
    if today <= ends[version]:
        return None
    return AwsWarning(IMAGE, name, f"AWS has not patched it since {ends[version]}", todo)


def version_of(tag: str) -> str:
    """The version in a tag, as AWS's table writes it.

    >>> version_of("3.0-5-cpu-py3"), version_of("1.4-2-py312")
    ('3.0-5', '1.4-2-py312')
    >>> version_of("2.9.0-gpu-py312-cu130-ubuntu22.04-sagemaker"), version_of("2.13-cu133-amzn2023-sagemaker")
    ('2.9', '2.13')
    """
    version = _HARDWARE.split(tag)[0]
    framework = _OF_A_FRAMEWORK.fullmatch(version)
    return framework[1] if framework else version
