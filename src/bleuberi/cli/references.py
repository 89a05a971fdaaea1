"""`bleuberi references`."""

from __future__ import annotations

from collections.abc import Sequence

from bleuberi.cli.engine_flags import add_engine_flags, take_engine_options
from bleuberi.cli.parser import Parser, add_flags, say_json, take
from bleuberi.data.config import REFERENCE_TOKENS, ReferencesConfig
from bleuberi.generation.base import Sampling
from bleuberi.plain_text import say


def make_parser() -> Parser:
    """Define the flags."""
    parser = Parser(
        "bleuberi references",
        "Generate a strong model's responses to a pool and store them as column ref_output_NAME of a new pool.",
    )
    add_flags(parser, ReferencesConfig, ["hf_dataset_path", "split", "model", "output", "name"])
    add_flags(parser, Sampling, ["max_new_tokens", "temperature", "top_p", "seed"])
    parser.set_defaults(max_new_tokens=REFERENCE_TOKENS)
    add_flags(parser, ReferencesConfig, ["cache_dir", "cut_thoughts", "overwrite"])
    parser.add_argument("--json", action="store_true", help="print the pool's path and counts as one JSON document")
    add_engine_flags(parser)
    return parser


def main(argv: Sequence[str]) -> int:
    """Add references to a pool."""
    arguments = vars(make_parser().parse_args(argv))
    from bleuberi.data.add_references import add_references

    take_engine_options(arguments)
    as_json = arguments.pop("json")
    sampling = take(arguments, Sampling)
    config = take(arguments, ReferencesConfig, sampling=sampling)
    made = add_references(config)
    if as_json:
        say_json({"path": made.path, "ref_model": config.ref_model, "rows": made.rows, "flags": made.flags})
        return 0
    flagged = ", ".join(f"{count} {flag}" for flag, count in made.flags.items())
    say(f"{made.rows} rows with ref_output_{config.ref_model} in {made.path} ({flagged or 'none flagged'})")
    return 0
