"""What a monitor found, from its documents to rows, pictures and a page. Pure: no AWS, no files, no clock.

The documents are those that SageMaker Model Monitor writes: statistics.json, constraints.json, analysis.json,
constraint_violations.json.
"""
