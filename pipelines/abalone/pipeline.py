"""Abalone: train a gradient-boosted regression; register it if it is good enough and no worse than the one in use.

    Prepare ─┬─▶ Baseline ─┐
             ├─▶ Train ────┤
             └─────────────┴─▶ Evaluate ─▶ Gate ─┬─ yes ─▶ Register   waits for a person's approval
                                                 └─ no ──▶ Fail       says which figure was missed

Where config.yml has a section `bias` or `explainability`, `checks` adds its steps between Train and Register.
Each step is one function of `slipway.build.model_build`; its arguments are the steps it waits for. To make a step
differ, write a function here and call that instead. What may be tuned is in config.yml.
"""

from pathlib import Path

from sagemaker.mlops.workflow.pipeline import Pipeline

from slipway.build import config
from slipway.build.clarify import checks
from slipway.build.model_build import baseline, evaluate, gate, prepare, register, train
from slipway.build.project import Project
from slipway.build.steps import Workshop

HERE = Path(__file__).resolve().parent  # its name is the pipeline's
METRICS = "regression_metrics"  # the section of evaluation.json that the gate reads


def get_workshop(project: Project) -> Workshop:
    """What makes this pipeline's steps in a project."""
    return Workshop(project, HERE, config.load(HERE / "config.yml"))


def get_pipeline(shop: Workshop) -> Pipeline:
    """The graph."""
    prepared = prepare(shop)
    baselined = baseline(shop, prepared)
    trained = train(shop, prepared)
    checked = checks(shop, prepared, trained)
    evaluated = evaluate(shop, prepared, trained, baselined)
    registered = register(shop, trained, evaluated, baselined, checked)
    gated = gate(shop, evaluated, registered, METRICS)
    return shop.finish([prepared, baselined, trained, *checked.steps, evaluated, gated])
