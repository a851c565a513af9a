"""Until when AWS patches a container image. After that it still runs, and nobody mends what is found in it.

Looked up on 2026-11-30: an XGBoost version is patched for a year from its general availability (Amazon SageMaker
Developer Guide, "XGBoost: supported versions"; aws/sagemaker-xgboost-container, releases). Other images are not listed.
"""

import logging
from datetime import date
from functools import cache

ENDS = {
    "sagemaker-xgboost:3.0-5": date(2026, 11, 17),
    "sagemaker-xgboost:3.2-0": date(2027, 5, 13),
}
log = logging.getLogger("loopback")


def patch_warning(image: str, today: date) -> str:
    """What to say of an image that is not patched any more; "" of any other.

    >>> unpatched("1.dkr.ecr.us-east-1.amazonaws.com/sagemaker-xgboost:3.0-5", date(2026, 11, 18))
    'AWS has not patched the image sagemaker-xgboost:3.0-5 since 2026-11-17; take a newer version'
    >>> unpatched("sagemaker-xgboost:3.0-5", date(2026, 11, 17)), unpatched("mine:1", date(2030, 1, 1))
    ('', '')
    """
    name = image.rpartition("/")[2]
    end = ENDS.get(name)
    if end is None or today <= end:
        return ""
    return f"AWS has not patched the image {name} since {end}; take a newer version"


@cache
def warn(image: str, today: date) -> None:
    """Say it in the control plane's log, once a day."""
    if told := patch_warning(image, today):
        log.warning(told)
