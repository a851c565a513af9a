"""The explanations of an analysis: attributions by Kernel SHAP, partial dependence, and the files beside them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from loopback.images.clarify import attributions, baseline, dependence
from loopback.images.clarify.attributions import Attributions
from loopback.images.clarify.configuration import Config
from loopback.images.clarify.dataset import Fetch
from loopback.images.clarify.model import Model
from loopback.images.clarify.subject import Subject
from slipway.analysis import documents


def explain(config: Config, subject: Subject, model: Model, fetch: Fetch, output: Path) -> dict[str, Any]:
    """`explanations` of analysis.json; a computed baseline and local values are written below `output`."""
    methods, found = config["methods"], dict[str, Any]()
    values = _attributions(config, subject, model, fetch, output) if "shap" in methods else None
    if values is not None:
        found["kernel_shap"] = values.section()
    if "pdp" in methods:
        found["pdp"] = dependence.section(model, subject.data, config, values)
    return found


def _attributions(config: Config, subject: Subject, model: Model, fetch: Fetch, output: Path) -> Attributions:
    shap, folder = config["methods"]["shap"], output / "explanations_shap"
    background, computed = baseline.rows(config, subject.rows, shap.get("seed", attributions.SEED), fetch)
    values = attributions.explain(model, subject.rows, background, config)
    if computed:
        documents.write_text(folder / "baseline.csv", background.to_csv(header=False, index=False))
    if shap.get("save_local_shap_values"):
        table, identifiers = values.table(), subject.data.joined_by
        if identifiers is not None:
            table.insert(0, identifiers, subject.data.frame[identifiers].to_numpy())
        documents.write_text(folder / "out.csv", table.to_csv(index=False))
    return values
