"""`bleuberi references`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from bleuberi.cli.engine_flags import add_engine_flags, take_engine_options
from bleuberi.cli.parser import Parser, say_json
from bleuberi.plain_text import say


def make_parser() -> Parser:
    """Define the flags."""
    parser = Parser(
        "bleuberi references",
        "Generate a strong model's responses to a pool and store them as column ref_output_NAME of a new pool.",
    )
    add = parser.add_argument
    add("--hf_dataset_path", required=True, metavar="POOL", help="hub id, folder, .jsonl/.json/.csv/.parquet file")
    add("--split", default="train", help="split, for data sets with splits (train)")
    add("--model", required=True, help="hub id, model folder, or the model's name on the server")
    add("--output", type=Path, required=True, metavar="FILE", help="the new pool, .jsonl")
    add("--name", help="name of the reference model (default: from --model)")
    add("--max_new_tokens", type=int, default=2048, help="maximum tokens per response")
    add("--temperature", type=float, default=0.7, help="0 is greedy")
    add("--top_p", type=float, default=0.9, help="1 is off")
    add("--seed", type=int, default=42, help="random seed")
    add("--cache_dir", type=Path, help="cache folder (default: inference_outputs next to FILE)")
    add("--cut_thoughts", action="store_true", help="remove a reasoning model's <think> ... </think>")
    add("--overwrite", action="store_true", help="replace a FILE that has different settings")
    add("--json", action="store_true", help="print the pool's path and counts as one JSON document")
    add_engine_flags(parser)
    return parser


def main(argv: Sequence[str]) -> int:
    """Add references to a pool."""
    arguments = vars(make_parser().parse_args(argv))
    from bleuberi.data.add_references import ReferencesConfig, add_references
    from bleuberi.generation.base import Sampling

    take_engine_options(arguments)
    as_json = arguments.pop("json")
    names = ("max_new_tokens", "temperature", "top_p", "seed")
    arguments["sampling"] = Sampling(**{name: arguments.pop(name) for name in names})
    config = ReferencesConfig(**arguments)
    made = add_references(config)
    if as_json:
        say_json({"path": made.path, "ref_model": config.ref_model, "rows": made.rows, "flags": made.flags})
        return 0
    flagged = ", ".join(f"{count} {flag}" for flag, count in made.flags.items())
    say(f"{made.rows} rows with ref_output_{config.ref_model} in {made.path} ({flagged or 'none flagged'})")
    return 0
