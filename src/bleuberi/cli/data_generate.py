"""`bleuberi data generate`."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from bleuberi.cli.parser import Parser, say_json
from bleuberi.plain_text import say

KIND: Final = "generated_pool"
EXAMPLES: Final = """examples:
  bleuberi data generate --output facts.jsonl                                      800 rows to train on
  bleuberi data generate --rows 100 --split test --output test.jsonl               no facts in common with train
  bleuberi data generate --preset copy_only --seed 3 --output copies.jsonl         only copying raises the reward

Each prompt lists facts; each reference is one sentence that mentions them all. The column `x_facts` lists the facts,
so that a response can be checked for them. Presets: learn (sentences can be learned), copy_only (only copying pays),
length_only (only shorter responses pay), nothing (nothing can be learned). Other flags override the preset.
"""


def make_parser() -> Parser:
    """Define the flags."""
    parser = Parser("bleuberi data generate", "Generate a pool: facts, prompts, references; no download.", EXAMPLES)
    add = parser.add_argument
    add("--output", type=Path, required=True, metavar="POOL", help="the new pool, .jsonl")
    add("--preset", default="learn", help="learn, copy_only, length_only or nothing (learn)")
    add("--rows", type=int, help="number of prompts (800)")
    add("--seed", type=int, help="random seed for the rows (1)")
    add("--split", help="train, dev or test: splits never share facts (train)")
    add("--min_facts", type=int, help="fewest facts per prompt (5)")
    add("--max_facts", type=int, help="most facts per prompt (6)")
    add("--references", type=int, help="references per prompt (4)")
    add("--patterns", type=int, help="sentence patterns among a prompt's references; 1: they share one (4)")
    add("--wordings", type=int, help="wordings per fact (3)")
    add("--overlap", help="verbatim, mixed or paraphrase: do references repeat the prompt's words? (mixed)")
    add("--length", help="concise, normal or wordy references (normal)")
    add("--content", help="sentence, echo (of the prompt) or noise (pseudo-words) as references (sentence)")
    add("--noise_words", type=int, help="words per reference with --content noise (24)")
    add("--overwrite", action="store_true", help="replace a POOL with different settings")
    add("--json", action="store_true", help="print the result as one JSON document")
    return parser


def main(argv: Sequence[str]) -> int:
    """Generate a pool."""
    flags = make_parser().parse_args(argv)
    from bleuberi.data.pool_file import check_pool_path, made_before, write_pool
    from bleuberi.demo.facts_pool import Dials, generate, preset

    check_pool_path(flags.output)
    names = [field.name for field in dataclasses.fields(Dials)]
    dials = preset(flags.preset, **{name: getattr(flags, name) for name in names if getattr(flags, name) is not None})
    settings = {"preset": flags.preset, **dials.settings()}
    reused = made_before(flags.output, settings, overwrite=flags.overwrite) is not None
    if not reused:
        write_pool(flags.output, generate(dials), KIND, settings, lambda: {"rows": dials.rows})
    if flags.json:
        say_json({"output": flags.output, "rows": dials.rows, "reused": reused, "dials": settings})
    else:
        say(f"{dials.rows:,} rows in {flags.output}" + (" (already existed, with the same settings)" if reused else ""))
        say(f"Next: bleuberi data check {flags.output}")
    return 0
