"""A project in an account that came after AWS had closed Model Monitor: it releases, and says that nothing watches."""

from collections.abc import Iterator

import pytest

from tests.journeys.launched import Launched, launched

pytestmark = pytest.mark.journey


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Launched]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LOOPBACK_ACCOUNT", "new")
        with launched(tmp_path_factory.mktemp("new")) as made:
            yield made


def test_without_monitors_a_version_reaches_production(site: Launched) -> None:
    assert site.arrived.serving == (1, 1)
    assert site.arrived.life_cycle["Stage"] == "Production"
    assert "nothing watches prod" in site.first.out
    execution = site.deployments()[0]["pipelineExecutionId"]
    asked = site.actions(execution)["ApproveProd"]["input"]["resolvedConfiguration"]["CustomData"]
    assert (
        "Production is watched by nothing: the account has no Model Monitor, which data_quality hourly needs" in asked
    )
    assert site.client("sagemaker").list_monitoring_schedules()["MonitoringScheduleSummaries"] == []


def test_a_release_stays_released_where_its_monitors_can_not_be_made(site: Launched) -> None:
    """As a project that was launched with ModelMonitor=yes."""
    codebuild, name = site.client("codebuild"), site.project.deploy
    environment = codebuild.batch_get_projects(names=[name])["projects"][0]["environment"]
    variables = [v for v in environment["environmentVariables"] if v["name"] != "MODEL_MONITOR"]
    given = [*variables, {"name": "MODEL_MONITOR", "value": "yes"}]
    codebuild.update_project(name=name, environment=environment | {"environmentVariables": given})
    number = site.registered()
    site.approve(number)
    execution = site.deployment_of(number)
    site.answer(execution)
    assert site.ended(execution) == "Failed"
    actions = site.summary(execution)
    assert (actions["DeployProd"], actions["RecordProduction"]) == ("Succeeded", "Succeeded")
    assert actions["DeployProdMonitor"] == "Failed"
    assert site.serves("prod") == number
    assert site.package(number)["ModelLifeCycle"]["Stage"] == "Production"
