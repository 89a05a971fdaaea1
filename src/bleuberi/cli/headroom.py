"""`bleuberi headroom`: flags -> config -> what there is to gain, and one sentence. No logic."""

from __future__ import annotations

from collections.abc import Sequence

from bleuberi.cli.parser import Parser, add_flags, say_json, take
from bleuberi.cli.samples_flags import add_samples_flags, take_samples_config
from bleuberi.plain_text import say
from bleuberi.selection.config import HeadroomConfig

EXAMPLES = """examples:
  bleuberi headroom --input_data_path data/data_grpo/NAME                                      samples of `signal`
  bleuberi headroom --input_data_path pool.jsonl --model MODEL --metric bleu --num_prompts 100
  bleuberi headroom --input_data_path pool.jsonl --outputs samples.jsonl --greedy greedy.jsonl --metric bleu

What could be gained on these prompts, before any training: best of k and mean against greedy; prompts without spread
and at the floor; what length, an echo of the prompt and asking for a brief answer earn; a reference against the others.
The first line says: train, other data, or do not train. No gain of a training is predicted.
"""


def make_parser() -> Parser:
    """The flags."""
    parser = Parser("bleuberi headroom", "Is there anything to gain by training on this pool?", EXAMPLES)
    add_samples_flags(parser)
    add_flags(parser, HeadroomConfig)
    parser.add_argument("--json", action="store_true", help="print the result as one JSON document")
    return parser


def main(argv: Sequence[str]) -> int:
    """Measure the headroom."""
    arguments = vars(make_parser().parse_args(argv))
    from bleuberi.comparison.headroom_run import headroom

    as_json = arguments.pop("json")
    samples = take_samples_config(arguments)
    found, tally = headroom(take(arguments, HeadroomConfig, samples=samples))
    if as_json:
        say_json({**found.to_json(), "rows_in": tally.rows_in, "dropped": tally.dropped})
    else:
        say("\n".join([*found.lines(), f"Rows: {tally.sentence()}."]))
    return 0
