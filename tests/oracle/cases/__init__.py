"""The commands of the oracle, in groups. Each group runs in a folder of its own, where later cases find earlier files.

To add a case: append it to its group, then run `python -m tests.oracle.record GROUP`.
"""

from tests.oracle.cases.agreement import AGREEMENT
from tests.oracle.cases.artifacts import ARTIFACTS
from tests.oracle.cases.data import DATA
from tests.oracle.cases.data_grpo import DATA_GRPO
from tests.oracle.cases.programs import HELP, JOBS
from tests.oracle.cases.train import TRAIN

GROUPS = {
    "help": HELP,
    "data": DATA,
    "data_grpo": DATA_GRPO,
    "agreement": AGREEMENT,
    "train": TRAIN,
    "jobs": JOBS,
    "artifacts": ARTIFACTS,
}
