"""The framework module of the XGBoost image, for SAGEMAKER_SERVING_MODULE and SAGEMAKER_TRAINING_MODULE.

It calls the toolkits as sagemaker_xgboost_container does (aws/sagemaker-xgboost-container cb8df91, serving.py and
training.py), whose own package is not on PyPI. Copied into the image's environment; nothing here imports it.
"""

import importlib
import sys

import sagemaker_inference.transformer  # noqa: F401  serving.py imports it by way of serving_mms and handler_service
from sagemaker_containers import training_env
from sagemaker_containers.beta.framework import env, modules, transformer, worker

HOOKS = ("input_fn", "predict_fn", "output_fn", "transform_fn")
app = None


def serving(environ, start_response):
    """A WSGI application: the user's script behind the toolkit's Flask worker."""
    global app  # noqa: PLW0603  one in each worker process
    if app is None:
        name = env.ServingEnv().module_name
        script = importlib.import_module(name)
        hooks = {hook: getattr(script, hook) for hook in HOOKS if hasattr(script, hook)}
        user = transformer.Transformer(model_fn=script.model_fn, **hooks)
        user.initialize()
        app = worker.Worker(transform_fn=user.transform, module_name=name)
    return app(environ, start_response)


def training():
    """Script mode."""
    found = training_env()
    modules.run_module(
        found.module_dir, found.to_cmd_args(), found.to_env_vars(), found.module_name, capture_error=False
    )
    sys.exit(0)
