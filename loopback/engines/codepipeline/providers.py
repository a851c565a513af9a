"""The actions that loopback runs: how many artifacts, which configuration keys, how long.

Source: AWS, reference-pipeline-structure and action-reference.
"""

from dataclasses import dataclass

MINUTES = 60
DAYS = 24 * 60 * MINUTES


@dataclass(frozen=True)
class Provider:
    """One action type. `inputs` and `outputs` are the least and the most; `seconds` is its own time limit."""

    inputs: tuple[int, int]
    outputs: tuple[int, int]
    required: tuple[str, ...]
    optional: tuple[str, ...]
    seconds: int


_CODEBUILD = Provider(
    (1, 5),
    (0, 5),
    ("ProjectName",),
    ("PrimarySource", "EnvironmentVariables", "BatchEnabled", "CombineArtifacts"),
    8 * 60 * MINUTES,
)
_CLOUDFORMATION = Provider(
    (0, 10),
    (0, 1),
    ("ActionMode", "StackName"),
    (
        "ChangeSetName",
        "TemplatePath",
        "TemplateConfiguration",
        "RoleArn",
        "Capabilities",
        "ParameterOverrides",
        "OutputFileName",
    ),
    3 * DAYS,
)
PROVIDERS: dict[tuple[str, str, str], Provider] = {
    ("Source", "AWS", "S3"): Provider(
        (0, 0),
        (1, 1),
        ("S3Bucket", "S3ObjectKey"),
        ("PollForSourceChanges", "AllowOverrideForS3ObjectKey"),
        60 * MINUTES,
    ),
    ("Source", "AWS", "CodeCommit"): Provider(
        (0, 0),
        (1, 1),
        ("RepositoryName", "BranchName"),
        ("PollForSourceChanges", "OutputArtifactFormat"),
        60 * MINUTES,
    ),
    ("Source", "AWS", "CodeStarSourceConnection"): Provider(
        (0, 0),
        (1, 1),
        ("ConnectionArn", "FullRepositoryId", "BranchName"),
        ("OutputArtifactFormat", "DetectChanges"),
        60 * MINUTES,
    ),
    ("Build", "AWS", "CodeBuild"): _CODEBUILD,
    ("Test", "AWS", "CodeBuild"): _CODEBUILD,
    ("Deploy", "AWS", "CloudFormation"): _CLOUDFORMATION,
    ("Deploy", "AWS", "S3"): Provider(
        (1, 1),
        (0, 0),
        ("BucketName", "Extract"),
        ("ObjectKey", "KMSEncryptionKeyARN", "CannedACL", "CacheControl"),
        90 * MINUTES,
    ),
    ("Invoke", "AWS", "StepFunctions"): Provider(
        (0, 1), (0, 1), ("StateMachineArn",), ("ExecutionNamePrefix", "InputType", "Input"), 7 * DAYS
    ),
    ("Approval", "AWS", "Manual"): Provider(
        (0, 0), (0, 0), (), ("NotificationArn", "CustomData", "ExternalEntityLink"), 7 * DAYS
    ),
    ("Compute", "AWS", "Commands"): Provider((1, 10), (0, 1), (), (), 60 * MINUTES),
    ("Invoke", "AWS", "Lambda"): Provider((0, 5), (0, 5), ("FunctionName",), ("UserParameters",), 20 * MINUTES),
}
CHOICES = {  # a source is handed on as a zip here, never as a reference to clone
    ("VariableCheck", "Operator"): ("EQ", "NE", "MATCHES", "CONTAINS"),
    ("CodeStarSourceConnection", "OutputArtifactFormat"): ("CODE_ZIP",),
    ("CodeCommit", "OutputArtifactFormat"): ("CODE_ZIP",),
    ("CodeStarSourceConnection", "DetectChanges"): ("true", "false"),
    ("CodeCommit", "PollForSourceChanges"): ("true", "false"),
    ("S3", "PollForSourceChanges"): ("true", "false"),
    ("S3", "AllowOverrideForS3ObjectKey"): ("true", "false"),
    ("S3", "Extract"): ("true", "false"),
    ("CodeBuild", "BatchEnabled"): ("true", "false"),
    ("CodeBuild", "CombineArtifacts"): ("true", "false"),
    ("S3", "CannedACL"): (
        "private",
        "public-read",
        "public-read-write",
        "authenticated-read",
        "aws-exec-read",
        "bucket-owner-read",
        "bucket-owner-full-control",
    ),
    ("StepFunctions", "InputType"): ("Literal", "FilePath"),
    ("CloudFormation", "ActionMode"): (
        "CREATE_UPDATE",
        "REPLACE_ON_FAILURE",
        "CHANGE_SET_REPLACE",
        "CHANGE_SET_EXECUTE",
        "DELETE_ONLY",
    ),
}
NEEDED_BY_MODE = {  # of CloudFormation's configuration
    "CREATE_UPDATE": ("TemplatePath", "RoleArn"),
    "REPLACE_ON_FAILURE": ("TemplatePath", "RoleArn"),
    "CHANGE_SET_REPLACE": ("TemplatePath", "RoleArn", "ChangeSetName"),
    "CHANGE_SET_EXECUTE": ("ChangeSetName",),
    "DELETE_ONLY": (),
}
