"""`bleuberi doctor`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from bleuberi.cli.parser import Parser, say_json
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
    add("--method", choices=["grpo", "sft"], help="default: inferred from the config's fields")
    add("--processes", type=int, metavar="N", help="total processes, one per GPU (default: as launched, else 1)")
    add("--nodes", type=int, default=1, metavar="N", help="number of machines (1)")
    add("--gpu", metavar="NAME", help="target GPU, e.g. H100, A100-80GB, L4 (default: this machine's GPU)")
    add("--gpu_memory", type=float, metavar="GB", help="memory of one GPU, if --gpu does not know its name")
    add("--host_memory", type=float, metavar="GB", help="host memory (without --gpu: this machine's free memory)")
    add("--deepspeed", metavar="FILE", help="DeepSpeed config of the run: a file, or zero2, zero3")
    add("--launch", metavar="FILE", help="accelerate config of the run: a file, or one_node, fsdp2")
    add(
        "--planned_rows",
        type=int,
        metavar="N",
        help="assume so many rows; the data set is not read and need not exist, so its texts are not checked",
    )
    add("--pool", metavar="POOL", help="with --planned_rows: check the lengths of the texts in the pool's first rows")
    add("--ref_models", nargs="+", default=["gold"], metavar="NAME", help="with --pool: reference models")
    add("--json", action="store_true", help="print findings and estimates as JSON")
    return parser


def main(argv: Sequence[str]) -> int:
    """Check a run."""
    parser = make_parser()
    arguments, rest = parser.parse_known_args(argv)
    for name in ("processes", "nodes", "gpu_memory", "host_memory", "planned_rows"):
        value = getattr(arguments, name)
        if value is not None and value <= 0:
            parser.error(f"--{name} must be above 0 (got {value})")
    if arguments.pool is not None and arguments.planned_rows is None:
        parser.error("--pool needs --planned_rows")
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
            pool=arguments.pool,
            ref_models=tuple(arguments.ref_models),
        ),
    )
    if arguments.json:
        say_json(report.as_dict())
        return report.exit_code
    if mask is not None:
        say("The first pair; tokens in the loss are green and between ⟦ ⟧:")
        Console(highlight=False).print(mask, soft_wrap=True)  # rich omits colours for NO_COLOR and pipes
        say()
    say(report.as_text())
    return report.exit_code
