"""The monitors of a stage: the job that looks at captured requests, and the SageMaker pipeline that runs it.

The job gets this package and slipway.analysis as its code, beside what the XGBoost image has.
"""
