"""`bleuberi doctor`: flags -> one preflight -> the report. No logic."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from bleuberi.cli.parser import Parser, say_json
from bleuberi.plain_text import say

_EXAMPLES = """examples:
  bleuberi doctor --config grpo_cpu --dataset_path DATA --model_name_or_path MODEL
  bleuberi doctor --config grpo_paper --dataset_path DATA --model_name_or_path MODEL --processes 8 --gpu A100-80GB \\
      --host_memory 1000 --deepspeed zero3_offload

Every field of the run itself is a flag here too, as in bleuberi train. No weights are read and no GPU is needed; every
figure of memory and time is an estimate. Exit code 2 where the run would fail."""


def make_parser() -> Parser:
    """The doctor's own flags; all others are the run's."""
    parser = Parser("bleuberi doctor", "Check a training run before it starts, and whether it will fit.", _EXAMPLES)
    add = parser.add_argument
    add("--config", metavar="FILE", help="the run's settings: a preset's name or a YAML file, as for bleuberi train")
    add("--method", choices=["grpo", "sft"], help="told from the config's fields where not given")
    add("--processes", type=int, metavar="N", help="processes in all, one a GPU (default: the launch file's, else 1)")
    add("--nodes", type=int, default=1, metavar="N", help="machines that they are spread over (1)")
    add("--gpu", metavar="NAME", help="the GPU it is meant for, e.g. H100, A100-80GB, L4; not needed where it is here")
    add("--gpu_memory", type=float, metavar="GB", help="memory of one GPU, for a GPU that is not known by name")
    add("--host_memory", type=float, metavar="GB", help="memory of the host; what is free here where no GPU is named")
    add("--deepspeed", metavar="FILE", help="DeepSpeed config that the run is launched with, or its name: zero2, zero3")
    add(
        "--launch", metavar="FILE", help="accelerate config that the run is launched with, or its name: one_node, fsdp2"
    )
    add(
        "--planned_rows",
        type=int,
        metavar="N",
        help="rows of a data set that is still to be made: all is checked but its texts (if it exists, it is read)",
    )
    add("--json", action="store_true", help="print the findings and the numbers behind them as JSON")
    return parser


def main(argv: Sequence[str]) -> int:
    """Check a run."""
    parser = make_parser()
    arguments, rest = parser.parse_known_args(argv)
    for name in ("processes", "nodes", "gpu_memory", "host_memory", "planned_rows"):
        value = getattr(arguments, name)
        if value is not None and value <= 0:
            parser.error(f"--{name} is {value}, and must be above 0")
    words = [*(["--config", arguments.config] if arguments.config else []), *rest]
    from rich.console import Console

    from bleuberi.doctor.run import Asked, preflight
    from bleuberi.training.settings.words import located

    report, mask = preflight(
        words,
        Asked(
            method=arguments.method,
            processes=arguments.processes,
            nodes=arguments.nodes,
            gpu=arguments.gpu,
            gpu_memory=arguments.gpu_memory and arguments.gpu_memory * 1e9,
            host_memory=arguments.host_memory and arguments.host_memory * 1e9,
            deepspeed=arguments.deepspeed and Path(located("deepspeed", arguments.deepspeed)),
            launch=arguments.launch and Path(located("launch", arguments.launch)),
            planned_rows=arguments.planned_rows,
        ),
    )
    if arguments.json:
        say_json(report.as_dict())
        return report.exit_code
    if mask is not None:
        say("The first pair; what is in the loss is green, and between ⟦ ⟧:")
        Console(highlight=False).print(mask, soft_wrap=True)  # rich leaves colours out for NO_COLOR and for pipes
        say()
    say(report.as_text())
    return report.exit_code
