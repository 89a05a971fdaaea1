"""Check everything about a run that can be known before it starts, in one report.

No weights are read and no GPU is needed. Anything that would stop the run is a problem; anything else is a warning.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rich.text import Text

from bleuberi.columns import REFERENCES
from bleuberi.data.dpo_rows import both_pairs, read_dpo_rows
from bleuberi.data.grpo_rows import prompt_messages, read_grpo_rows
from bleuberi.data.sft_rows import pair_of, read_sft_rows
from bleuberi.doctor.batch import (
    check_bfloat16_on_cpu,
    check_checkpoints,
    check_devices,
    check_gradient,
    check_grpo_batch,
    check_sft_batch,
)
from bleuberi.doctor.before import check_disk, check_other_gpus, check_time_limit
from bleuberi.doctor.config import Asked
from bleuberi.doctor.findings import Report, Verdict, counted
from bleuberi.doctor.fit import check_fit, check_time
from bleuberi.doctor.installed import check_offline, check_optional, check_versions, extras_of
from bleuberi.doctor.launch import Launch, check_nodes, read_launch, read_zero
from bleuberi.doctor.lengths import check_pairs, check_prompts, check_references
from bleuberi.doctor.machine import Machine, look_at_machine
from bleuberi.doctor.memory import Batches, Zero, estimate_memory
from bleuberi.doctor.model import MetaModel
from bleuberi.doctor.planned import check_planned_rows
from bleuberi.doctor.settings import read_as_if, told_method
from bleuberi.doctor.signal import check_signal
from bleuberi.doctor.time_estimate import estimate_step
from bleuberi.doctor.tokens import TRIED, Pair, check_round_trip, check_template, show_loss_mask
from bleuberi.errors import UserError
from bleuberi.rewards import Reward
from bleuberi.rewards.blindness import CURE, MOST_ROWS, blindness
from bleuberi.training.dpo import encode_choices
from bleuberi.training.folder.resume import check_save_steps
from bleuberi.training.grpo import run_rewards, to_trainer_row
from bleuberi.training.reasoning import asked_to_reason
from bleuberi.training.settings.dataset import other_prompts
from bleuberi.training.settings.lengths import fit_completions
from bleuberi.training.settings.paper_batch import grown_batch
from bleuberi.training.settings.read import RunSettings
from bleuberi.training.settings.ready import base_config, check_positions, check_stored
from bleuberi.training.settings.words import located
from bleuberi.training.sft_tokens import SftEncoder
from bleuberi.training.watch.dev import untrained_score
from bleuberi.training.watch.dev_rows import split_dev
from bleuberi.training.watch.reward import check_reward_columns


def preflight(argv: Sequence[str], asked: Asked) -> tuple[Report, Text | None]:
    """Check the run that `bleuberi train` would start with these words. Returns the report and, for SFT and DPO, one
    loss mask."""
    report = Report()
    try:
        launch = read_launch(asked.launch) if asked.launch else Launch(1, 1, None)
        processes = asked.processes or launch.processes
        nodes = max(asked.nodes, launch.nodes)
        check_nodes(processes, nodes)
        settings, problems = read_as_if(asked.method or told_method(argv), argv, processes)
        for problem in problems:
            report.add_error("settings", problem)
        if settings is None or problems:
            return report, None
        memory = [size and size * 1e9 for size in (asked.gpu_memory, asked.host_memory)]
        machine = look_at_machine(processes, settings.args.use_cpu, asked.gpu, *memory)
    except UserError as error:
        report.add_error("settings", error)
        return report, None
    report.add("settings", "ok", f"a {settings.method.upper()} run; TRL reads them for {counted(processes, 'process')}")
    if settings.drift:
        report.add(
            "TRL", "warning", settings.drift, "Read docs/trl_versions.md, or install the versions of the preset."
        )
    if grown := grown_batch(argv, settings.args, processes):
        report.add("batch", "warning", *grown)
    check_devices(report, machine, settings, nodes)
    check_other_gpus(report, settings, processes)
    named = Path(located("deepspeed", str(asked.deepspeed))) if asked.deepspeed else None
    zero_file = named or launch.deepspeed or _deepspeed_of(settings)
    check_versions(report, extras_of(settings, zero_file is not None))
    check_optional(report, settings)
    check_offline(report, settings)
    rewards = _check_rewards(report, settings)
    longest, shown = None, None
    if asked.planned_rows is not None:
        check_planned_rows(report, settings, processes, asked.planned_rows, asked.pool, asked.ref_models)
    else:
        longest, shown = _check_texts(report, settings, processes, rewards)
    try:
        _check_size(report, settings, machine, nodes, zero_file, longest, fsdp=launch.fsdp)
    except UserError as error:
        report.add_error("model", error)
    return report, shown


def _deepspeed_of(settings: RunSettings) -> Path | None:
    return Path(settings.args.deepspeed) if isinstance(settings.args.deepspeed, str) else None


def _check_rewards(report: Report, settings: RunSettings) -> list[Reward]:
    """Load the rewards for the trainer; an empty list if they cannot be loaded, or if the run is not GRPO."""
    if settings.method != "grpo":
        return []
    try:
        rewards = run_rewards(settings)
    except UserError as error:
        report.add_error("rewards", error)
        return []
    report.add("rewards", "ok", "; ".join(reward.signature() for reward in rewards))
    return rewards


def _check_scripts(report: Report, rewards: Sequence[Reward], references: Sequence[Sequence[str]]) -> None:
    for reward in rewards:
        found = blindness(reward, references)
        if found is not None:
            verdict: Verdict = "problem" if found.rows > MOST_ROWS * found.of else "warning"
            report.add("rewards", verdict, found.sentence, CURE)


def _check_texts(
    report: Report, settings: RunSettings, processes: int, rewards: Sequence[Reward]
) -> tuple[int | None, Text | None]:
    """Check tokenizer and data set. Returns the longest prompt (GRPO) or text (SFT, DPO) to be trained on, if known,
    and a loss mask."""
    try:
        tokenizer = settings.load_tokenizer()
    except UserError as error:
        report.add_error("tokenizer", error)
        return None, None
    if not check_template(report, tokenizer):
        return None, None
    try:
        if settings.method == "grpo":
            return _check_grpo_rows(report, settings, tokenizer, processes, rewards), None
        return _check_pairs(report, settings, tokenizer, processes)
    except UserError as error:
        report.add_error("data set", error)
        return None, None


def _check_grpo_rows(
    report: Report,
    settings: RunSettings,
    tokenizer: Any,  # noqa: ANN401
    processes: int,
    rewards: Sequence[Reward],
) -> int | None:
    rows = read_grpo_rows(Path(settings.run.dataset_path))
    if settings.run.reasoning:
        rows = [asked_to_reason(row) for row in rows]
    check_signal(report, Path(settings.run.dataset_path))
    rows, dev = split_dev(rows, settings.run)
    if dev:
        untrained_score(settings.run, rewards)
        report.add("dev", "ok", f"{counted(len(dev), 'prompt')} are held out and evaluated during the run")
    _check_scripts(report, rewards, [row[REFERENCES] for row in [*rows, *dev]])
    pairs: list[Pair] = [(prompt_messages(row), row[REFERENCES][0]) for row in rows[:TRIED] if row[REFERENCES]]
    if pairs:
        check_round_trip(report, tokenizer, pairs)
    if differing := other_prompts(settings):
        report.add("prompts", "warning", differing, "Use the same --chat_template_kwargs for data and training.")
    kept = check_prompts(report, tokenizer, rows, settings.run.max_prompt_tokens)
    fit_completions(settings, tokenizer, rows)
    check_references(report, tokenizer, rows, settings.args.max_completion_length)
    check_grpo_batch(report, settings.args, processes, len(kept))
    check_gradient(report, settings.args)
    try:
        check_save_steps(settings.args, len(kept))
        check_checkpoints(report, settings.args)
    except UserError as error:
        report.add_error("checkpoints", error)
    try:
        check_reward_columns(rewards, to_trainer_row(rows[0]).keys())
    except UserError as error:
        report.add_error("rewards", error)
    return max(kept, default=None)


def _check_pairs(
    report: Report,
    settings: RunSettings,
    tokenizer: Any,  # noqa: ANN401
    processes: int,
) -> tuple[int | None, Text | None]:
    dpo = settings.method == "dpo"
    rows = (read_dpo_rows if dpo else read_sft_rows)(Path(settings.run.dataset_path))
    turns = [pair for row in rows for pair in (both_pairs(row) if dpo else [pair_of(row)])]
    pairs: list[Pair] = [(turn["prompt"], turn["completion"][0]["content"]) for turn in turns]
    check_round_trip(report, tokenizer, pairs)
    encode = SftEncoder(tokenizer)
    if encode.note:
        report.add("template", "warning", encode.note, "Look at the loss mask below; chat_template_kwargs may help.")
    tokens = [encode(turn["prompt"], turn["completion"]) for turn in turns]
    lengths = check_pairs(report, tokens, settings.args.max_length, "responses" if dpo else "pairs")
    used = len(rows)
    if dpo:
        tally = encode_choices(rows, tokenizer, settings.args.max_length).tally
        used = tally.kept
        if tally.kept < tally.rows_in:
            report.add("pairs", "warning", tally.sentence(), "Raise --max_length, or make other pairs.")
    check_sft_batch(report, settings.args, processes, used)
    check_gradient(report, settings.args)
    check_checkpoints(report, settings.args)
    return max(lengths), show_loss_mask(tokenizer, *pairs[0])


def _check_size(
    report: Report,
    settings: RunSettings,
    machine: Machine,
    nodes: int,
    zero_file: Path | None,
    longest: int | None,
    *,
    fsdp: bool,
) -> None:
    args = settings.args
    mixed = "bfloat16" if args.bf16 else "float16" if args.fp16 else None
    stored = settings.model.dtype
    computed = mixed or (stored if stored not in ("auto", None) else "float32")
    for error in check_stored(settings, base_config(settings)):
        report.add_error("model", error)
        return
    meta = MetaModel(settings.model, computed, args.trust_remote_code)
    check_bfloat16_on_cpu(report, machine, (computed, meta.loaded_dtype))
    zero = Zero()
    if zero_file is not None:
        zero, _ = read_zero(zero_file, args, machine.processes, meta.config.hidden_size)
        offloads = [
            name for name, on in (("optimizer", zero.offload_optimizer), ("weights", zero.offload_parameters)) if on
        ]
        report.add(
            "DeepSpeed", "ok", f"ZeRO-{zero.stage}" + (f", on the host: {' and '.join(offloads)}" if offloads else "")
        )
    elif fsdp:
        report.add("FSDP", "ok", "weights, gradients and optimizer are split over the processes")
    grpo = settings.method == "grpo"
    prompt = longest or (settings.run.max_prompt_tokens if grpo else args.max_length or 1024)
    batches = Batches(
        rows=args.per_device_train_batch_size * (2 if settings.method == "dpo" else 1),
        generated_rows=args.per_device_train_batch_size * args.steps_per_generation if grpo else 0,
        prompt=prompt,
        completion=args.max_completion_length if grpo else 0,
    )
    sizes = meta.sizes()
    # Without texts the limits alone are known, and the longest text may be far below them.
    for error in check_positions(meta.model.config, batches.length) if longest is not None else ():
        report.add_error("positions", error)
    memory = estimate_memory(settings, meta, batches, zero, machine.processes, nodes, machine.device_memory, fsdp=fsdp)
    check_fit(report, memory, sizes, machine)
    steps = report.numbers.get("steps", 0)
    seconds = estimate_step(settings, sizes, batches, zero, machine)
    check_time(report, seconds, steps)
    check_disk(report, settings, sizes, zero)
    if seconds is not None and steps:
        check_time_limit(report, sum(seconds.values()) * steps)
