"""Statistics, constraints, violations and metrics of data and of predictions, as Model Monitor's documents have them.

The one implementation: the monitors of a stage run it on AWS, loopback's analyzer image calls it. It needs what the
XGBoost image has (numpy, pyarrow, scipy), reads files and asks no service. Importing the package loads none of them.
"""
