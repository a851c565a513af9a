"""A pipeline's features.py: found, imported and called; what goes wrong in it is told with its file and line."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from slipway.tabular import own_code
from slipway.tabular.job import JobError
from slipway.tabular.own_code import OwnCode, reason

FILE, FUNCTION = "features.py", "features"


class FeatureError(JobError):
    """The features of some rows can't be made; the message begins with file and line of features.py."""


@dataclass(frozen=True)
class FeatureFunction:
    """The function `features` of a features.py."""

    function: Callable[[Any], Any]
    code: OwnCode

    @property
    def place(self) -> str:
        """File and line of the function."""
        code = self.function.__code__
        return f"{self.code.path_in_project(code.co_filename)}:{code.co_firstlineno}"

    def __call__(self, rows: Any) -> Any:
        """What the function returns. Raises FeatureError for what it raises."""
        try:
            return self.function(rows)
        except Exception as error:
            raise FeatureError(f"{self.code.place_of(error, self.place)}: {reason(error)}") from error


def beside(script: str) -> FeatureFunction | None:
    """The function of the features.py beside a pipeline's script; None where there is no such file."""
    return load(Path(script).resolve().parent)


def load(folder: Path) -> FeatureFunction | None:
    """The function of the features.py in a folder: of a pipeline, or of the code that travels with a job or a model."""
    path = folder.resolve() / FILE
    if not path.is_file():
        return None
    code = own_code.load(path, FeatureError)
    function: Any = getattr(code.module, FUNCTION, None)
    if not hasattr(function, "__code__"):
        raise FeatureError(f"{path.relative_to(code.root)}: there is no function features(rows)")
    return FeatureFunction(function, code)
