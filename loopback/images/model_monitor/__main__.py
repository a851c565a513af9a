"""`python -m loopback.images.model_monitor`: what the analyzer's container runs."""

import os
import sys

from loopback.images.model_monitor.analyzer import main

sys.exit(main(os.environ))
