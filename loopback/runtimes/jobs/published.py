"""What AWS publishes of its images' Pythons and packages, as recipes for environments of the same.

A tag of AWS's Deep Learning Containers names its framework's version and its Python:
`pytorch-training:2.5.1-cpu-py311`. Those of scikit-learn and XGBoost are in the branches of
aws/sagemaker-scikit-learn-container and aws/sagemaker-xgboost-container (requirements.txt,
docker/*/base/Dockerfile.cpu), read in July 2026 at the commits beside them.
"""

import hashlib
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

GPU = "the image is for GPUs, and this environment uses the processor"


@dataclass(frozen=True)
class Recipe:
    """An environment: its folder's name, its Python (`3.9`), and the requirements that are installed into it.

    `torch` asks for builds of PyTorch for processors, which are in an index of its own. `note` is told in the log.
    """

    name: str
    python: str
    packages: tuple[str, ...]
    torch: bool = False
    note: str = ""

    @property
    def folder(self) -> str:
        """Its name, and a mark of what it has: another version of this table makes another environment."""
        text = "\n".join([self.python, *self.packages])
        return f"{self.name}-{hashlib.sha256(text.encode()).hexdigest()[:8]}"


def _sklearn(sklearn: str, numpy: str, pandas: str, scipy: str, pyarrow: str) -> tuple[str, ...]:
    pins = {"scikit-learn": sklearn, "numpy": numpy, "pandas": pandas, "scipy": scipy, "pyarrow": pyarrow}
    return (*(f"{name}=={version}" for name, version in pins.items()), "boto3")


def _xgboost(xgboost: str, *of_sklearn: str) -> tuple[str, ...]:
    return (f"xgboost=={xgboost}", *_sklearn(*of_sklearn))


# Tag -> Python and packages.
SKLEARN: Mapping[str, tuple[str, tuple[str, ...]]] = {
    "0.23-1": ("3.7", _sklearn("0.23.2", "1.19.2", "1.1.3", "1.5.3", "1.0.0")),  # e7ab948
    "1.0-1": ("3.8", _sklearn("1.0.2", "1.24.1", "1.1.3", "1.8.0", "14.0.1")),  # 117925d
    "1.2-1": ("3.9", _sklearn("1.2.1", "1.24.1", "1.1.3", "1.8.0", "14.0.1")),  # b440c40
    "1.4-2-py312": ("3.12", _sklearn("1.5.0", "2.1.0", "2.3.2", "1.15.0", "23.0.1")),  # release-1.4-2-py312
    "1.9-0": ("3.12", _sklearn("1.9.0", "2.5.1", "2.2.3", "1.18.0", "25.0.0")),  # eae7b6b
}
XGBOOST: Mapping[str, tuple[str, tuple[str, ...]]] = {
    "1.5-1": ("3.8", _xgboost("1.5.2", "0.24.1", "1.24.4", "1.5.3", "1.8.0", "14.0.1")),  # 4eef773
    "1.7-1": ("3.9", _xgboost("1.7.4", "0.24.1", "1.24.1", "1.2.4", "1.8.0", "14.0.1")),  # f7a93a2
    "3.0-5": ("3.10", _xgboost("3.0.5", "1.5.2", "2.1.0", "2.2.3", "1.15.0", "22.0.0")),  # cb8df91
    "3.2-0": ("3.12", _xgboost("3.2.0", "1.8.0", "2.1.0", "2.2.3", "1.15.0", "22.0.0")),
}


def _framework(label: str, packages: tuple[str, ...], *, torch: bool) -> "_Maker":
    """`label` and `packages` have the tag's versions in their braces."""

    def make(tag: re.Match[str]) -> Recipe:
        digits, versions = tag["python"], tag.groupdict()
        wanted = (*(package.format(**versions) for package in packages), "boto3")
        note = GPU if "-gpu-" in tag[0] else ""
        return Recipe(f"{label.format(**versions)}-py{digits}", f"3.{digits[1:]}", wanted, torch, note)

    return make


_Maker = Callable[[re.Match[str]], Recipe]
_PY = r"(?:cpu|gpu)-py(?P<python>3\d+)\b"
# Repository and tag -> how its recipe is made.
_FRAMEWORKS: tuple[tuple[str, _Maker], ...] = (
    (
        rf"huggingface-pytorch-(?:training|inference):(?P<v>[\d.]+)-transformers(?P<t>[\d.]+)-{_PY}",
        _framework(
            "huggingface-pytorch-{v}-transformers-{t}", ("torch=={v}", "transformers=={t}", "datasets"), torch=True
        ),
    ),
    (
        rf"pytorch-(?:training|inference):(?P<v>[\d.]+)-{_PY}",
        _framework("pytorch-{v}", ("torch=={v}", "torchvision", "numpy", "pandas"), torch=True),
    ),
    (
        rf"tensorflow-(?:training|inference):(?P<v>[\d.]+)-{_PY}",
        _framework("tensorflow-{v}", ("tensorflow-cpu=={v}", "pandas"), torch=False),
    ),
)
# A Python with boto3 and the AWS CLI. Source: AWS, notebooks-available-images.
_BASE = re.compile(r"sagemaker-base-python-(?P<python>3\d+):.*")


def recipe(image: str) -> Recipe | None:
    """The recipe of an image's URI; None where AWS publishes none that is known here."""
    place = image.rpartition("/")[2]
    repository, _, tag = place.partition(":")
    for name, table in (("sagemaker-scikit-learn", SKLEARN), ("sagemaker-xgboost", XGBOOST)):
        if repository == name and (known := table.get(tag.removesuffix("-cpu-py3"))):
            return Recipe(f"{name}-{tag.removesuffix('-cpu-py3')}", *known)
    if found := _BASE.fullmatch(place):
        digits = found["python"]
        return Recipe(repository, f"3.{digits[1:]}", ("boto3", "awscli"))
    for pattern, make in _FRAMEWORKS:
        if found := re.match(pattern, place):
            return make(found)
    return None
