"""A stand-in for a data set that the job has not created yet: an assumed number of rows, texts from the pool's first
rows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Final

from bleuberi.data.grpo_rows import to_row
from bleuberi.data.pool import read_pool
from bleuberi.data.references import join_references
from bleuberi.data.sft_rows import pair_of, to_sft_rows
from bleuberi.doctor.batch import check_checkpoints, check_gradient, check_grpo_batch, check_sft_batch
from bleuberi.doctor.findings import Report
from bleuberi.doctor.lengths import check_pairs, check_prompts, check_references
from bleuberi.doctor.tokens import check_template
from bleuberi.errors import UserError
from bleuberi.training.folder.resume import check_save_steps
from bleuberi.training.reasoning import asked_to_reason
from bleuberi.training.settings.lengths import fit_completions
from bleuberi.training.settings.read import RunSettings
from bleuberi.training.settings.ready import base_config, check_positions
from bleuberi.training.sft_tokens import SftEncoder

_READ: Final = 500  # rows


def check_planned_rows(
    report: Report,
    settings: RunSettings,
    processes: int,
    rows: int,
    pool: str | None = None,
    ref_models: Sequence[str] = ("gold",),
) -> None:
    """Check batch, steps and checkpoints for an assumed number of rows. The data set is not read and need not exist."""
    text = f"{rows:,} rows are assumed; {settings.run.dataset_path} is not read, and need not exist"
    report.add("data set", "ok", text)
    try:
        tokenizer = settings.load_tokenizer()
        if check_template(report, tokenizer) and pool is not None:
            _check_pool(report, settings, tokenizer, pool, ref_models)
    except UserError as error:
        report.add_error("tokenizer", error)
    if settings.method == "grpo":
        check_grpo_batch(report, settings.args, processes, rows)
    else:
        check_sft_batch(report, settings.args, processes, rows)
    check_gradient(report, settings.args)
    try:
        if settings.method == "grpo":
            check_save_steps(settings.args, rows)
        check_checkpoints(report, settings.args)
    except UserError as error:
        report.add_error("checkpoints", error)


def _check_pool(
    report: Report,
    settings: RunSettings,
    tokenizer: Any,  # noqa: ANN401
    source: str,
    ref_models: Sequence[str],
) -> None:
    """Check the lengths of prompts and references in the pool's first rows.

    All findings are warnings: the selected rows may differ, and a job may have its data set already.
    """
    found = Report()
    try:
        pool = read_pool(source, ref_models, limit=_READ)
        examples, _ = join_references(pool, ref_models)
        found.add("pool", "ok", f"lengths are those of the first {len(pool.rows):,} rows of {source}")
        rows = [to_row(example, {}) for example in examples]
        longest = _check_lengths(found, settings, tokenizer, rows)
        for error in check_positions(base_config(settings), longest):
            found.add_error("positions", error)
    except UserError as error:
        found.add_error("pool", error)
    report.findings += [
        replace(finding, verdict="warning") if finding.verdict == "problem" else finding for finding in found.findings
    ]
    report.numbers |= found.numbers


def _check_lengths(found: Report, settings: RunSettings, tokenizer: Any, rows: list[dict[str, Any]]) -> int:  # noqa: ANN401
    """Check the lengths, and return the longest text that the model would read, in tokens."""
    if settings.method != "grpo":  # of DPO, the references stand for samples of their length
        encode = SftEncoder(tokenizer)
        pairs = [pair_of(pair) for row in rows for pair in to_sft_rows(row)]
        tokens = [encode(pair["prompt"], pair["completion"]) for pair in pairs]
        return max(check_pairs(found, tokens, settings.args.max_length))
    if settings.run.reasoning:
        rows = [asked_to_reason(row) for row in rows]
    kept = check_prompts(found, tokenizer, rows, settings.run.max_prompt_tokens)
    fit_completions(settings, tokenizer, rows)
    check_references(found, tokenizer, rows, settings.args.max_completion_length)
    return max(kept, default=0) + int(settings.args.max_completion_length)
