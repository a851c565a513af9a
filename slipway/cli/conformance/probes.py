"""The table of what is asked, and of what no cheap call answers."""

from slipway.cli.conformance import delivery, pipelines
from slipway.cli.conformance.rows import Probe, Unasked

_ROLE = ("iam:CreateRole", "iam:PutRolePolicy")
_NO_ROLE = "the role"

PROBES = (
    Probe(
        "project-with-a-role",
        "What does CreateProject say of a template in S3 that makes a role?",
        "CreateProject has no field for capabilities: projects get their roles from a stack of their own for it.",
        "fails",
        ("s3:CreateBucket", "s3:PutObject", "sagemaker:CreateProject", "sagemaker:DescribeProject"),
        "project, bucket",
        delivery.ask_project_with_a_role,
    ),
    Probe(
        "default-against-constraints",
        "Is a parameter's default that its own constraints forbid refused when an allowed value is given?",
        "A template that passes here must not be refused there.",
        "refused",
        ("cloudformation:CreateChangeSet",),
        "change set, empty stack",
        delivery.ask_default_against_its_constraints,
    ),
    Probe(
        "tag-of-a-new-key",
        "Does KMS let a new key's tag count at once?",
        "Roles of projects reach keys by the tag sagemaker:project-name, and use them minutes after a launch.",
        "at once",
        (*_ROLE, "sts:AssumeRole", "kms:CreateKey", "kms:TagResource", "kms:Encrypt"),
        "role; the key is deleted after KMS's seven days",
        delivery.ask_tag_of_a_new_key,
        dollars=0.01,
    ),
    Probe(
        "lower-case-namespace",
        "Does PutMetricData take a namespace that begins with aws/ in lower case?",
        "Our monitors tell their figures under the names of Model Monitor's, on which alarms and dashboards look.",
        "taken",
        ("cloudwatch:PutMetricData",),
        "nothing can be: CloudWatch forgets the figure after 15 months",
        delivery.ask_lower_case_namespace,
        dollars=0.01,
    ),
    Probe(
        "codecommit",
        "May this account make a repository of CodeCommit?",
        "It is the source of a project that names no other; a connection or an S3 object can take its place.",
        "taken",
        ("codecommit:CreateRepository",),
        "repository",
        delivery.ask_codecommit,
    ),
    Probe(
        "analyzer-image",
        "May this account read Model Monitor's image?",
        "A Baseline step with `engine: sagemaker` runs it.",
        "",
        ("ecr:BatchGetImage",),
        "nothing is made",
        delivery.ask_analyzer_image,
    ),
    Probe(
        "model-monitor",
        "What is an account answered that asks for a monitor of Model Monitor?",
        "It is closed to new customers, and no document says in which words.",
        "",
        ("sagemaker:CreateDataQualityJobDefinition",),
        "job definition",
        pipelines.ask_for_a_monitor,
    ),
    Probe(
        "join-of-a-property-file",
        "Is Std:JsonGet within Std:Join taken in a Fail step's ErrorMessage?",
        "The pipelines' gate says with it why a version is not registered.",
        "taken",
        (*_ROLE, "sagemaker:CreatePipeline"),
        f"pipeline, {_NO_ROLE}",
        pipelines.ask_join_of_a_property_file,
    ),
    Probe(
        "nested-conditions",
        "Is a Condition step within a Condition step taken?",
        "The documents forbid it; Airflow's own test against AWS does it.",
        "refused",
        (*_ROLE, "sagemaker:CreatePipeline"),
        f"pipeline, {_NO_ROLE}",
        pipelines.ask_nested_conditions,
    ),
    Probe(
        "name-of-an-endpoint-config",
        "Does an EndpointConfig step keep the name it was given, and what becomes of the second run?",
        "A pipeline that deploys by steps works once or for ever.",
        "kept, a second one fails",
        (*_ROLE, "sagemaker:CreateModel", "sagemaker:CreatePipeline", "sagemaker:StartPipelineExecution"),
        f"executions, pipeline, endpoint configurations, model, {_NO_ROLE}",
        pipelines.ask_name_of_an_endpoint_config,
    ),
    Probe(
        "start-time-of-an-execution",
        "How is Execution.StartDateTime written in a job's environment?",
        "A monitor's job reads its hour from it.",
        "ISO 8601",
        (*_ROLE, "sagemaker:CreatePipeline", "sagemaker:StartPipelineExecution", "sagemaker:DescribeProcessingJob"),
        f"execution, pipeline, {_NO_ROLE}; the stopped job's record stays",
        pipelines.ask_start_time_of_an_execution,
        dollars=0.01,
    ),
    Probe(
        "search-for-what-lacks-a-property",
        "Does Search's NotEquals find what lacks the property?",
        "`ExperimentAnalytics` and the console ask so.",
        "finds it",
        ("sagemaker:CreateTrialComponent", "sagemaker:Search"),
        "trial components",
        pipelines.ask_search_for_what_lacks_a_property,
    ),
)

UNASKED = (
    Unasked(
        "Is UpdateMonitoringSchedule taken while an execution runs?",
        "a stage with `engine: sagemaker`: push a change of its monitor in the hour's first minutes",
    ),
    Unasked(
        "What does CloudFormation make of a deployment that rolled back, and RecordProduction?",
        "`slipway ship` of a model whose alarm fires during the canary: two instances for about half an hour",
    ),
    Unasked("How long does a release take?", "`slipway ship`: its last screen shows the parts"),
    Unasked(
        "How does SageMaker name and connect the lineage that it makes by itself?",
        "QueryLineage of a trained, registered and deployed model",
    ),
    Unasked(
        "When do a job's outputs appear in its lineage, and what becomes of it with an update of an endpoint?",
        "a training job with checkpoints, and one that fails; after `slipway ship`: aws sagemaker list-contexts",
    ),
    Unasked(
        "What does CreateArtifact answer for a Source that has one, and QueryLineage of the start itself?",
        "an artifact that is made twice, and a query with a filter",
    ),
    Unasked(
        "Does the XGBoost image's server start as a user that is not root?",
        "a stage with `serverless:`; `slipway ship` shows the container's log",
    ),
    Unasked(
        "Has a trial component of a job the last value of each metric, its minimum or its mean?",
        "any training job: aws sagemaker search --resource ExperimentTrialComponent",
    ),
    Unasked(
        "What does STS answer where an issuer's keys can't be reached, or none of them has signed a token?",
        "an IAM OIDC provider of an address that does not answer, and AssumeRoleWithWebIdentity",
    ),
    Unasked(
        "Which quotas has an account by default for types that came after 2024-02-10, steps and serverless memory?",
        "aws service-quotas list-aws-default-service-quotas --service-code sagemaker; Lambda's: --service-code lambda",
    ),
    Unasked(
        "Which units has ResourceLimitExceeded of quotas that count no instances?",
        "more than 20 executions of pipelines at once, or a training job of more than five days",
    ),
    Unasked(
        "Until when are images patched that AWS's table has no dates for?",
        "a case with AWS Support: XGBoost before 3.0-5, scikit-learn before 1.4-2, Hugging Face",
    ),
)
