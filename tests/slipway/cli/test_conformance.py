"""`slipway conformance`: what it asks is a table, and what it makes is taken away whatever happens."""

import json
import re
from pathlib import Path

import botocore.session
import pytest
from botocore import xform_name

from slipway.cli.conformance import command as verb
from slipway.cli.conformance.calls import Calls
from slipway.cli.conformance.probes import PROBES, UNASKED
from slipway.cli.conformance.report import mask
from slipway.cli.conformance.rows import AS_ASSUMED, DIFFERS, RECORDED, Finding, Probe, Undo, judge

PAGE = Path(__file__).parents[3] / "docs" / "aws-differences.md"
ROLE = "arn:aws:iam::111122223333:role/x"
MODELS = botocore.session.get_session()


def made(aws, folder: Path) -> Calls:
    return Calls(aws.target, "slipway-conformance-1", folder / "slipway-conformance-1.json")


@pytest.fixture
def here(tmp_path, monkeypatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize("probe", PROBES, ids=lambda probe: probe.name)
def test_a_probe_names_operations_that_aws_has(probe: Probe) -> None:
    for operation in probe.operations:
        service, name = operation.split(":")
        if operation != "kms:TagResource":  # the permission of CreateKey with tags
            assert name in MODELS.get_service_model(service).operation_names


def test_what_is_not_known_is_asked_or_says_what_would_answer_it() -> None:
    unknown = PAGE.read_text().partition("\n## Not known\n")[2]
    assert set(re.findall(r"\(asked: `([a-z-]+)`\)", unknown)) == {probe.name for probe in PROBES}
    assert len(re.findall(r"\(not asked\)", unknown)) == len(UNASKED)
    assert [line for line in unknown.splitlines() if line.startswith("- ") and "asked" not in line] == []


def test_the_plan_asks_nothing(aws, command, here) -> None:
    code, out, _ = command("conformance", "--plan", "--json")
    assert (code, aws.calls) == (0, [])
    assert sum(row["dollars"] for row in json.loads(out)) < 0.1


def test_a_question_that_is_not_there(command, here) -> None:
    code, _, err = command("conformance", "--only", "nothing", "--yes")
    assert code == 2
    assert "there is no question 'nothing'; there is: project-with-a-role" in err


def test_without_a_yes_nothing_is_asked(aws, here) -> None:
    with pytest.raises(verb.UserError, match="nothing was asked"):
        verb.conformance(aws.target, verb.Wishes(), lambda _: False, as_json=False)
    assert aws.calls == []


def test_a_report_is_not_overwritten(command, here) -> None:
    Path("mine.md").write_text("mine")
    code, _, err = command("conformance", "--page", "mine.md", "--yes")
    assert code == 2
    assert "is there already" in err
    assert Path("mine.md").read_text() == "mine"


def test_answers_are_written_down_and_what_was_made_is_taken_away(aws, command, here) -> None:
    aws.answers |= {
        "CreateRepository": {},
        "DeleteRepository": {},
        "PutMetricData": "InvalidParameterValue: no, 111122223333",
    }
    code, out, _ = command("conformance", "--only", "codecommit", "--only", "lower-case-namespace", "--yes", "--json")
    told = json.loads(out)
    assert code == 1
    assert {row["name"]: row["verdict"] for row in told["answers"]} == {
        "lower-case-namespace": DIFFERS,
        "codecommit": AS_ASSUMED,
    }
    assert aws.order("CreateRepository", "DeleteRepository") == ["CreateRepository", "DeleteRepository"]
    page = Path(told["report"]).read_text()
    assert "no, ACCOUNT" in page
    assert "111122223333" not in page
    assert list(Path(".slipway/conformance").glob("*.json")) == []


def test_a_permission_that_the_caller_lacks_is_no_answer(aws, command, here) -> None:
    aws.answers |= {
        "CreateRepository": "AccessDeniedException: User: x is not authorized to perform: codecommit:CreateRepository",
        "DeleteRepository": {},
    }
    _, out, _ = command("conformance", "--only", "codecommit", "--yes", "--json")
    assert json.loads(out)["answers"][0]["verdict"] == "not asked"


def test_ctrl_c_takes_away_what_was_made(aws, here) -> None:
    def interrupt(_: dict) -> dict:
        raise KeyboardInterrupt

    aws.answers |= {
        "CreateRole": {"Role": {"Arn": ROLE}},
        "PutRolePolicy": {},
        "CreatePipeline": interrupt,
        "DeletePipeline": "ResourceNotFound: gone",
        "DeleteRolePolicy": {},
        "DeleteRole": {},
    }
    wishes = verb.Wishes(only=["nested-conditions"], yes=True)
    with pytest.raises(KeyboardInterrupt):
        verb.conformance(aws.target, wishes, lambda _: True, as_json=True)
    deleting = ("DeletePipeline", "DeleteRolePolicy", "DeleteRole")
    assert aws.order(*deleting) == list(deleting)
    assert list(Path(".slipway/conformance").glob("*.json")) == []


def test_what_can_not_be_taken_away_is_said_and_tried_again_by_the_next_run(aws, here, tmp_path) -> None:
    aws.answers |= {"CreateRepository": {}, "DeleteRepository": "AccessDenied: you may not"}
    calls, said = made(aws, tmp_path), []
    calls.make(Undo("codecommit", "delete_repository", {"repositoryName": "r"}), "codecommit", "create_repository",
               repositoryName="r")  # fmt: skip
    assert not calls.clean(said.append)
    assert said == [
        (
            'not taken away: codecommit delete_repository {"repositoryName": "r"}: An error occurred (AccessDenied) '
            "when calling the DeleteRepository operation: you may not"
        )
    ]
    aws.answers["DeleteRepository"] = {}
    assert Calls.resume(aws.target, calls.journal).clean(said.append)
    assert not calls.journal.exists()


def test_what_takes_it_away_is_on_the_disk_before_it_is_made(aws, tmp_path) -> None:
    calls = made(aws, tmp_path)
    aws.answers["CreateRepository"] = lambda _: {"seen": json.loads(calls.journal.read_text())}
    undo = Undo("codecommit", "delete_repository", {"repositoryName": "r"})
    answer = calls.make(undo, "codecommit", "create_repository", repositoryName="r")
    assert answer["seen"] == [
        {"service": "codecommit", "operation": "delete_repository", "arguments": {"repositoryName": "r"}}
    ]


def test_every_undo_is_an_operation_of_boto3() -> None:
    """They are rows: the names are read from where they are written."""
    for path in Path(verb.__file__).parent.glob("*.py"):
        for service, operation in re.findall(r'Undo\(\s*"([a-z0-9]+)",\s*"([a-z_]+)"', path.read_text()):
            names = MODELS.get_service_model(service).operation_names
            assert operation in {xform_name(name) for name in names}, (path.name, operation)


@pytest.mark.parametrize(
    ("assumed", "found", "verdict"),
    [("taken", "taken", AS_ASSUMED), ("taken", "refused", DIFFERS), ("", "x", RECORDED)],
)
def test_a_verdict(assumed: str, found: str, verdict: str) -> None:
    probe = Probe("a", "?", "!", assumed, (), "", lambda _: Finding(found))
    assert judge(probe, Finding(found)) == verdict


def test_accounts_are_masked_and_times_are_not() -> None:
    assert mask("role 111122223333, 1764589724000") == "role ACCOUNT, 1764589724000"
