"""`slipway local`: what it needs of the environment."""

import pytest

from slipway import local
from slipway.target import Target, UserError


@pytest.mark.parametrize("name", ["ARTIFACT_BUCKET", "SAGEMAKER_PIPELINE_ROLE_ARN"])
def test_a_variable_that_is_not_set_is_named(name: str) -> None:
    environ = {"ARTIFACT_BUCKET": "b", "SAGEMAKER_PIPELINE_ROLE_ARN": "arn:aws:iam::000000000000:role/r"}
    del environ[name]
    with pytest.raises(UserError, match=rf'{name} must be set: eval "\$\(slipway local env\)" does it'):
        local.prepare(Target(environ, local=True, project="slipway"))
