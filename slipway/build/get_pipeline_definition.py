"""`get-pipeline-definition`: the definition of a pipeline as JSON, on stdout or in a file. Talks to nobody."""

import argparse
import gc
import sys
from collections.abc import Sequence
from pathlib import Path

from slipway.build.compiled import compile_pipeline
from slipway.build.project import UsageError, arguments
from slipway.build.working_folder import work_here


def main(given: Sequence[str] | None = None) -> int:
    """The console command; 2 for wrong usage or a wrong config.yml."""
    words = sys.argv[1:] if given is None else given
    try:
        root = work_here()
        options = _parser().parse_args(words)
        text = compile_pipeline(options.module_name, arguments(options.kwargs, options.role_arn), root).text
    except UsageError as error:
        print(error, file=sys.stderr)
        return 2
    if options.file_name:
        Path(options.file_name).write_text(text + "\n")
    else:
        print(text)
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser("get-pipeline-definition", description=__doc__)
    parser.add_argument("-n", "--module-name", required=True, help="for example pipelines.churn.pipeline")
    parser.add_argument("-f", "--file-name", help="write to this file instead of stdout")
    parser.add_argument("-role-arn", "--role-arn", help="instead of SAGEMAKER_PIPELINE_ROLE_ARN")
    parser.add_argument("-kwargs", "--kwargs", help="dictionary of arguments of get_pipeline: region, role, ...")
    return parser


if __name__ == "__main__":
    ended = main()
    gc.freeze()  # Python would look through all that is left once more, for a tenth of a second
    sys.exit(ended)
