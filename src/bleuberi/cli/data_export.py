"""`bleuberi data export`: flags -> config -> one file for another trainer -> how it is used. No logic."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Final

from bleuberi.cli.parser import REWARD_NAMES, Parser, say_json
from bleuberi.plain_text import say

EXAMPLES: Final = """examples:
  bleuberi data export pool.jsonl --to verl --output train.parquet
  bleuberi data export data/data_grpo/NAME --to trl --output train.jsonl      a GRPO data set, with its selection
  bleuberi data export pool.jsonl --to verifiers --output my_taskset          a package to install
  bleuberi data export pool.jsonl --to dpo --outputs responses.jsonl --output pairs.jsonl

docs/other_trainers.md has the rest of the recipe for each trainer.
"""

_NEXT: Final = {
    "trl": 'load_dataset("json" or "parquet", data_files="{path}"); GRPOTrainer(reward_funcs=Bleu(), ...)',
    "verl": "data.train_files={path} reward.custom_reward_function.path=reward.py",
    "openrlhf": "--data.prompt_dataset {path} --data.input_key prompt --data.label_key label "
    "--data.apply_chat_template --reward.remote_url reward.py",
    "verifiers": "pip install -e {path}, then vf-eval {name}",
    "dpo": 'TRL: DPOTrainer(train_dataset=...); OpenRLHF: --data.dataset {path} --data.prompt_key prompt '
    "--data.apply_chat_template",
}  # fmt: skip


def make_parser() -> Parser:
    """The flags."""
    parser = Parser(
        "bleuberi data export", "Write a pool or a GRPO data set in the shape of another trainer.", EXAMPLES
    )
    add = parser.add_argument
    add("source", metavar="SOURCE", help="pool (hub id, folder, file) or the folder of a GRPO data set")
    add("--to", required=True, choices=list(_NEXT), help="who reads it")
    add("--output", type=Path, required=True, metavar="PATH", help=".jsonl or .parquet; for verifiers a folder")
    add("--ref_models", nargs="+", default=[], metavar="NAME", help="references of a pool (all that a row has)")
    add("--metric", default="bleu", help=f"verifiers: its reward; dpo: ranks the responses (bleu); {REWARD_NAMES}")
    add("--outputs", type=Path, metavar="FILE", help="dpo: responses of the model to train; the worst is rejected")
    add("--chosen", default="reference", choices=["reference", "response"],
        help="dpo: the first reference is chosen, or the best response (reference)")  # fmt: skip
    add("--split", default="train", help="of data sets that have splits (train)")
    add("--overwrite", action="store_true", help="replace a PATH that was made with different settings")
    add("--push_to_hub", metavar="OWNER/NAME", help="upload it with a card to this data set repository, private")
    add("--hub_public", action="store_true", help="the repository may be read by everybody")
    add("--json", action="store_true", help="print the place and the counts as one JSON document")
    return parser


def main(argv: Sequence[str]) -> int:
    """Write the export."""
    arguments = vars(make_parser().parse_args(argv))
    from bleuberi.data.export.run import ExportConfig, export

    as_json = arguments.pop("json")
    arguments["ref_models"] = tuple(arguments["ref_models"])
    config = ExportConfig(**arguments)
    done = export(config)
    if as_json:
        say_json({"path": done.path, "rows": done.rows, "dropped": dict(done.dropped), "hub": done.hub})
        return 0
    left_out = ", ".join(f"{count:,} {reason}" for reason, count in done.dropped.items())
    say(f"{done.rows:,} rows for {config.to} in {done.path}" + (f" (left out: {left_out})" if left_out else ""))
    if done.hub is not None:
        say(f"On the hub: {done.hub}")
    say("Next: " + _NEXT[config.to].format(path=done.path, name=done.path.name))
    return 0
