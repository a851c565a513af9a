"""AWS Service Catalog: portfolios of CloudFormation templates, launched as stacks with a launch role.

Which principal may launch what is kept and shown; that it is the caller who does is for IAM to say.
"""
