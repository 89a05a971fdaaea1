"""Check a pool before money is spent on it, remove faulty rows, and hold rows out."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import zip_longest
from pathlib import Path
from statistics import median
from typing import Any, Final, TypeVar

import numpy as np
from numpy.typing import NDArray

from bleuberi import made
from bleuberi.artifacts import MANIFEST, content_hash, file_hash, make_manifest, write_json
from bleuberi.atomic_files import fresh_folder
from bleuberi.check.config import CheckConfig
from bleuberi.check.findings import FLAGS, Findings, check_texts
from bleuberi.check.held_out import split_held_out
from bleuberi.check.prompt_overlap import TestPrompts
from bleuberi.check.record import CHECK, CheckedRows, CheckRecord, FlagRow
from bleuberi.columns import ID
from bleuberi.data.asked import asked_of
from bleuberi.data.cells import id_text
from bleuberi.data.near_duplicates import METHOD
from bleuberi.data.pool import Pool, read_pool
from bleuberi.data.tables import read_rows
from bleuberi.data.token_lengths import AT_A_TIME, token_counter
from bleuberi.errors import UserError
from bleuberi.on_disk import Mapped
from bleuberi.records import PoolRow, Tally, to_json
from bleuberi.rewards import Bleu, RougeL
from bleuberi.rewards.blindness import blind_warnings
from bleuberi.rewards.tokens import tokenize_13a
from bleuberi.strict_json import strict_json

log = logging.getLogger(__name__)

T = TypeVar("T")

KIND: Final = "checked_pool"
_JUDGED_FROM: Final = 3  # references
SHORT_TOKENS: Final = 5
LONE_SHARE: Final = 0.1
"""A reference disagrees where its BLEU against the others is below this share of the median that the others reach."""


@dataclass(frozen=True, slots=True)
class PoolCheck:
    """The result of a check: its table, its counts and the written files."""

    table: tuple[FlagRow, ...]
    rows: int
    references: int
    tally: Tally
    files: list[Path]
    held_out: int = 0  # rows


def check_pool(config: CheckConfig) -> PoolCheck:
    """Check the pool and write the requested files. Errors: `UserError`; nothing half-written is left."""
    config.check()
    if config.output_dir is not None:
        made.refuse_input(config.output_dir, [config.pool, *config.against], "Choose another --output_dir.")
    pool = read_pool(config.pool, config.ref_models, config.split)
    request = _request(config, pool)
    if config.output_dir is not None and (there := _made_before(config, config.output_dir, request, pool)) is not None:
        return there
    log.info("Pool %s: %d rows, references of %s", pool.name, len(pool.rows), ", ".join(request["ref_models"]))
    tests = [prompt for path in config.against for prompt in _test_prompts(path, config)]
    findings = check_texts(pool.rows, TestPrompts(tests) if tests else None)
    length_method = _check_lengths(pool.rows, config, findings)
    _check_agreement(pool.rows, findings)
    unreadable = blind_warnings(
        [Bleu(), RougeL()], Mapped(pool.rows, lambda row: list(row.reference_by_model.values()))
    )
    for warning in unreadable:
        log.warning(warning)
    kept, tally = _kept(config.drop, findings)
    held_out = 0
    if config.output_dir is not None:
        agreement = Bleu().signature()
        record = CheckRecord(findings.table(), len(pool.rows), METHOD, length_method, agreement, tuple(unreadable))
        held_out = _write(config, config.output_dir, request, findings, kept, tally, record)
    files = [] if config.output_dir is None else _files(config.output_dir)
    return PoolCheck(findings.table(), len(pool.rows), findings.references, tally, files, held_out)


def _made_before(config: CheckConfig, folder: Path, request: Mapping[str, Any], pool: Pool) -> PoolCheck | None:
    """The result of an earlier check with the same request, or None. Errors: those of `made.find`."""
    cure = "Choose another --output_dir, or replace a check with --overwrite."
    if made.find(folder, KIND, request, cure, overwrite=config.overwrite) is None:
        return None
    check, counted = CheckRecord.load(folder), CheckedRows.load(folder)
    if counted is None or [entry.flag for entry in check.table] != list(FLAGS):
        return None  # a version with fewer flags made it
    log.info("%s was made by an equal request and is reused", folder)
    tally = Tally(counted.rows_in, counted.rows_out, counted.dropped)
    references = sum(len(row.reference_by_model) for row in pool.rows)
    return PoolCheck(check.table, check.rows, references, tally, _files(folder), counted.rows_held_out)


def _files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.iterdir() if path.is_file())


def _test_prompts(source: str, config: CheckConfig) -> list[str]:
    """Read the prompts of a file, which may lack a pool's columns; of several turns, all of the user's. Errors:
    `UserError`."""
    prompts = []
    for raw in read_rows(source, config.against_split):
        turns, prompt = asked_of(raw)
        if turns:
            prompt = "\n".join(turn["content"] for turn in turns if turn["role"] == "user")
        if prompt is None or not prompt.strip():
            raise UserError(f"{raw.place} has neither a `prompt` nor a user's turn.", "Name the column `prompt`.")
        prompts.append(prompt)
    return prompts


def _check_lengths(rows: Sequence[PoolRow], config: CheckConfig, findings: Findings) -> str:
    """Mark references that are too short for BLEU, and rows whose references no completion can reach."""
    count, method = token_counter(config.model)
    for place, row, given in _in_parts(rows, lambda part: count([text for texts in part for text in texts])):
        if not row:
            continue
        tokens = [next(given) for _ in row]
        if min(tokens) > config.max_completion_length:
            findings.mark("long_reference", place)
        findings.reference_counts["long_reference"] += sum(length > config.max_completion_length for length in tokens)
        # A token is a byte at least, so only texts of few words can have few tokens.
        short = sum(len(text.split()) <= SHORT_TOKENS and len(tokenize_13a(text)) <= SHORT_TOKENS for text in row)
        if short:
            findings.mark("short_reference", place, short)
    return method


def _check_agreement(rows: Sequence[PoolRow], findings: Findings) -> None:
    """Mark references that disagree with all others of their row: leave-one-out BLEU, three references or more."""

    def scores(part: Sequence[Sequence[str]]) -> list[float]:
        judged = [row for row in part if len(row) >= _JUDGED_FROM]
        found = Bleu().score_batch(
            [text for row in judged for text in row],
            [[*row[:place], *row[place + 1 :]] for row in judged for place in range(len(row))],
        )
        return [score or 0.0 for score in found]

    for place, row, given in _in_parts(rows, scores):
        if len(row) < _JUDGED_FROM:
            continue
        own = [next(given) for _ in row]
        lone = sum(score < LONE_SHARE * median(own[:at] + own[at + 1 :]) for at, score in enumerate(own))
        if lone:
            findings.mark("disagreeing_reference", place, lone)


def _in_parts(
    rows: Sequence[PoolRow], measure: Callable[[Sequence[Sequence[str]]], list[T]]
) -> Iterator[tuple[int, list[str], Iterator[T]]]:
    """For each row: its number, its references, and the shared iterator of measurements, from which the caller takes
    one per reference."""
    for start in range(0, len(rows), AT_A_TIME):
        part = [list(row.reference_by_model.values()) for row in rows[start : start + AT_A_TIME]]
        given = iter(measure(part))
        for place, texts in enumerate(part, start):
            yield place, texts, given


def _kept(drop: Sequence[str], findings: Findings) -> tuple[NDArray[np.bool_], Tally]:
    """Which rows have none of the flags, and counts of the others by their first flag in `drop`."""
    reasons = findings.first_of(drop)
    dropped = {flag: int((reasons == drop.index(flag)).sum()) for flag in drop}
    kept = reasons < 0
    tally = Tally(len(kept), int(kept.sum()), dropped)
    if not tally.kept:
        raise UserError(f"No row remains: {tally.sentence()}.", "Drop fewer flags with --drop.")
    return kept, tally


def _write(
    config: CheckConfig,
    folder: Path,
    request: Mapping[str, Any],
    findings: Findings,
    kept: NDArray[np.bool_],
    tally: Tally,
    record: CheckRecord,
) -> int:
    """Write `check.json`, `flags.jsonl`, the requested pools and, last, the manifest. Returns the number of held-out
    rows."""
    if config.held_out >= tally.kept:
        raise UserError(
            f"--held_out {config.held_out} leaves nothing to train on: {tally.sentence()}.", "Hold out fewer rows."
        )
    held = np.zeros(len(kept), bool)
    tested = findings.groups[np.asarray(findings.places["in_test_prompts"], np.int64)]
    held[kept] = split_held_out(findings.groups[kept], config.held_out, config.seed, tested)
    with fresh_folder(folder) as partial:
        write_json(partial / CHECK, to_json(record))
        _write_lines(partial / "flags.jsonl", findings.flag_rows())
        if config.drop or config.held_out:
            _write_pools(partial, config, findings.rows, kept, held)
        hashes = {path.name: file_hash(path) for path in sorted(partial.glob("*.jsonl"))}
        write_json(
            partial / MANIFEST,
            make_manifest(
                KIND,
                request,
                **to_json(CheckedRows(tally.rows_in, tally.kept, int(held.sum()), tally.dropped)),
                files_sha256=hashes,
                near_duplicates=record.near_duplicates,
                reference_lengths=record.reference_lengths,
                agreement=record.agreement,
                warnings=record.warnings,
            ),
        )
    return int(held.sum())


def _write_pools(
    folder: Path, config: CheckConfig, rows: Sequence[PoolRow], kept: NDArray[np.bool_], held: NDArray[np.bool_]
) -> None:
    """Write the pool's rows as they were read to their files. Errors: `UserError` if the pool was changed during the
    check."""
    kept_name = "train.jsonl" if config.held_out else "pool.jsonl"
    names = [kept_name] * bool((kept & ~held).any()) + ["held_out.jsonl"] * bool(held.any())
    streams = {name: (folder / name).open("w", encoding="utf-8", newline="\n") for name in names}
    left_out: dict[str, None] = {}
    try:
        for raw, checked in zip_longest(read_rows(config.pool, config.split), zip(rows, kept, held, strict=True)):
            if raw is None or checked is None or id_text(raw.values.get(ID)) != checked[0].id:
                raise UserError(f"The pool {config.pool} was changed while it was checked.", "Run the command again.")
            _, is_kept, is_held = checked
            if is_kept:
                left_out |= dict.fromkeys(column for column, value in raw.values.items() if _holds_bytes(value))
                values = {column: value for column, value in raw.values.items() if column not in left_out}
                stream = streams["held_out.jsonl" if is_held else kept_name]
                stream.write(strict_json(values, ascii_only=True, default=str) + "\n")  # dates become texts
    finally:
        for stream in streams.values():
            stream.close()
    if left_out:
        log.warning("%s: images, audio or other bytes are not written: %s", config.pool, ", ".join(left_out))


def _holds_bytes(value: object) -> bool:
    if isinstance(value, dict | list):
        return any(_holds_bytes(part) for part in (value.values() if isinstance(value, dict) else value))
    return isinstance(value, bytes)


def _write_lines(path: Path, rows: Iterator[Mapping[str, Any]]) -> None:
    with path.open("w", encoding="utf-8", newline="\n") as stream:
        stream.writelines(strict_json(row, ascii_only=True) + "\n" for row in rows)


def _request(config: CheckConfig, pool: Pool) -> dict[str, Any]:
    """Everything that decides the written files: settings, and hashes of the content behind paths."""
    return {
        "pool": pool.name,
        "pool_sha256": pool.content_sha256,
        "ref_models": list(config.ref_models or pool.reference_models),
        "max_completion_length": config.max_completion_length,
        "model": config.model,
        "against_sha256": [content_hash(*_test_prompts(path, config)) for path in config.against],
        "drop": list(config.drop),
        "held_out": config.held_out,
        "seed": config.seed,
    }
