"""`bleuberi doctor`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from bleuberi.cli.parser import Parser, add_flags, say_json, take
from bleuberi.doctor.config import Asked
from bleuberi.plain_text import say

_EXAMPLES = """examples:
  bleuberi doctor --config grpo_cpu --dataset_path DATA --model_name_or_path MODEL
  bleuberi doctor --config grpo_paper --dataset_path DATA --model_name_or_path MODEL --processes 8 --gpu A100-80GB \\
      --host_memory 1000 --deepspeed zero3_offload

All flags of bleuberi train work here too. No weights are loaded and no GPU is needed; memory and time are estimates.
The exit code is 2 if the run would fail."""


def make_parser() -> Parser:
    """Define the doctor's own flags; all others belong to the run."""
    parser = Parser("bleuberi doctor", "Check a training run before it starts, and whether it will fit.", _EXAMPLES)
    add = parser.add_argument
    add("--config", metavar="FILE", help="the run's settings: a preset's name or a YAML file, as for bleuberi train")
    add_flags(parser, Asked)
    add("--json", action="store_true", help="print findings and estimates as JSON")
    return parser


def main(argv: Sequence[str]) -> int:
    """Check a run."""
    parser = make_parser()
    given, rest = parser.parse_known_args(argv)
    arguments = vars(given)
    for name in ("processes", "nodes", "gpu_memory", "host_memory", "planned_rows"):
        value = arguments[name]
        if value is not None and not value > 0:
            parser.error(f"--{name} must be above 0 (got {value})")
    if given.pool is not None and given.planned_rows is None:
        parser.error("--pool needs --planned_rows")
    words = [*(["--config", given.config] if given.config else []), *rest]
    from rich.console import Console

    from bleuberi.doctor.run import preflight
    from bleuberi.training.settings.words import located

    for name in ("deepspeed", "launch"):
        if arguments[name]:
            arguments[name] = Path(located(name, str(arguments[name])))
    report, mask = preflight(words, take(arguments, Asked))
    if given.json:
        say_json(report.as_dict())
        return report.exit_code
    if mask is not None:
        say("The first pair; tokens in the loss are green and between ⟦ ⟧:")
        Console(highlight=False).print(mask, soft_wrap=True)  # rich omits colours for NO_COLOR and pipes
        say()
    say(report.as_text())
    return report.exit_code
