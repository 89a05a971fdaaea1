"""Check a pool before anything is spent on it; clean it; hold rows out."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any, Final

from bleuberi import made
from bleuberi.artifacts import MANIFEST, content_hash, file_hash, make_manifest, read_json, write_json
from bleuberi.atomic_files import fresh_folder
from bleuberi.check.findings import FLAGS, Findings, check_texts
from bleuberi.check.held_out import split_held_out
from bleuberi.check.prompt_overlap import TestPrompts
from bleuberi.columns import ID
from bleuberi.data.asked import asked_of
from bleuberi.data.cells import id_text
from bleuberi.data.near_duplicates import METHOD
from bleuberi.data.pool import Pool, read_pool
from bleuberi.data.tables import read_rows
from bleuberi.data.token_lengths import token_lengths
from bleuberi.errors import UserError
from bleuberi.records import PoolRow, Tally
from bleuberi.rewards import Bleu, RougeL
from bleuberi.rewards.blindness import blind_warnings
from bleuberi.rewards.tokens import tokenize_13a
from bleuberi.strict_json import strict_json

log = logging.getLogger(__name__)

KIND: Final = "checked_pool"
SHORT_TOKENS: Final = 5
LONE_SHARE: Final = 0.1
"""A reference disagrees where its BLEU against the others is below this share of the median that the others reach."""


@dataclass(frozen=True, slots=True)
class CheckConfig:
    """Which pool, against what, and what to write."""

    pool: str
    ref_models: tuple[str, ...] | None = None  # None: all that the pool has
    max_completion_length: int = 512
    model: str | None = None  # whose tokenizer counts
    against: tuple[str, ...] = ()
    drop: tuple[str, ...] = ()
    held_out: int = 0
    output_dir: Path | None = None
    seed: int = 42
    overwrite: bool = False
    split: str = "train"  # of a pool that has splits
    against_split: str = "train"  # of test prompts that have splits

    def check(self) -> None:
        """Refuse what cannot work, before anything is read. Errors: `UserError`."""
        unknown = [flag for flag in self.drop if flag not in FLAGS]
        if unknown:
            raise UserError(f"There is no flag {unknown[0]!r}.", f"Choose from: {', '.join(FLAGS)}.")
        if "in_test_prompts" in self.drop and not self.against:
            raise UserError("--drop in_test_prompts needs the test prompts.", "Add --against FILE.")
        if (self.drop or self.held_out) and self.output_dir is None:
            raise UserError(
                "--drop and --held_out write a pool, and there is no place for it.", "Add --output_dir DIR."
            )
        if self.max_completion_length < 1 or self.held_out < 0 or not 0 <= self.seed < 2**32:
            raise UserError(
                "--max_completion_length, --held_out or --seed is out of range.",
                "Give a length of 1 or more, 0 or more rows, and a seed from 0 to 4294967295.",
            )


@dataclass(frozen=True, slots=True)
class PoolCheck:
    """What a check found and wrote."""

    table: list[dict[str, object]]
    rows: int
    references: int
    tally: Tally
    files: list[Path]


def check_pool(config: CheckConfig) -> PoolCheck:
    """Check the pool, and write what was asked for. Errors: `UserError`; nothing half-written is left."""
    config.check()
    pool = read_pool(config.pool, config.ref_models, config.split)
    request = _request(config, pool)
    if config.output_dir is not None and (there := _made_before(config, config.output_dir, request, pool)) is not None:
        return there
    log.info("Pool %s: %d rows, references of %s", pool.name, len(pool.rows), ", ".join(request["ref_models"]))
    tests = [prompt for path in config.against for prompt in _test_prompts(path, config)]
    findings = check_texts(pool.rows, TestPrompts(tests) if tests else None)
    length_method = _check_lengths(pool.rows, config, findings)
    _check_agreement(pool.rows, findings)
    unreadable = blind_warnings([Bleu(), RougeL()], [list(row.reference_by_model.values()) for row in pool.rows])
    for warning in unreadable:
        log.warning(warning)
    kept, tally = _kept_ids(pool.rows, config.drop, findings)
    files: list[Path] = []
    if config.output_dir is not None:
        facts: dict[str, object] = {
            "near_duplicates": METHOD,
            "reference_lengths": length_method,
            "agreement": Bleu().signature(),
            "warnings": unreadable,
        }
        files = _write(config, config.output_dir, request, findings, kept, tally, facts)
    return PoolCheck(findings.table(), findings.rows, findings.references, tally, files)


def _made_before(config: CheckConfig, folder: Path, request: Mapping[str, Any], pool: Pool) -> PoolCheck | None:
    """The result of an earlier check with the same request, or None. Errors: those of `made.find`."""
    cure = "Choose another --output_dir, or replace a check with --overwrite."
    manifest = made.find(folder, KIND, request, cure, overwrite=config.overwrite)
    if manifest is None:
        return None
    check = read_json(folder / "check.json")
    if [entry["flag"] for entry in check["table"]] != list(FLAGS):
        return None  # a version with fewer flags made it
    log.info("%s was made by an equal request and is reused", folder)
    tally = Tally(manifest["rows_in"], manifest["rows_out"], manifest["dropped"])
    references = sum(len(row.reference_by_model) for row in pool.rows)
    return PoolCheck(check["table"], check["rows"], references, tally, _files(folder))


def _files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.iterdir() if path.is_file())


def _test_prompts(source: str, config: CheckConfig) -> list[str]:
    """The prompts of a file that need be no pool; of several turns, all of the user's. Errors: `UserError`."""
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
    texts = [text for row in rows for text in row.reference_by_model.values()]
    lengths, method = token_lengths(texts, config.model)
    given = iter(lengths)
    for row in rows:
        if not row.reference_by_model:
            continue
        tokens = [next(given) for _ in row.reference_by_model]
        if min(tokens) > config.max_completion_length:
            findings.mark("long_reference", row.id)
        findings.reference_counts["long_reference"] += sum(length > config.max_completion_length for length in tokens)
        # A token is a byte at least, so only texts of few words can have few tokens.
        short = sum(
            len(text.split()) <= SHORT_TOKENS and len(tokenize_13a(text)) <= SHORT_TOKENS
            for text in row.reference_by_model.values()
        )
        if short:
            findings.mark("short_reference", row.id, short)
    return method


def _check_agreement(rows: Sequence[PoolRow], findings: Findings) -> None:
    """Mark references that disagree with all others of their row: leave-one-out BLEU, three references or more."""
    judged = [row for row in rows if len(row.reference_by_model) >= 3]
    texts = [list(row.reference_by_model.values()) for row in judged]
    scores = Bleu().score_batch(
        [text for row in texts for text in row],
        [row[:place] + row[place + 1 :] for row in texts for place in range(len(row))],
    )
    given = iter(score or 0.0 for score in scores)
    for row, row_texts in zip(judged, texts, strict=True):
        own = [next(given) for _ in row_texts]
        lone = sum(score < LONE_SHARE * median(own[:place] + own[place + 1 :]) for place, score in enumerate(own))
        if lone:
            findings.mark("disagreeing_reference", row.id, lone)


def _kept_ids(rows: Sequence[PoolRow], drop: Sequence[str], findings: Findings) -> tuple[list[str], Tally]:
    """The ids that carry none of the flags; each other one is counted by the first flag of `drop` that it carries."""
    flagged = {flag: set(findings.row_ids[flag]) for flag in drop}
    dropped: Counter[str] = Counter(dict.fromkeys(drop, 0))
    kept = []
    for row in rows:
        reason = next((flag for flag in drop if row.id in flagged[flag]), None)
        if reason is None:
            kept.append(row.id)
        else:
            dropped[reason] += 1
    tally = Tally(len(rows), len(kept), dict(dropped))
    if not kept:
        raise UserError(f"No row is left: {tally.sentence()}.", "Drop fewer flags with --drop.")
    return kept, tally


def _write(
    config: CheckConfig,
    folder: Path,
    request: Mapping[str, Any],
    findings: Findings,
    kept: Sequence[str],
    tally: Tally,
    facts: Mapping[str, object],
) -> list[Path]:
    """`check.json`, `flags.jsonl` and, where asked for, the pools; the manifest last."""
    if config.held_out >= len(kept) > 0:
        raise UserError(
            f"--held_out {config.held_out} leaves nothing to train on: {tally.sentence()}.", "Hold out fewer rows."
        )
    held = split_held_out(_group_numbers(kept, findings), config.held_out, config.seed)
    held_ids = {row for row, is_held in zip(kept, held, strict=True) if is_held}
    file_of = {row: ("held_out.jsonl" if row in held_ids else "train.jsonl") if config.held_out else "pool.jsonl"
               for row in kept}  # fmt: skip
    with fresh_folder(folder) as partial:
        write_json(partial / "check.json", {"table": findings.table(), "rows": findings.rows, **facts})
        _write_lines(partial / "flags.jsonl", _flag_rows(findings))
        if config.drop or config.held_out:
            _write_pools(partial, config.pool, config.split, file_of)
        hashes = {path.name: file_hash(path) for path in sorted(partial.glob("*.jsonl"))}
        write_json(
            partial / MANIFEST,
            make_manifest(
                KIND,
                request,
                rows_in=tally.rows_in,
                rows_out=tally.kept,
                rows_held_out=len(held_ids),
                dropped=dict(tally.dropped),
                files_sha256=hashes,
                **facts,
            ),
        )
    return _files(folder)


def _group_numbers(kept: Sequence[str], findings: Findings) -> list[int]:
    numbers: dict[str, int] = {}
    return [numbers.setdefault(findings.group_by_id[row], len(numbers)) for row in kept]


def _flag_rows(findings: Findings) -> Iterator[dict[str, Any]]:
    """Every row with its flags as columns, and what it is a near-duplicate of."""
    flags = findings.flags_by_id()
    for row_id, first in findings.group_by_id.items():
        found = flags.get(row_id, [])
        yield {ID: row_id, **{flag: flag in found for flag in FLAGS}, "group": first}


def _write_pools(folder: Path, source: str, split: str, file_of: Mapping[str, str]) -> None:
    """The pool's rows as they were read, each in its file."""
    streams = {
        name: (folder / name).open("w", encoding="utf-8", newline="\n") for name in sorted(set(file_of.values()))
    }
    left_out: dict[str, None] = {}
    try:
        for raw in read_rows(source, split):
            name = file_of.get(id_text(raw.values[ID]) or "")
            if name is not None:
                left_out |= dict.fromkeys(column for column, value in raw.values.items() if _holds_bytes(value))
                values = {column: value for column, value in raw.values.items() if column not in left_out}
                streams[name].write(strict_json(values, ascii_only=True, default=str) + "\n")  # dates become texts
    finally:
        for stream in streams.values():
            stream.close()
    if left_out:
        log.warning("%s: pictures, sounds or other bytes are not written: %s", source, ", ".join(left_out))


def _holds_bytes(value: object) -> bool:
    if isinstance(value, dict | list):
        return any(_holds_bytes(part) for part in (value.values() if isinstance(value, dict) else value))
    return isinstance(value, bytes)


def _write_lines(path: Path, rows: Iterator[Mapping[str, Any]]) -> None:
    with path.open("w", encoding="utf-8", newline="\n") as stream:
        stream.writelines(strict_json(row, ascii_only=True) + "\n" for row in rows)


def _request(config: CheckConfig, pool: Pool) -> dict[str, Any]:
    """What makes two checks the same: settings that decide the files, and the content behind the paths."""
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
