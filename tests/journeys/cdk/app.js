// A stack as a team's CDK writes it: SageMaker, CodePipeline, CodeBuild, a function with an asset, a rule, roles.
const cdk = require("aws-cdk-lib");
const {
  aws_codebuild: codebuild,
  aws_codepipeline: codepipeline,
  aws_codepipeline_actions: actions,
  aws_events: events,
  aws_events_targets: targets,
  aws_iam: iam,
  aws_lambda: lambda,
  aws_s3: s3,
  aws_sagemaker: sagemaker,
} = cdk;

const STEPS = [{ Name: "Stop", Type: "Fail", Arguments: { ErrorMessage: "no" } }];

class Ml extends cdk.Stack {
  constructor(scope, id, props) {
    super(scope, id, props);
    const bucket = new s3.Bucket(this, "Bucket", { removalPolicy: cdk.RemovalPolicy.DESTROY, versioned: true });
    const role = new iam.Role(this, "Role", { assumedBy: new iam.ServicePrincipal("sagemaker.amazonaws.com") });
    bucket.grantReadWrite(role);
    new sagemaker.CfnModelPackageGroup(this, "Group", { modelPackageGroupName: "cdk" });
    const training = new sagemaker.CfnPipeline(this, "Training", {
      pipelineName: "cdk",
      roleArn: role.roleArn,
      pipelineDefinition: { PipelineDefinitionBody: JSON.stringify({ Version: "2020-12-01", Steps: STEPS }) },
    });
    const answer = new lambda.Function(this, "Function", {
      runtime: lambda.Runtime.NODEJS_20_X,
      handler: "index.handler",
      code: lambda.Code.fromAsset("function"),
      environment: { PIPELINE: training.ref },
    });
    new events.Rule(this, "Approved", {
      eventPattern: { source: ["aws.sagemaker"] },
      targets: [new targets.LambdaFunction(answer)],
    });
    const source = new codepipeline.Artifact();
    const project = new codebuild.PipelineProject(this, "Build", {
      buildSpec: codebuild.BuildSpec.fromObject({ version: "0.2", phases: { build: { commands: ["echo"] } } }),
    });
    const read = { actionName: "Source", bucket, bucketKey: "source.zip", output: source, trigger: actions.S3Trigger.NONE };
    new codepipeline.Pipeline(this, "Delivery", {
      pipelineName: "cdk",
      artifactBucket: bucket,
      stages: [
        { stageName: "Source", actions: [new actions.S3SourceAction(read)] },
        { stageName: "Build", actions: [new actions.CodeBuildAction({ actionName: "Build", project, input: source })] },
      ],
    });
    new cdk.CfnOutput(this, "Name", { value: answer.functionName, exportName: "cdk-function" });
  }
}

new Ml(new cdk.App(), "Ml", { env: { account: "000000000000", region: "us-east-1" } });
