"""`data export`: a pool or a GRPO data set -> the file that another trainer reads."""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, NamedTuple

from bleuberi import columns, made
from bleuberi.artifacts import MANIFEST, file_hash, make_manifest, readable_json, sidecar, write_json
from bleuberi.atomic_files import fresh_file, fresh_folder
from bleuberi.data.export.hub import data_card, push
from bleuberi.data.export.pairs import CHOSEN, preference_rows
from bleuberi.data.export.rows import TARGETS
from bleuberi.data.export.taskset import package_name, write_package
from bleuberi.data.grpo_rows import prompt_messages
from bleuberi.data.made_responses import join_responses, no_response_fits, read_responses
from bleuberi.data.pool import pool_name, read_pool
from bleuberi.data.pool_file import made_before
from bleuberi.data.raw_row import row_bytes
from bleuberi.data.references import join_references
from bleuberi.data.tables import read_rows
from bleuberi.errors import MissingExtraError, UserError
from bleuberi.records import Example, Tally
from bleuberi.rewards import load_reward

DPO: Final = "dpo"
_FILES: Final = (".jsonl", ".parquet")


@dataclass(frozen=True, slots=True)
class ExportConfig:
    """What is exported, and how."""

    source: str  # a pool, or the folder of a GRPO data set
    to: str  # a name of TARGETS, or `dpo`
    output: Path
    ref_models: tuple[str, ...] = ()  # of a pool; none: whatever references a row has
    metric: str = "bleu"  # the reward of a taskset; what ranks responses for pairs
    outputs: Path | None = None  # responses, for pairs
    chosen: str = "reference"
    split: str = "train"
    overwrite: bool = False
    push_to_hub: str | None = None  # a data set repository
    hub_public: bool = False

    def check(self) -> None:
        """Errors: `UserError` for settings that do not fit together, before anything is read."""
        names = [*TARGETS, DPO]
        if self.to not in names:
            raise UserError(f"--to {self.to} is not a shape that is written.", f"Give one of: {', '.join(names)}.")
        if self.to == "verifiers":
            package_name(self.output)
        elif self.output.suffix not in _FILES:
            raise UserError(
                f"--output {self.output} is not a .jsonl or .parquet file.", "Give it one of those endings."
            )
        if (self.outputs is not None) != (self.to == DPO):
            raise UserError(
                "--outputs is missing: pairs need responses."
                if self.to == DPO
                else f"--outputs belongs to --to dpo, not to --to {self.to}.",
                "Give the responses of the model that is to be trained with --to dpo --outputs FILE.",
            )
        if self.push_to_hub is not None and self.to == "verifiers":
            raise UserError("--push_to_hub takes no package.", "Push the package with the tools of verifiers.")
        if self.hub_public and self.push_to_hub is None:
            raise UserError("--hub_public does nothing without --push_to_hub.", "Give --push_to_hub OWNER/NAME.")
        if self.chosen not in CHOSEN:
            raise UserError(f"--chosen {self.chosen} is unknown.", f"Give one of: {', '.join(CHOSEN)}.")
        load_reward(self.metric)


class Exported(NamedTuple):
    """Where the export is, how many rows it has, and how many were left out, by reason."""

    path: Path
    rows: int
    dropped: Mapping[str, int]
    hub: str | None = None  # the address of the repository that it was pushed to


@dataclass
class _Source:
    """The examples of a pool or a GRPO data set."""

    examples: list[Example]
    sha256: str
    dropped: dict[str, int] = field(default_factory=dict)


def export(config: ExportConfig) -> Exported:
    """Write the file (or the package), and its manifest; one that the same request made is kept.

    Errors: `UserError` for a source that cannot be read, another file in the place, or no row that is left.
    """
    config.check()
    source = _read(config)
    request = {
        "to": config.to,
        "source": pool_name(config.source),
        "source_sha256": source.sha256,
        "ref_models": list(config.ref_models),
        "metric": config.metric if config.to in (DPO, "verifiers") else None,
        "outputs_sha256": file_hash(config.outputs) if config.outputs and config.outputs.is_file() else None,
        "chosen": config.chosen if config.to == DPO else None,
    }
    there = _made_package(config, request) if config.to == "verifiers" else _made_file(config, request)
    if there is not None:
        return _published(config, request, there)
    rows, dropped = _rows(config, source)
    if not rows:
        tally = Tally(len(source.examples), 0, dropped)
        raise UserError(f"No row is left: {tally.sentence()}.", "Check that the responses and the source fit together.")
    facts = {"rows": len(rows), "dropped": dropped}
    if config.to == "verifiers":
        with fresh_folder(config.output) as partial:
            write_package(partial, package_name(config.output), rows, config.metric)
            write_json(partial / MANIFEST, make_manifest("export", request, **facts))
    else:
        with fresh_file(config.output) as partial:
            _write(partial, rows)
            write_json(sidecar(config.output), make_manifest("export", request, **facts, sha256=file_hash(partial)))
    return _published(config, request, facts)


def _published(config: ExportConfig, request: Mapping[str, Any], facts: Mapping[str, Any]) -> Exported:
    """What was written, after its upload if one is asked for."""
    place = None
    if config.push_to_hub is not None:
        card = data_card(config.push_to_hub.rpartition("/")[2], config.output, request, facts)
        place = push(config.push_to_hub, config.output, card, public=config.hub_public)
    return Exported(config.output, facts["rows"], facts["dropped"], place)


def _rows(config: ExportConfig, source: _Source) -> tuple[list[dict[str, Any]], dict[str, int]]:
    if config.to != DPO or config.outputs is None:
        return [TARGETS[config.to](row, number) for number, row in enumerate(source.examples)], source.dropped
    joined = join_responses(source.examples, read_responses(config.outputs))
    if not joined.by_id:
        raise no_response_fits(config.outputs)
    rows, dropped = preference_rows(source.examples, joined.by_id, load_reward(config.metric), config.chosen)
    return rows, {**source.dropped, **{reason: count for reason, count in dropped.items() if count}}


def _read(config: ExportConfig) -> _Source:
    """Errors: `UserError` if references are chosen of a data set that has already chosen them."""
    rows = read_rows(config.source, config.split)
    first = next(rows, None)
    if first is not None and isinstance(first.values.get(columns.REFERENCES), list) and columns.ID in first.values:
        if config.ref_models:
            raise UserError(
                f"{config.source} has one list of references per row, so --ref_models cannot choose.",
                "Leave --ref_models out, or export the pool.",
            )
        digest, examples = hashlib.sha256(), []
        for raw in itertools.chain([first], rows):
            digest.update(row_bytes(raw))
            examples.append(_example(raw.values, raw.place))
        return _Source(examples, digest.hexdigest())
    pool = read_pool(config.source, list(config.ref_models) or None, config.split)
    examples, tally = join_references(pool, config.ref_models or [columns.ALL_REFERENCES])
    return _Source(examples, pool.content_sha256, {reason: n for reason, n in tally.dropped.items() if n})


def _example(row: Mapping[str, Any], place: str) -> Example:
    """A GRPO data set's row. Errors: `UserError` for a row without texts."""
    references = row.get(columns.REFERENCES)
    if not isinstance(references, list) or not references or not all(isinstance(text, str) for text in references):
        raise UserError(f"{place} has no list of references: {references!r:.60}", "Export the pool, or mend that row.")
    try:
        asked = prompt_messages({columns.MESSAGES: [], **row})
        prompt = row.get(columns.PROMPT)
        text = prompt if isinstance(prompt, str) else asked[-1]["content"]
    except (KeyError, TypeError) as error:
        raise UserError(
            f"{place} has neither `messages` nor a `prompt` that can be read.", "Export the pool, or mend that row."
        ) from error
    source = row.get(columns.SOURCE)
    gold = row.get(columns.GROUND_TRUTH) or references[0]
    return Example(str(row[columns.ID]), str(source or "unknown"), asked, text, str(gold), references)


def _made_file(config: ExportConfig, request: Mapping[str, Any]) -> dict[str, Any] | None:
    return made_before(config.output, request, overwrite=config.overwrite)


def _made_package(config: ExportConfig, request: Mapping[str, Any]) -> dict[str, Any] | None:
    cure = "Choose another --output, or replace it with --overwrite."
    return made.find(config.output, "export", request, cure, overwrite=config.overwrite)


def _write(path: Path, rows: Sequence[Mapping[str, Any]]) -> None:
    if path.suffix == ".jsonl":
        path.write_text("".join(readable_json(row) + "\n" for row in rows), encoding="utf-8", newline="\n")
        return
    try:
        import pyarrow as pa
        import pyarrow.parquet as pq
    except ImportError as error:
        raise MissingExtraError("pyarrow", "report", "Writing Parquet") from error
    pq.write_table(pa.Table.from_pylist(list(rows)), path)
