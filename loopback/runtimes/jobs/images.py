"""Which runtime stands in for a container image. One table; a user's own images come first."""

import fnmatch
from collections.abc import Mapping
from dataclasses import dataclass

from loopback.runtimes.jobs.published import Recipe, recipe

PUBLISHED = "published"


class UnknownImage(Exception):
    """No runtime stands for the image; the message says how to name one."""


@dataclass(frozen=True)
class Runtime:
    """How an image's programs run here.

    `interpreter` is the path of a Python, or None for the warm one. With a `recipe` it is one that is made of it.
    """

    name: str
    interpreter: str | None = None
    recipe: Recipe | None = None
    refused: str | None = None


XGBOOST = Runtime("xgboost")
SKLEARN = Runtime("scikit-learn")
ANALYZER = Runtime("model-monitor")
CLARIFY = Runtime("clarify")
HOST = Runtime("host")

TABLE: tuple[tuple[str, Runtime], ...] = (
    ("*/sagemaker-xgboost:*", XGBOOST),
    ("*/xgboost:latest", XGBOOST),  # 0.72, the built-in algorithm before it was a framework
    ("*/xgboost:1", XGBOOST),
    ("*/sagemaker-scikit-learn:*", SKLEARN),
    ("*/sagemaker-model-monitor-analyzer*", ANALYZER),
    ("*/sagemaker-model-monitor-groundtruth-merger*", ANALYZER),
    ("*/sagemaker-spark-processing:*", Runtime("spark", refused="Spark processing (smspark-submit)")),
    ("*/sagemaker-clarify-processing:*", CLARIFY),
)


@dataclass(frozen=True)
class Images:
    """The table and a user's additions: image pattern (shell wildcards) -> path of a Python, `host` or `published`."""

    mapped: Mapping[str, str] | None = None

    def of_job(self, image: str) -> Runtime:
        """What a job's image runs with: a user's mapping, the table, or what AWS publishes. Raises UnknownImage."""
        published = self._mapping(image) == PUBLISHED
        try:
            if not published:
                return self.runtime(image)
        except UnknownImage:
            if (found := recipe(image)) is None:
                raise
            return Runtime(found.name, recipe=found)
        if (found := recipe(image)) is None:
            raise UnknownImage(f"loopback.yml maps {image} to `{PUBLISHED}`, and its packages are not known here")
        return Runtime(found.name, recipe=found)

    def _mapping(self, image: str) -> str | None:
        return next((to for pattern, to in (self.mapped or {}).items() if fnmatch.fnmatchcase(image, pattern)), None)

    def runtime(self, image: str) -> Runtime:
        """What an endpoint's image runs with. Raises UnknownImage."""
        for pattern, python in (self.mapped or {}).items():
            if fnmatch.fnmatchcase(image, pattern) and python != PUBLISHED:
                return HOST if python == "host" else Runtime(pattern, interpreter=python)
        for pattern, runtime in TABLE:
            if fnmatch.fnmatchcase(image, pattern):
                return _require_available(image, runtime)
        repository = image.rpartition("/")[2].partition(":")[0] or image
        raise UnknownImage(
            f"no runtime is mapped to the image {image}. Add to loopback.yml:\n"
            f'images:\n  "*/{repository}:*": host   # or the path of a Python interpreter that has its packages'
        )


def _require_available(image: str, runtime: Runtime) -> Runtime:
    if runtime.refused:
        raise UnknownImage(
            f"{runtime.refused} is not available here (image {image}). "
            "To run its entrypoint anyway, map the image to a Python interpreter under `images:` in loopback.yml"
        )
    return runtime
