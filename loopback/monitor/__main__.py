"""`python -m loopback.monitor`: what the analyzer's container runs."""

import os
import sys

from loopback.monitor.analyzer import main

sys.exit(main(os.environ))
