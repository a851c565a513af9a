"""Script mode of the serving images: the user's model_fn, input_fn, predict_fn, output_fn or transform_fn."""

import importlib.util
import inspect
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

from loopback.images.serving import formats, toolkit
from loopback.images.serving.answers import ModelNotLoaded, RequestRefused, Response, as_json, fail

HOOKS = ("model_fn", "input_fn", "predict_fn", "output_fn", "transform_fn")


def import_script(path: Path) -> ModuleType:
    """The user's module, its folder first on the path. Raises ModelNotLoaded."""
    if not path.is_file():
        raise ModelNotLoaded(f"the inference script {path.name} is not in {path.parent}")
    if str(path.parent) not in sys.path:
        sys.path.insert(0, str(path.parent))
    spec = importlib.util.spec_from_file_location(path.stem, path)
    if spec is None or spec.loader is None:
        raise ModelNotLoaded(f"{path.name} is not a Python file")
    module = importlib.util.module_from_spec(spec)
    sys.modules[path.stem] = module
    toolkit.provide()
    try:
        spec.loader.exec_module(module)
    except Exception as error:
        raise ModelNotLoaded(f"{path.name} cannot be imported: {type(error).__name__}: {error}") from error
    return module


def hooks_of(module: ModuleType) -> dict[str, Callable[..., Any]]:
    """The user's functions by name. Raises ModelNotLoaded if one is missing or two contradict each other."""
    found = {name: hook for name in HOOKS if callable(hook := getattr(module, name, None))}
    if "model_fn" not in found:
        raise ModelNotLoaded(f"{module.__name__}.py defines no model_fn(model_dir), which serving needs")
    if "transform_fn" in found and (others := {"input_fn", "predict_fn", "output_fn"} & set(found)):
        raise ModelNotLoaded(
            f"{module.__name__}.py: cannot use transform_fn in conjunction with {', '.join(sorted(others))}"
        )
    return found


def xgboost_input(body: bytes | str, content_type: str) -> Any:
    """The XGBoost image's default `input_fn`. Raises Refused."""
    import xgboost

    text = body.decode() if isinstance(body, bytes) else body
    kind = formats.media_type(content_type)
    try:
        if kind == formats.CSV:
            return xgboost.DMatrix(formats.csv_rows(text, filling=True), nthread=1)
        if kind in formats.LIBSVM:
            return xgboost.DMatrix(formats.libsvm_rows(text.strip()), nthread=1)
    except (ValueError, IndexError) as error:
        raise RequestRefused(415, f"the body is not {kind}: {error}") from None
    raise RequestRefused(415, f"Content type {content_type} is not supported by this framework.")


class ScriptHandler:
    """A user's inference script with the image's defaults for what it leaves out."""

    def __init__(
        self,
        hooks: Mapping[str, Callable[..., Any]],
        folder: Path,
        environ: Mapping[str, str],
        default_input: Callable[[Any, str], Any] = formats.decode,
    ) -> None:
        self.context = SimpleNamespace(system_properties={"model_dir": str(folder)})
        self.hooks: dict[str, Callable[..., Any]] = {
            "input_fn": default_input,
            "predict_fn": lambda data, model: model.predict(data),
            "output_fn": lambda prediction, accept: (formats.encode(prediction, accept), accept),
            **hooks,
        }
        self.accept = environ.get("SAGEMAKER_DEFAULT_INVOCATIONS_ACCEPT") or formats.JSON
        self._contextual: dict[str, bool] = {}  # looking at a signature takes as long as a small prediction
        try:
            self.model = self._call("model_fn", str(folder))
        except Exception as error:
            raise ModelNotLoaded(f"model_fn failed: {type(error).__name__}: {error}") from error

    def invoke(self, body: bytes, content_type: str | None, accept: str | None) -> Response:
        """Call the user's functions. Whatever they raise is a 500 and a trace in the log, as from the image's server.

        That is Flask: a script answers with another status by returning a response of Flask or werkzeug.
        """
        kind = content_type or formats.JSON
        wanted = self.accept if accept in {None, "", "*/*"} else accept
        assert wanted is not None
        try:
            # as Flask reads text; the toolkit compares all of the header with its two types of text
            data = body.decode(errors="replace") if kind in formats.TEXTS else body
            if "transform_fn" in self.hooks:
                result = self._call("transform_fn", self.model, data, kind, wanted)
            else:
                prediction = self._call("predict_fn", self._call("input_fn", data, kind), self.model)
                result = self._call("output_fn", prediction, wanted)
            return _response(result, wanted)
        except RequestRefused as refusal:
            return as_json(refusal.status, refusal)
        except Exception as error:  # noqa: BLE001 - the user's code
            return fail(error)

    def _call(self, name: str, *arguments: Any) -> Any:
        """Call a hook, with the context as one more argument if it takes one."""
        hook = self.hooks[name]
        if name not in self._contextual:
            self._contextual[name] = _positional(hook) > len(arguments)
        return hook(*arguments, self.context) if self._contextual[name] else hook(*arguments)


def _positional(hook: Callable[..., Any]) -> int:
    """How many arguments it wants by place: those without a default, and `context`."""
    return sum(
        parameter.kind in {parameter.POSITIONAL_ONLY, parameter.POSITIONAL_OR_KEYWORD}
        and (parameter.default is parameter.empty or parameter.name == "context")
        for parameter in inspect.signature(hook).parameters.values()
    )


def _response(result: Any, accept: str) -> Response:
    """What output_fn gave: a body, or a body and its content type; a generator's items are parts of the body."""
    if callable(getattr(result, "get_data", None)):  # a response of Flask
        return Response(result.status_code, result.get_data(), result.content_type or accept)
    body, kind = result if isinstance(result, tuple) else (result, accept)
    if isinstance(body, Iterator):
        return Response(200, b"", kind, (part.encode() if isinstance(part, str) else bytes(part) for part in body))
    if isinstance(body, str):
        body = body.encode()
    if not isinstance(body, bytes | bytearray | memoryview):
        raise TypeError(
            f"output_fn returned a {type(body).__name__}; expected str or bytes, alone or with a content type"
        )
    return Response(200, bytes(body), kind)
