"""Read DeepSpeed and accelerate files as those libraries do, for a preflight."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, NamedTuple

from bleuberi.doctor.memory import Zero
from bleuberi.doctor.settings import assumed_machine
from bleuberi.errors import MissingExtraError, UserError
from bleuberi.yaml_files import yaml_text


class Launch(NamedTuple):
    """The processes, nodes and DeepSpeed config that a launch file names."""

    processes: int
    nodes: int
    deepspeed: Path | None
    fsdp: bool = False


def read_launch(path: Path) -> Launch:
    """Read an accelerate config file. Errors: `UserError` if accelerate cannot read it."""
    import yaml
    from accelerate.commands.config.config_args import load_config_from_file

    if not path.is_file():
        raise UserError(f"Launch config {path} does not exist.", "Give an accelerate YAML file, or leave --launch out.")
    yaml_text(path)  # refuses aliases that stand for absurdly much
    try:
        config = load_config_from_file(str(path))
    except (ValueError, TypeError, KeyError, yaml.YAMLError) as error:
        raise UserError(
            f"accelerate does not read {path}: {error}", "Correct it, or create one: accelerate config."
        ) from error
    inner = getattr(config, "deepspeed_config", None) or {}
    named = inner.get("deepspeed_config_file")
    found = None
    if named:
        found = Path(named) if Path(named).is_file() else path.parent / Path(named).name
    fsdp = "FSDP" in str(getattr(config, "distributed_type", ""))
    return Launch(int(config.num_processes or 1), int(getattr(config, "num_machines", 1) or 1), found, fsdp)


def check_nodes(processes: int, nodes: int) -> None:
    """Errors: `UserError` if the processes cannot be divided equally among the nodes."""
    if processes % nodes:
        raise UserError(
            f"--processes is {processes}, which is not a multiple of the {nodes} nodes.",
            f"Give the processes of all nodes together: --processes {8 * nodes} for {nodes} nodes of 8 GPUs.",
        )


def read_zero(path: Path, args: Any, processes: int, hidden_size: int) -> tuple[Zero, dict[str, Any]]:  # noqa: ANN401 - training arguments
    """Read a DeepSpeed config; transformers fills in its "auto" values from the run's settings.

    Returns the part that decides memory, and the whole filled-in config. Errors: `UserError` if the file is not JSON or
    contradicts the settings.
    """
    try:
        import deepspeed  # noqa: F401 - transformers' reader needs it
        from transformers.integrations.deepspeed import HfTrainerDeepSpeedConfig
    except ImportError as error:
        raise MissingExtraError("deepspeed", "deepspeed", "A DeepSpeed config") from error

    class Sizes:  # what the reader asks a model for
        class config:  # noqa: N801
            pass

    Sizes.config.hidden_size = hidden_size  # type: ignore[attr-defined]
    if not path.is_file():
        raise UserError(
            f"DeepSpeed config {path} does not exist.", "Give a JSON file, or zero2, zero3 or zero3_offload."
        )
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise UserError(f"{path} is not a DeepSpeed config: {error}", "Give a JSON file with --deepspeed.") from error
    try:
        with assumed_machine(processes):
            reader = HfTrainerDeepSpeedConfig(values)
            reader.trainer_config_process(args)
            reader.trainer_config_finalize(args, Sizes(), 100)
    except ValueError as error:
        raise UserError(
            f"{path} contradicts the run's settings: {error}",
            """In the DeepSpeed file, write "auto" for each value that the run's settings also set.""",
        ) from error
    filled: dict[str, Any] = reader.config
    optimization = filled.get("zero_optimization", {})
    return (
        Zero(
            stage=int(optimization.get("stage", 0)),
            offload_optimizer=_on_cpu(optimization.get("offload_optimizer")),
            offload_parameters=_on_cpu(optimization.get("offload_param")),
        ),
        filled,
    )


def _on_cpu(offload: dict[str, Any] | None) -> bool:
    return (offload or {}).get("device", "none") in ("cpu", "nvme")
