"""From a model folder and the container's environment to a handler: which image, which mode, which script."""

from collections.abc import Mapping
from pathlib import Path, PurePosixPath

from loopback.images.serving import formats, script
from loopback.images.serving.answers import Handler, ModelNotLoaded
from loopback.images.serving.xgboost_model import XGBoostHandler, load_boosters

MODEL = PurePosixPath("/opt/ml/model")
XGBOOST, SKLEARN = "sagemaker_xgboost_container.serving:main", "sagemaker_sklearn_container.serving:main"
DEFAULT_SCRIPT = "inference.py"


def load_model(model_dir: Path, environ: Mapping[str, str]) -> Handler:
    """The model in `model_dir` (an unpacked model.tar.gz), ready to answer. Raises ModelNotLoaded.

    `SAGEMAKER_SERVING_MODULE`, which the images carry, tells XGBoost (the default) from scikit-learn.
    """
    if not model_dir.is_dir():
        raise ModelNotLoaded(f"there is no model folder {model_dir}")
    module = environ.get("SAGEMAKER_SERVING_MODULE") or XGBOOST
    if module not in {XGBOOST, SKLEARN}:
        raise ModelNotLoaded(f"SAGEMAKER_SERVING_MODULE {module} is not served here; known: {XGBOOST}, {SKLEARN}")
    path = _script_path(model_dir, environ, sklearn=module == SKLEARN)
    if path is None:
        ensemble = environ.get("SAGEMAKER_INFERENCE_ENSEMBLE", "true").lower() == "true"
        return XGBoostHandler(load_boosters(model_dir, ensemble=ensemble), environ)
    hooks = script.hooks_of(script.import_script(path))
    default = formats.decode if module == SKLEARN else script.xgboost_input
    return script.ScriptHandler(hooks, model_dir, environ, default)


def _script_path(model_dir: Path, environ: Mapping[str, str], *, sklearn: bool) -> Path | None:
    """The user's script, or None for algorithm mode. Raises ModelNotLoaded."""
    program = environ.get("SAGEMAKER_PROGRAM")
    if program == "":
        raise ModelNotLoaded(
            "SAGEMAKER_PROGRAM is set to nothing: the container takes that for script mode and fails to import it. "
            "Leave the variable out, or name the script"
        )
    folder = model_dir / "code"
    if submitted := environ.get("SAGEMAKER_SUBMIT_DIRECTORY"):
        if submitted.startswith("s3://"):
            raise ModelNotLoaded(
                f"SAGEMAKER_SUBMIT_DIRECTORY {submitted}: expected /opt/ml/model/code inside model.tar.gz"
            )
        pure = PurePosixPath(submitted.removeprefix("file://"))
        folder = model_dir / pure.relative_to(MODEL) if pure.is_relative_to(MODEL) else Path(pure)
    if program:
        return folder / program
    return folder / DEFAULT_SCRIPT if sklearn else None
