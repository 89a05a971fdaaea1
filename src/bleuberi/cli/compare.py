"""`bleuberi compare`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING

from bleuberi.cli.parser import Parser, add_flags, say_json, take
from bleuberi.comparison.config import Options
from bleuberi.errors import UserError
from bleuberi.plain_text import say

if TYPE_CHECKING:
    from bleuberi.comparison.run import Outcome

EXAMPLES = """\
examples:
  bleuberi compare --protocol experiments/mine/protocol.yaml                  check existing runs, run the missing ones
  bleuberi compare --protocol experiments/mine/protocol.yaml --dry_run        list missing runs and their expected time
  bleuberi compare --protocol experiments/mine/protocol.yaml --rerun grpo@1   repeat one run: are its responses equal?
  bleuberi compare --protocol experiments/mine/pilot.yaml --plan 400 5        effect that 400 prompts, 5 runs can detect

An interrupted command resumes when you run it again. docs/experiments.md lists the fields of a protocol."""


def make_parser() -> Parser:
    """Define the flags."""
    parser = Parser("bleuberi compare", "Run the experiment of a protocol: arms x seeds, one evaluation.", EXAMPLES)
    add = parser.add_argument
    add_flags(parser, Options, ["protocol", "only"])
    add("--rerun", metavar="RUN", help="repeat one run from scratch and compare its responses with the stored ones")
    add(
        "--plan",
        nargs=2,
        type=int,
        metavar=("PROMPTS", "RUNS"),
        help="estimate the smallest detectable difference with that many prompts and runs per arm",
    )
    add_flags(parser, Options, ["dry_run"])
    add("--cores", metavar="LIST", help="use only these processor cores, e.g. 0 or 0,1 (all)")
    add_flags(parser, Options, ["keep_weights"])
    add("--json", action="store_true", help="print the result as one JSON document")
    return parser


def main(argv: Sequence[str]) -> int:
    """Run an experiment."""
    given = make_parser().parse_args(argv)
    if sum((given.plan is not None, given.rerun is not None, given.dry_run)) > 1:
        raise UserError("--plan, --rerun and --dry_run cannot be combined.", "Give only one of them.")
    if given.plan is not None:
        from bleuberi.comparison.plan import plan

        planned = plan(given.protocol, *given.plan)
        if given.json:
            say_json(asdict(planned))
        else:
            say(planned.sentence())
        return 0
    from bleuberi.artifacts import user_cache
    from bleuberi.comparison.process import pin_to
    from bleuberi.comparison.run import compare
    from bleuberi.demo.model import demo_model_folder

    if given.cores is not None:
        pin_to(_cores(given.cores))
    options = take(vars(given), Options, cache=user_cache(), demo_model=demo_model_folder)
    if given.rerun is not None:
        return _rerun(options, given.rerun, as_json=given.json)
    outcome = compare(options, _tell)
    if given.json:
        say_json(_as_json(outcome))
    else:
        _say_outcome(outcome)
    return 0


def _rerun(options: Options, name: str, *, as_json: bool) -> int:
    from bleuberi.comparison.rerun import rerun

    found = rerun(options, name, _tell)
    if as_json:
        say_json({**asdict(found), "equal": found.equal})
    else:
        for sentence in found.sentences():
            say(sentence)
    return 0 if found.equal else 1


def _tell(line: str) -> None:
    say(line, flush=True)


def _say_outcome(outcome: Outcome) -> None:
    if outcome.table is not None:
        say("\n" + outcome.table.read_text(encoding="utf-8"))
        say(f"Results are in {outcome.protocol.folder}")
        return
    if not outcome.missing:
        say("No run is missing. Run this command without --dry_run to evaluate them.")
        return
    say(f"Missing: {', '.join(outcome.missing)}")
    if outcome.held:
        say(f"Another process is running {', '.join(outcome.held)}; rerun this command when it has finished.")


def _as_json(outcome: Outcome) -> dict[str, object]:
    return {
        "folder": outcome.protocol.folder,
        "runs": {
            name: {
                "key": record.manifest.key,
                "responses_sha256": record.manifest.responses_sha256,
                "cost": {part: cost.to_json() for part, cost in record.cost.items()},
            }
            for name, record in outcome.records.items()
        },
        "made": outcome.made,
        "missing": outcome.missing,
        "held": outcome.held,
        "table": outcome.table,
    }


def _cores(text: str) -> list[int]:
    try:
        return [int(word) for word in text.split(",")]
    except ValueError as error:
        raise UserError(
            f"--cores {text} is not a list of core numbers.", "Write e.g. --cores 0 or --cores 0,1."
        ) from error
