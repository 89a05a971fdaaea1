"""`bleuberi data generate`."""

from __future__ import annotations

import dataclasses
import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from bleuberi.cli.parser import Parser, add_flags, say_json
from bleuberi.demo.facts_pool import Dials, generate, preset
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
    add("--preset", default="learn", help="learn, copy_only, length_only or nothing")
    add_flags(parser, Dials, unset=True)  # a preset may have other defaults
    add("--overwrite", action="store_true", help="replace a POOL with different settings")
    add("--json", action="store_true", help="print the result as one JSON document")
    return parser


def main(argv: Sequence[str]) -> int:
    """Generate a pool."""
    flags = make_parser().parse_args(argv)
    from bleuberi.data.pool_file import check_pool_path, made_before, write_pool

    check_pool_path(flags.output)
    names = [field.name for field in dataclasses.fields(Dials)]
    dials = preset(flags.preset, **{name: value for name, value in vars(flags).items() if name in names})
    settings = {"preset": flags.preset, **dials.settings()}
    reused = made_before(flags.output, settings, overwrite=flags.overwrite) is not None
    if not reused:
        write_pool(flags.output, generate(dials), KIND, settings, lambda: {"rows": dials.rows})
    if flags.json:
        say_json({"output": flags.output, "rows": dials.rows, "reused": reused, "dials": settings})
    else:
        say(f"{dials.rows:,} rows in {flags.output}" + (" (already existed, with the same settings)" if reused else ""))
        say(f"Next: bleuberi data check {shlex.quote(str(flags.output))}")
    return 0
