"""Statistics, constraints, violations and metrics of data and of predictions, as Model Monitor's documents have them.

The one implementation: a monitor's job runs it, and what stands in for Model Monitor's image. It needs what the
XGBoost image has (numpy, pyarrow, scipy), reads files and asks no service. Importing the package loads none of them.
"""
