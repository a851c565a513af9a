"""The version of xgboost that an image of AWS's has, by the image's name."""

import re


def xgboost_version(image: str) -> tuple[int, int]:
    """Of the xgboost that an image of that name has.

    >>> xgboost_version("1.dkr.ecr.x/sagemaker-xgboost:1.0-1-cpu-py3"), xgboost_version("1.dkr.ecr.x/xgboost:latest")
    ((1, 0), (0, 72))
    """
    found = re.match(r"(\d+)\.(\d+)", image.rpartition(":")[2])
    return (int(found[1]), int(found[2])) if found else (0, 72)
