"""Records what the oracle expects: `python -m tests.oracle.record [GROUP ...]`. The commit says why it changed.

Without groups all are recorded. The test compares with `tests/oracle/expected`; `--output_dir` writes elsewhere.
"""

import argparse
from pathlib import Path

from tests.oracle.cases import GROUPS
from tests.oracle.run import HERE, record


def main():
    flags = argparse.ArgumentParser(description=__doc__)
    flags.add_argument("groups", nargs="*", metavar="GROUP", help=", ".join(GROUPS))
    flags.add_argument("--output_dir", type=Path, default=HERE / "expected")
    flags.add_argument("--places", type=Path, help="an empty folder for what the commands leave; else it goes")
    given = flags.parse_args()
    record(given.groups or list(GROUPS), given.output_dir, given.places, lambda line: print(line, flush=True))


if __name__ == "__main__":
    main()
