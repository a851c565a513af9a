"""What project.yml, project_roles.yml, roles.yml and portfolio.yml promise."""

import json
import re
from pathlib import Path

import pytest
import yaml

from slipway.build.project import NEEDED
from slipway.cli.roles import own_prefix
from slipway.deploy import build, promotion, versions

ROOT = Path(__file__).resolve().parents[2]
TEMPLATES = ("project.yml", "project_roles.yml", "roles.yml", "portfolio.yml")
LONGEST = {"SageMakerProjectName": "n" * 32, "SageMakerProjectId": "i" * 20, "Pipeline": "p" * 30}
LONGEST_PREFIX = {"RolePrefix": own_prefix("n" * 32, "us-isob-east-1")}
LIMITS = {  # property that names a resource: how long AWS lets it be
    ("AWS::IAM::Role", "RoleName"): 64,
    ("AWS::Lambda::Function", "FunctionName"): 64,
    ("AWS::Events::Rule", "Name"): 64,
    ("AWS::CodePipeline::Pipeline", "Name"): 100,
    ("AWS::CodeBuild::Project", "Name"): 150,
    ("AWS::S3::Bucket", "BucketName"): 63,
    ("AWS::SNS::Topic", "TopicName"): 256,
    ("AWS::SageMaker::ModelPackageGroup", "ModelPackageGroupName"): 63,
    ("AWS::SageMaker::CodeRepository", "CodeRepositoryName"): 63,
    ("AWS::CodeCommit::Repository", "RepositoryName"): 100,
}
TELLING = ("DeliveryRule", "RunRule", "WaitingVersionRule")
TEMPLATE = 1024 * 1024  # bytes, inline code with it: what CloudFormation and Service Catalog take from S3
POLICIES_OF_A_ROLE, MANAGED_POLICY = 10_240, 6_144  # characters without white space


def statements(role):
    for policy in role["Properties"].get("Policies", []):
        for choice in policy["Fn::If"][1:] if "Fn::If" in policy else [policy]:
            yield from choice.get("PolicyDocument", {"Statement": []})["Statement"]


def listed(value):
    return value if isinstance(value, list) else [value]


def role(suffix):
    return {"Fn::Sub": f"arn:${{AWS::Partition}}:iam::${{AWS::AccountId}}:role/${{RolePrefix}}-{suffix}"}


def of_type(resources, kind):
    return {name: resource for name, resource in resources.items() if resource["Type"] == kind}


def actions(pipeline):
    return {action["Name"]: action for stage in pipeline["Properties"]["Stages"][1:] for action in stage["Actions"]}


def test_cfn_lint_has_nothing_to_say() -> None:
    from cfnlint.api import ManualArgs, lint

    config = ManualArgs(include_checks=["I"])
    assert [
        str(match) for name in TEMPLATES for match in lint((ROOT / "seed_code" / name).read_text(), config=config)
    ] == []


@pytest.mark.parametrize("name", ["project_roles.yml", "roles.yml"])
def test_no_policy_allows_every_action(name, template_of) -> None:
    allowed = []
    for resource in template_of(name)["Resources"].values():
        if resource["Type"] == "AWS::IAM::Role":
            allowed += [action for s in statements(resource) for action in listed(s["Action"])]
        if resource["Type"] == "AWS::IAM::ManagedPolicy":
            document = resource["Properties"]["PolicyDocument"]
            allowed += [action for s in document["Statement"] for action in listed(s["Action"])]
    assert len(allowed) > 50
    assert [action for action in allowed if "*" in action] == []


@pytest.mark.parametrize("name", ["project_roles.yml", "roles.yml"])
def test_every_star_has_its_reason(name) -> None:
    lines = (ROOT / "seed_code" / name).read_text().splitlines()
    stars = [number for number, line in enumerate(lines) if 'Resource: "*"' in line]
    assert len(stars) >= 5
    for star in stars:
        begin = next(number for number in range(star, 0, -1) if re.match(r"\s*- \{?Sid:", lines[number]))
        assert lines[begin - 1].lstrip().startswith("#"), lines[star - 3 : star + 1]


def test_every_role_can_be_bounded_and_trusts_one_service(roles) -> None:
    for name, role in roles.items():
        boundary = role["Properties"]["PermissionsBoundary"]
        assert boundary["Fn::If"][:2] == ["Bounded", {"Ref": "PermissionsBoundaryArn"}], name
        (trust,) = role["Properties"]["AssumeRolePolicyDocument"]["Statement"]
        assert isinstance(trust["Principal"]["Service"], str), name


def test_every_rule_can_start_what_it_targets(resources) -> None:
    rules = of_type(resources, "AWS::Events::Rule")
    permitted = [p["Properties"]["SourceArn"] for p in of_type(resources, "AWS::Lambda::Permission").values()]
    assert set(rules) == {"ApprovedRule", "SourceRule", "DataRule", "ScheduleRule", *TELLING}
    (publishes,) = resources["NotificationTopicPolicy"]["Properties"]["PolicyDocument"]["Statement"]
    assert (publishes["Principal"]["Service"], publishes["Action"]) == ("cloudwatch.amazonaws.com", "sns:Publish")
    for name, rule in rules.items():
        for target in rule["Properties"]["Targets"]:
            if name in TELLING:
                assert target["Arn"] == {"Fn::GetAtt": "NotifyFunction.Arn"}
            if "Fn::Sub" in target["Arn"]:
                assert target["RoleArn"] == role("events"), name
            else:
                assert {"Fn::GetAtt": f"{name}.Arn"} in permitted


def test_the_events_role_starts_modelbuild_and_nothing_else(resources, roles) -> None:
    (build,) = statements(roles["EventsRole"])
    assert build["Action"] == "codepipeline:StartPipelineExecution"
    name = resources["ModelBuildPipeline"]["Properties"]["Name"]["Fn::Sub"]
    assert build["Resource"]["Fn::Sub"].rpartition(":")[2] == name.replace("SageMakerProjectName", "Project").replace(
        "SageMakerProjectId", "ProjectId"
    )


def test_only_an_approval_of_this_group_deploys(resources) -> None:
    assert resources["ApprovedRule"]["Properties"]["EventPattern"] == {
        "source": ["aws.sagemaker"],
        "detail-type": ["SageMaker Model Package State Change"],
        "detail": {
            "ModelPackageGroupName": [{"Fn::Sub": "${SageMakerProjectName}-${Pipeline}"}],
            "ModelApprovalStatus": ["Approved"],
        },
    }


@pytest.mark.parametrize(
    ("pipeline", "paths"),
    [
        ("ModelBuildPipeline", ["pipelines/**", "buildspec.yml", "requirements.txt", "requirements.lock", "setup.py"]),
        ("ModelDeployPipeline", ["deploy/**", "codebuild/**"]),
    ],
)
def test_which_files_start_which_pipeline(pipeline, paths, resources, function) -> None:
    condition, triggers, _ = resources[pipeline]["Properties"]["Triggers"]["Fn::If"]
    (push,) = triggers[0]["GitConfiguration"]["Push"]
    assert (condition, push["FilePaths"]["Includes"]) == ("FromConnection", paths)
    assert push["Branches"]["Includes"] == [{"Ref": "RepositoryBranch"}]
    variable = {"ModelBuildPipeline": "MODELBUILD_PIPELINE", "ModelDeployPipeline": "MODELDEPLOY_PIPELINE"}[pipeline]
    assert list(function("StartFunction").FILES[variable]) == [path.removesuffix("**") for path in paths]


def test_the_way_to_production(resources) -> None:
    properties = resources["ModelDeployPipeline"]["Properties"]
    stages = [(stage["Name"], [a["Name"] for a in stage["Actions"]]) for stage in properties["Stages"][1:]]
    assert stages == [
        ("Build", ["Build"]),
        ("DeployStaging", ["DeployStaging", "TestStaging", "DeployStagingMonitor"]),
        ("ApproveProd", ["ApproveProd"]),
        ("DeployProd", ["StillApproved", "DeployProd", "RecordProduction"]),
        ("WatchProd", ["DeployProdMonitor"]),
    ]
    orders = [a.get("RunOrder", 1) for stage in properties["Stages"][1:] for a in stage["Actions"]]
    assert orders == [1, 1, 2, 2, 1, 1, 2, 3, 1]
    assert properties["ExecutionMode"] == "SUPERSEDED"


def test_stages_deploy_what_the_build_wrote(resources) -> None:
    found = actions(resources["ModelDeployPipeline"])
    written = yaml.safe_load((ROOT / "codebuild/build-deploy.yml").read_text())["artifacts"]["files"]
    for action, stage in (("DeployStaging", "staging"), ("DeployProd", "prod")):
        given = found[action]["Configuration"]
        assert given["StackName"] == {
            "Fn::Sub": f"sagemaker-${{SageMakerProjectName}}-${{SageMakerProjectId}}-deploy-{stage}"
        }
        assert given["TemplatePath"] == "BuildArtifact::template-export.yml"
        assert given["TemplateConfiguration"] == f"BuildArtifact::{stage}-config-export.json"
        for place in (given["TemplatePath"], given["TemplateConfiguration"]):
            assert place.removeprefix("BuildArtifact::") in written
    modes = [found[action]["Configuration"]["ActionMode"] for action in ("DeployStaging", "DeployProd")]
    assert modes == ["REPLACE_ON_FAILURE", "CREATE_UPDATE"]


def test_every_variable_that_an_action_shows_is_exported(resources) -> None:
    specs = {"BuildVariables": "build-deploy.yml", "TestVariables": "test-staging.yml"}
    text = json.dumps(resources["ModelDeployPipeline"])
    used = set(re.findall(r"#\{(\w+)\.(\w+)\}", text)) - {
        ("variables", "ModelPackageArn"),
        ("codepipeline", "PipelineExecutionId"),
    }
    assert {namespace for namespace, _ in used} == set(specs)
    for namespace, name in used:
        spec = yaml.safe_load((ROOT / "codebuild" / specs[namespace]).read_text())
        assert name in spec["env"]["exported-variables"]


def test_a_run_without_a_version_takes_what_production_runs(resources) -> None:
    (variable,) = resources["ModelDeployPipeline"]["Properties"]["Variables"]
    assert (variable["Name"], variable["DefaultValue"]) == ("ModelPackageArn", versions.IN_PRODUCTION)


def test_every_stage_after_the_build_is_skipped_where_there_is_nothing_to_deploy(resources) -> None:
    _, _, *stages = resources["ModelDeployPipeline"]["Properties"]["Stages"]
    for stage in stages:
        ((condition,),) = (stage["BeforeEntry"]["Conditions"],)
        (rule,) = condition["Rules"]
        assert (condition["Result"], rule["RuleTypeId"]["Provider"]) == ("SKIP", "VariableCheck")
        asked = {"Variable": f"#{{BuildVariables.{promotion.DEPLOYS}}}", "Operator": "EQ", "Value": "yes"}
        assert rule["Configuration"] == asked


def test_builds_are_given_what_the_code_reads(resources) -> None:
    given = {
        name: {v["Name"] for v in project["Properties"]["Environment"].get("EnvironmentVariables", [])}
        for name, project in of_type(resources, "AWS::CodeBuild::Project").items()
    }
    assert {variables[0] for variables in NEEDED.values()} | {"SAGEMAKER_PROJECT_ID", "PIPELINE"} == given[
        "ModelBuildProject"
    ]
    assert set(build.REQUIRED.values()) <= given["ModelDeployProject"]


@pytest.mark.parametrize("name", ["ModelBuildProject", "ModelDeployProject", "TestingProject"])
def test_every_buildspec_is_there(name, resources) -> None:
    assert (ROOT / resources[name]["Properties"]["Source"]["BuildSpec"]).is_file()


def test_the_longest_names_fit(resources, roles, put_in) -> None:
    checked = 0
    for name, resource in (resources | roles).items():
        for (kind, member), limit in LIMITS.items():
            if resource["Type"] == kind:
                text = put_in(resource["Properties"][member], LONGEST | LONGEST_PREFIX)
                text = text["Fn::If"][2] if "Fn::If" in text else text
                assert len(text) <= limit, (name, text)
                checked += 1
    assert checked > 20


def test_the_template_and_policies_fit(resources, roles, template_of, put_in) -> None:
    longest = LONGEST | LONGEST_PREFIX | {"Project": "n" * 32, "ProjectId": "p-*", "ArtifactBucket": "b" * 63}
    longest |= {"AWS::Partition": "aws", "AWS::Region": "ap-southeast-2", "AWS::AccountId": "1" * 12}
    assert (ROOT / "seed_code/project.yml").stat().st_size <= TEMPLATE
    for name, role in roles.items():
        size = len(json.dumps(put_in(list(statements(role)), longest), separators=(",", ":")))
        assert size <= POLICIES_OF_A_ROLE, (name, size)
    for name, policy in of_type(template_of("roles.yml")["Resources"], "AWS::IAM::ManagedPolicy").items():
        size = len(json.dumps(put_in(policy["Properties"]["PolicyDocument"], longest), separators=(",", ":")))
        assert size <= MANAGED_POLICY, (name, size)


def test_the_form_knows_every_parameter(project) -> None:
    groups = project["Metadata"]["AWS::CloudFormation::Interface"]["ParameterGroups"]
    assert sorted(name for group in groups for name in group["Parameters"]) == sorted(project["Parameters"])
    optional = {name for name, parameter in project["Parameters"].items() if parameter.get("Default") == ""}
    assert optional | {"DataPrefix"} == set(project["Metadata"]["SagemakerTemplateParameterRules"])
    assert all(parameter["Description"] for parameter in project["Parameters"].values())


def test_what_is_data_or_a_record_outlives_the_project(resources) -> None:
    kept = {name for name, resource in resources.items() if str(resource.get("DeletionPolicy")).startswith("Retain")}
    assert kept == {"Key", "ArtifactBucket", "ModelPackageGroup", "Repository"}


def test_the_bucket_is_private_encrypted_and_spoken_to_over_tls(resources) -> None:
    bucket = resources["ArtifactBucket"]["Properties"]
    assert set(bucket["PublicAccessBlockConfiguration"].values()) == {True}
    (rule,) = bucket["BucketEncryption"]["ServerSideEncryptionConfiguration"]
    assert rule["ServerSideEncryptionByDefault"]["SSEAlgorithm"] == "aws:kms"
    assert bucket["VersioningConfiguration"] == {"Status": "Enabled"}
    (statement,) = resources["ArtifactBucketPolicy"]["Properties"]["PolicyDocument"]["Statement"]
    assert (statement["Effect"], statement["Condition"]) == ("Deny", {"Bool": {"aws:SecureTransport": "false"}})


def test_the_product_is_one_that_studio_lists(template_of) -> None:
    found = template_of("portfolio.yml")["Resources"]
    assert {"Key": "sagemaker:studio-visibility", "Value": "true"} in found["Product"]["Properties"]["Tags"]
    assert found["LaunchesWithRole"]["Properties"]["RoleArn"] == {"Ref": "LaunchRoleArn"}
