"""The only importer of ministack 1.5.33, which answers for S3, IAM, Lambda, EventBridge, CloudFormation and others."""
