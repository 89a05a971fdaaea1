"""Cases of help texts and job scripts."""

from tests.oracle.cases.train import RUN
from tests.oracle.cases.words import Case

COMMANDS = (
    "data import", "references", "data check", "data grpo", "data sft", "doctor", "train grpo", "train sft", "explain",
    "agreement", "evaluate", "benchmark answers", "benchmark scores", "report", "cache ls", "cache explain",
    "cache prune", "demo",
)  # fmt: skip

HELP = [
    *(Case(name, f"bleuberi {name} --help") for name in COMMANDS),
    Case("usage", "bleuberi --help"),
    Case("no words", "bleuberi"),
    Case("version", "bleuberi --version"),
    Case("unknown command", "bleuberi data make"),
    Case("half a command", "bleuberi cache"),
    Case("demo, no steps", "bleuberi demo --steps 0"),
    Case("front door", "create_training_data.py --help"),
    Case("front door, grpo", "create_training_data.py grpo --help"),
]

JOB = (
    "MODEL=inputs/model POOL=inputs/pool.jsonl NUM_GPUS=0 DATA_DIR=data CKPT_DIR=runs MAX_NEW_TOKENS=8 NUM_EXAMPLES=10 "
    "RUN_NAME=job LAUNCH=zero2"
)
JOBS = [
    Case("grpo.sh", f"grpo.sh {JOB} --max_steps 1 --lora_r 2 {RUN}"),
    Case("sft.sh", f"sft.sh {JOB} RUN_NAME=sft_job --max_steps 1 --lora_r 2"),
    Case("sft.sh, no data set", f"sft.sh {JOB} GRPO_DATA=elsewhere/job_data"),
    Case("grpo.sh, unknown launch", "grpo.sh NUM_GPUS=0 LAUNCH=zero9"),
]
