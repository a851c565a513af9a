"""A program that runs one processing job, for tests that need a machine of their own: its user, its disk.

Arguments: a working folder, a jobs folder, the container's command. Prints the outcome and the log as JSON.
"""

import dataclasses
import json
import sys
from pathlib import Path

sys.path[:0] = [str(Path(__file__).parents[4]), str(Path(__file__).parent)]

from conftest import Bench, Folder, Lines, processing  # noqa: E402

from loopback.runtimes.jobs.hosts import Zygote  # noqa: E402
from loopback.runtimes.jobs.ports import Ports  # noqa: E402

if __name__ == "__main__":
    root, jobs = Path(sys.argv[1]), Path(sys.argv[2])
    s3, logs, zygote = Folder(root / "s3"), Lines(), Zygote(standbys=1, modules=())
    bench = Bench(Ports(s3, logs, zygote, jobs), s3, logs)
    job = processing(*sys.argv[3:], inputs=[("data", "s3://b/d/")], outputs=[("out", "s3://b/o")])
    outcome = bench.run(job)
    zygote.close()
    print(json.dumps({**dataclasses.asdict(outcome), "log": logs.text(), "left": [str(path) for path in bench.left()]}))
