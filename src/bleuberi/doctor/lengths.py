"""Measure lengths in tokens over the whole data set: prompts, references, pairs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from bleuberi import columns
from bleuberi.data.grpo_rows import prompt_messages
from bleuberi.doctor.findings import Report, counted, quantiles
from bleuberi.generation.chat_format import prompt_ids
from bleuberi.training.sft_tokens import SftTokens

_WARN_SHARE: Final = 0.05
_PROBLEM_SHARE: Final = 0.5


def check_prompts(report: Report, tokenizer: Any, rows: Sequence[Mapping[str, Any]], limit: int) -> list[int]:  # noqa: ANN401
    """Report the lengths of the prompts. Returns the lengths of those within `limit`, in the rows' order."""
    lengths = [len(prompt_ids(tokenizer, prompt_messages(row), row.get(columns.ID))) for row in rows]
    kept = [length for length in lengths if length <= limit]
    half, most, longest = quantiles(lengths)
    dropped = len(lengths) - len(kept)
    report.numbers["prompt_tokens"] = {
        "median": half,
        "p95": most,
        "max": longest,
        "rows": len(rows),
        "kept": len(kept),
    }
    text = f"{len(rows):,} prompts: half up to {half} tokens, 95 % up to {most}, the longest {longest}; "
    text += f"{dropped:,} over max_prompt_tokens {limit} are dropped" if dropped else f"none over {limit}"
    if not kept:
        report.add("prompts", "problem", text, "Raise --max_prompt_tokens.")
    elif dropped > _WARN_SHARE * len(lengths):
        report.add("prompts", "warning", text, "Raise --max_prompt_tokens, or be content with fewer rows.")
    else:
        report.add("prompts", "ok", text)
    return kept


def check_references(report: Report, tokenizer: Any, rows: Sequence[Mapping[str, Any]], limit: int) -> None:  # noqa: ANN401
    """Report rows without a reference, and rows whose references are all longer than a completion may be."""
    texts = [[str(text) for text in row[columns.REFERENCES] or [] if str(text).strip()] for row in rows]
    empty = sum(not row for row in texts)
    if empty:
        report.add(
            "references",
            "problem" if empty == len(rows) else "warning",
            f"{empty:,} of {counted(len(rows), 'row')} have no reference: a completion to them gets no reward",
            "Add some with: bleuberi references --help; or leave those rows out.",
        )
    flat = [text for row in texts for text in row]
    if not flat:
        return
    counts = iter(len(ids) + 1 for ids in tokenizer(flat, add_special_tokens=False)["input_ids"])  # and the end token
    lengths = [[next(counts) for _ in row] for row in texts]
    every = [length for row in lengths for length in row]
    too_long = sum(length > limit for length in every)
    never = sum(bool(row) and min(row) > limit for row in lengths)
    half, most, longest = quantiles(every)
    with_any = len(rows) - empty
    report.numbers["reference_tokens"] = {"median": half, "p95": most, "max": longest, "longer": too_long / len(every)}
    report.numbers["rows_never_rewarded_for_stopping"] = never / with_any
    text = (
        f"{len(every):,} references: half up to {half} tokens, 95 % up to {most}, the longest {longest}; "
        f"{too_long / len(every):.1%} are longer than max_completion_length {limit}"
    )
    if never > _WARN_SHARE * with_any:
        text += f"; in {never / with_any:.1%} of the rows all are, where the policy is never rewarded for stopping"
        verdict = "problem" if never >= _PROBLEM_SHARE * with_any else "warning"
        cure = f"Raise --max_completion_length (95 % fit in {most}), or take shorter references."
        report.add("references", verdict, text, cure)  # type: ignore[arg-type]
    else:
        report.add("references", "ok", text)


def check_pairs(report: Report, pairs: Sequence[SftTokens], limit: int | None, what: str = "pairs") -> list[int]:
    """Report the lengths of SFT pairs, or of DPO's responses with their prompts. Returns the lengths after the cut at
    `limit`."""
    lengths = [len(pair.input_ids) for pair in pairs]
    half, most, longest = quantiles(lengths)
    cut = sum(limit is not None and length > limit for length in lengths)
    lost = sum(not any(pair.completion_mask[:limit]) for pair in pairs)
    in_loss = sum(sum(pair.completion_mask[:limit]) for pair in pairs)
    trained = [length if limit is None else min(length, limit) for length in lengths]
    report.numbers["pair_tokens"] = {"median": half, "p95": most, "max": longest, "cut": cut, "in_loss": in_loss}
    text = (
        f"{len(pairs):,} {what}: half up to {half} tokens, 95 % up to {most}, the longest {longest}; "
        f"{in_loss:,} of {sum(trained):,} tokens are in the loss"
    )
    if cut:
        text += f"; {cut:,} are cut at max_length {limit} and never show their end, {lost:,} of them keep no answer"
    if lost == len(pairs):
        report.add(what, "problem", text, "Raise --max_length.")
    elif cut > _WARN_SHARE * len(pairs):
        report.add(what, "warning", text, "Raise --max_length: a cut answer does not teach when to stop.")
    else:
        report.add(what, "ok", text)
    return trained
