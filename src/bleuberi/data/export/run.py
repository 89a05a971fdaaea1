"""`data export`: convert a pool or a GRPO data set to the file that another trainer reads."""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, NamedTuple

from bleuberi import columns, made
from bleuberi.artifacts import MANIFEST, file_hash, make_manifest, read_state, readable_json, sidecar, write_json
from bleuberi.atomic_files import fresh_file, fresh_folder
from bleuberi.data.config import DPO, ExportConfig
from bleuberi.data.export.hub import push
from bleuberi.data.export.pairs import preference_rows
from bleuberi.data.export.recipes import FORMATS
from bleuberi.data.export.rows import TARGETS
from bleuberi.data.export.taskset import GRADER_PREFIX, package_name, write_package
from bleuberi.data.grpo_rows import prompt_messages
from bleuberi.data.made_responses import responses_to
from bleuberi.data.pool import pool_name, read_pool
from bleuberi.data.pool_file import made_before
from bleuberi.data.raw_row import row_bytes
from bleuberi.data.references import join_references
from bleuberi.data.tables import read_rows, table_files
from bleuberi.data.written_datasets import ROWS_AT_ONCE
from bleuberi.errors import MissingExtraError, UserError
from bleuberi.generation.base import is_whole
from bleuberi.on_disk import Mapped, Spilled
from bleuberi.records import Example, Tally
from bleuberi.rewards import load_reward

_GROUP_BYTES: Final = 64 << 20  # of rows in a row group of a Parquet file


class Exported(NamedTuple):
    """The path of the export, its number of rows, and the numbers of left-out rows by reason."""

    path: Path
    rows: int
    dropped: Mapping[str, int]
    hub: str | None = None  # the address of the repository that it was pushed to


@dataclass
class _Source:
    """The examples of a pool or a GRPO data set."""

    examples: Sequence[Example]
    sha256: str
    dropped: dict[str, int] = field(default_factory=dict)


def export(config: ExportConfig) -> Exported:
    """Write the file (or the package) with its manifest. An export that an equal request made is reused.

    Errors: `UserError` for a source that cannot be read, if another file is at the path, or if no row is left.
    """
    config.check()
    grader = config.metric.removeprefix(GRADER_PREFIX) if config.metric.startswith(GRADER_PREFIX) else None
    made.refuse_input(config.output, [*table_files(config.source), config.outputs, grader])
    source = _read(config)
    request: dict[str, Any] = {
        "to": config.to,
        "source": pool_name(config.source),
        "source_sha256": source.sha256,
        "ref_models": list(config.ref_models),
        "metric": config.metric if config.to in (DPO, "verifiers") else None,
        "outputs_sha256": file_hash(config.outputs) if config.outputs and config.outputs.is_file() else None,
        "chosen": config.chosen if config.to == DPO else None,
    }
    if config.to == DPO and config.chosen == "response":
        request["chosen_is_whole"] = True  # an earlier version chose cut ones too
    if config.to == "verifiers" and grader is not None:
        request["grader_sha256"] = file_hash(Path(grader))
    there = _made_package(config, request) if config.to == "verifiers" else _made_file(config, request)
    if there is not None:
        return _published(config, request, there)
    rows, dropped = _rows(config, source)
    if not rows:
        tally = Tally(len(source.examples), 0, dropped)
        raise UserError(
            f"No row remains: {tally.sentence()}.", "Check that the responses were made for this source's prompts."
        )
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
    """The result of the export, after its upload if one is requested."""
    place = None
    if config.push_to_hub is not None:
        place = push(config.push_to_hub, config.output, request, facts, public=config.hub_public)
    return Exported(config.output, facts["rows"], facts["dropped"], place)


def _rows(config: ExportConfig, source: _Source) -> tuple[Sequence[dict[str, Any]], dict[str, int]]:
    examples = source.examples
    if config.to != DPO or config.outputs is None:
        made = TARGETS[config.to]
        return Mapped(range(len(examples)), lambda number: made(examples[number], number)), source.dropped
    joined = responses_to(examples, config.outputs).by_id
    given = Spilled(
        [(one.text, is_whole(one.text, one.finish_reason)) for one in joined.get(row.id, ())] for row in examples
    )
    rows, dropped = preference_rows(examples, given, load_reward(config.metric), config.chosen)
    return rows, {**source.dropped, **{reason: count for reason, count in dropped.items() if count}}


def _read(config: ExportConfig) -> _Source:
    """Read the source. Errors: `UserError` if references are chosen of a data set that has already chosen them."""
    rows = read_rows(config.source, config.split)
    first = next(rows, None)
    if first is not None and isinstance(first.values.get(columns.REFERENCES), list) and columns.ID in first.values:
        if config.ref_models:
            raise UserError(
                f"{config.source} has one list of references per row, so --ref_models cannot choose.",
                "Leave --ref_models out, or export the pool.",
            )
        digest, examples = hashlib.sha256(), Spilled[Example]()
        for raw in itertools.chain([first], rows):
            digest.update(row_bytes(raw))
            examples.append(_example(raw.values, raw.place))
        return _Source(examples, digest.hexdigest())
    pool = read_pool(config.source, list(config.ref_models) or None, config.split)
    joined, tally = join_references(pool, config.ref_models or [columns.ALL_REFERENCES])
    return _Source(joined, pool.content_sha256, {reason: n for reason, n in tally.dropped.items() if n})


def _example(row: Mapping[str, Any], place: str) -> Example:
    """A GRPO data set's row. Errors: `UserError` for a row without texts."""
    references = row.get(columns.REFERENCES)
    if not isinstance(references, list) or not references or not all(isinstance(text, str) for text in references):
        raise UserError(
            f"{place} has no list of references: {references!r:.60}", "Export the pool, or correct that row."
        )
    try:
        asked = prompt_messages({columns.MESSAGES: [], **row})
        prompt = row.get(columns.PROMPT)
        text = prompt if isinstance(prompt, str) else asked[-1]["content"]
    except (KeyError, TypeError) as error:
        raise UserError(
            f"{place} has neither `messages` nor a `prompt` that can be read.", "Export the pool, or correct that row."
        ) from error
    source = row.get(columns.SOURCE)
    gold = row.get(columns.GROUND_TRUTH) or references[0]
    return Example(str(row[columns.ID]), str(source or "unknown"), asked, text, str(gold), references)


def _made_file(config: ExportConfig, request: Mapping[str, Any]) -> dict[str, Any] | None:
    """The manifest of an equal export. Errors: `UserError` if another file is at the manifest's path."""
    path, manifest = config.output, sidecar(config.output)
    found = made_before(path, request, overwrite=config.overwrite)
    if found is None and manifest.is_file():
        digest = read_state(manifest).get("sha256")
        for other in (path.with_suffix(ending) for ending in FORMATS if ending != path.suffix):
            if other.is_file() and digest == file_hash(other):
                raise UserError(
                    f"{manifest} is the manifest of {other.name}, and {path.name} would replace it.",
                    f"Choose another --output, e.g. {path.with_stem(f'{path.stem}_{config.to}')}.",
                )
    return found


def _made_package(config: ExportConfig, request: Mapping[str, Any]) -> dict[str, Any] | None:
    cure = "Choose another --output, or replace it with --overwrite."
    return made.find(config.output, "export", request, cure, overwrite=config.overwrite)


def _write(path: Path, rows: Sequence[Mapping[str, Any]]) -> None:
    if path.suffix == ".jsonl":
        with path.open("w", encoding="utf-8", newline="\n") as stream:
            stream.writelines(readable_json(row) + "\n" for row in rows)
        return
    try:
        import pyarrow as pa
        import pyarrow.parquet as pq
    except ImportError as error:
        raise MissingExtraError("pyarrow", "report", "Writing Parquet") from error
    starts = range(0, len(rows), ROWS_AT_ONCE)
    schema = pa.schema([])
    for start in starts:
        found = pa.Table.from_pylist(rows[start : start + ROWS_AT_ONCE]).schema
        schema = pa.unify_schemas([schema, found], promote_options="permissive")
    with pq.ParquetWriter(path, schema) as writer:
        group: list[Any] = []  # tables
        for start in starts:
            group.append(pa.Table.from_pylist(rows[start : start + ROWS_AT_ONCE], schema=schema))
            if start == starts[-1] or sum(part.nbytes for part in group) >= _GROUP_BYTES:
                writer.write_table(pa.concat_tables(group).combine_chunks())
                group.clear()
