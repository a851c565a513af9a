"""What jobs on tabular data share. Shipped with each job's code: only the container's own libraries are imported."""

import os

# Waiting threads sleep instead of spinning. Hosts of a job that share a machine (two processes of two threads on two
# cores) trained in 1.3 s with it and in 35 s without. Read by OpenMP when XGBoost is imported.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
