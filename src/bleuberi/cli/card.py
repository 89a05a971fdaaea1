"""`bleuberi card`: flags -> config -> a model's card with its evaluation. No logic."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from bleuberi.cli.parser import Parser, add_flags, say_json, take
from bleuberi.plain_text import say
from bleuberi.report.config import CardConfig

_EXAMPLES: Final = """examples:
  bleuberi card runs/grpo --evaluation runs/evaluation
  bleuberi card runs/grpo --evaluation runs/evaluation --push_to_hub OWNER/NAME

The evaluation, with its controls, becomes a part of the card (README.md); run the command again to replace it. The rest
of the card stays as it is, so add your licence there. If the prompts are a data set on the hub, .eval_results/ gets an
entry in the hub's format. Only card, entry, model, tokenizer and adapter are uploaded.
"""


def make_parser() -> Parser:
    """The flags."""
    parser = Parser("bleuberi card", "Add an evaluation to a trained model's card; upload the model.", _EXAMPLES)
    add_flags(parser, CardConfig)
    parser.add_argument("--json", action="store_true", help="print the written files as one JSON document")
    return parser


def main(argv: Sequence[str]) -> int:
    """Write the card."""
    arguments = vars(make_parser().parse_args(argv))
    from bleuberi.report.card import make_card

    config = take(arguments, CardConfig)
    made = make_card(config)
    if arguments["json"]:
        say_json(made._asdict())
        return 0
    say(f"The card is {made.path}")
    if config.evaluation is not None:
        say(
            f"The entry for the hub is {made.results}"
            if made.results
            else "No entry for the hub: the prompts are local."
        )
    if made.hub is not None:
        say(f"On the hub: {made.hub}")
    return 0
