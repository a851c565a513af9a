"""Churn: train a gradient-boosted classifier; register it if it is good enough and no worse than the one in use.

    Prepare ─┬─▶ Baseline ─┐
             ├─▶ Train ────┤
             └─────────────┴─▶ Evaluate ─▶ Gate ─┬─ yes ─▶ Register   waits for a person's approval
                                                 └─ no ──▶ Fail       says which figure was missed

Where config.yml has a section `bias` or `explainability`, `checks` adds its steps between Train and Register.
Each step is one function of `slipway.build.model_build`; its arguments are the steps it waits for. To make a step
differ, write a function here and call that instead. What may be tuned is in config.yml.
"""

from sagemaker.mlops.workflow.pipeline import Pipeline

from slipway.build.checks import checks
from slipway.build.model_build import baseline, evaluate, gate, prepare, register, train
from slipway.build.steps import Workshop


def get_pipeline(region: str | None = None, role: str | None = None, **project: str | None) -> Pipeline:
    """The graph. What is not given, `default_bucket` and the project's name too, is read from the environment."""
    shop = Workshop.beside(__file__, region=region, role=role, **project)
    prepared = prepare(shop)
    baselined = baseline(shop, prepared)
    trained = train(shop, prepared)
    checked = checks(shop, prepared, trained)
    evaluated = evaluate(shop, prepared, trained, baselined)
    registered = register(shop, trained, evaluated, baselined, checked)
    gated = gate(shop, evaluated, registered)
    return shop.finish([prepared, baselined, trained, *checked.steps, evaluated, gated])
