"""What is put off while the SDK is imported works when it is used, and comes before nothing else."""

import sys

import pytest
from pydantic import BaseModel, ConfigDict
from pydantic import ValidationError as Refused

from slipway.build import sdk_import, service_models
from slipway.build.sdk_import import put_off_needless


def test_a_model_is_built_when_it_is_used_and_refuses_what_it_did():
    before = BaseModel.model_config
    with put_off_needless():

        class Late(BaseModel):
            model_config = ConfigDict(extra="forbid")
            count: int

    class Soon(BaseModel):
        count: int

    assert BaseModel.model_config is before
    assert (Late.__pydantic_complete__, Soon.__pydantic_complete__) == (False, True)
    assert Late(count="1").count == 1
    with pytest.raises(Refused):
        Late(count=1, more=2)


def test_a_module_is_loaded_when_it_is_looked_into(tmp_path, monkeypatch):
    (tmp_path / "heavy_module.py").write_text(
        "from pathlib import Path\nPath(__file__).with_suffix('.ran').touch()\nX = 1\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setattr(sdk_import, "WHEN_LOOKED_INTO", ("heavy_module",))
    with put_off_needless():
        import heavy_module
    try:
        assert not (tmp_path / "heavy_module.ran").exists()
        assert heavy_module.X == 1
        assert (tmp_path / "heavy_module.ran").exists()
    finally:
        del sys.modules["heavy_module"]


def test_sessions_read_the_service_models_once():
    one, two = service_models.session(region_name="us-east-1"), service_models.session(region_name="us-east-1")
    models = [made.client("sagemaker").meta.service_model for made in (one, two)]
    assert models[0].operation_names == models[1].operation_names
    loaders = [made._session.get_component("data_loader") for made in (one, two)]
    assert loaders[0] is loaders[1] is service_models.loader()


def test_the_sdk_still_refuses_a_configuration_that_is_none():
    from sagemaker.core.config.config_manager import SageMakerConfig, jsonschema

    from slipway.build import session

    SageMakerConfig.validate_sagemaker_config(session.TELEMETRY_OFF)
    with pytest.raises(jsonschema.ValidationError):
        SageMakerConfig.validate_sagemaker_config({"SageMaker": 1})
