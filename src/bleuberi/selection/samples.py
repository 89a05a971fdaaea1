"""Get several responses per example, from a file or a model."""

from __future__ import annotations

import contextlib
import json
import logging
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any, NamedTuple

from bleuberi.artifacts import file_hash
from bleuberi.data.made_responses import MadeResponse, responses_to
from bleuberi.errors import UserError
from bleuberi.generation import EngineOptions, cached_engine
from bleuberi.generation.base import Sampling
from bleuberi.on_disk import Mapped, Spilled
from bleuberi.records import Example
from bleuberi.statistics.spread import MIN_SAMPLES

log = logging.getLogger(__name__)


class Sample(NamedTuple):
    """One of several responses to a prompt. `finish_reason` is None if the file does not record it."""

    text: str
    finish_reason: str | None


@dataclass(frozen=True, slots=True)
class Samples:
    """The samples of N examples in a temporary file, counts of examples without samples by reason, and the samples'
    origin."""

    rows: Sequence[list[Sample]]  # N; empty for an example without samples
    dropped: dict[str, int]
    provenance: dict[str, Any]
    generated_now: int = 0


def samples_from_file(
    examples: Sequence[Example], path: Path, model: str | None, sampling: Sampling, most: int
) -> Samples:
    """Read existing samples: all rows of a prompt, at most `most`. Errors: `UserError` for too few samples, mixed
    sampling settings, or rows of another pool."""
    joined = responses_to(examples, path, model).by_id
    told = one_sampling(path, chain.from_iterable(joined.values()))
    rows = Spilled([Sample(one.text, one.finish_reason) for one in joined.get(row.id, ())[:most]] for row in examples)
    largest = max(map(len, rows))
    if largest < MIN_SAMPLES:
        raise UserError(
            f"{path.name} has {largest} {'sample' if largest == 1 else 'samples'} of a prompt at most; "
            f"--selection_mode signal needs {MIN_SAMPLES} or more, one row each.",
            "Draw more (8 is a good number), or choose --selection_mode hard, which needs one.",
        )
    if told is None:
        log.warning("%s does not record how its samples were drawn (no column `sampling`)", path.name)
    elif differing := _differing(told, sampling):
        log.warning("The samples were drawn with different settings than training will use: %s", differing)
    provenance: dict[str, Any] = {"from": path.name, "sha256": file_hash(path), "sampling": told}
    if all(sample.finish_reason is None for samples in rows for sample in samples):
        log.warning("%s does not record which samples were cut (no column `finish_reason`)", path.name)
        provenance["cut_outputs"] = "not known"
    return Samples(rows, {"without an output": sum(not samples for samples in rows)}, provenance)


def samples_from_model(
    examples: Sequence[Example],
    model: str,
    sampling: Sampling,
    engine: str,
    cache_folder: Path,
    count: int,
    options: EngineOptions | None = None,
) -> Samples:
    """`count` samples of `model` for every example; cached ones first, the rest drawn now. Errors: `UserError`."""
    cached = cached_engine(model, engine, cache_folder, options or EngineOptions())
    rows: Spilled[list[Sample]] = Spilled()
    dropped: Counter[str] = Counter()
    asked = Mapped(examples, lambda row: row.conversation)
    for outputs in cached.answer_samples(asked, sampling, count):
        lost = next((output.unanswered for output in outputs if output.unanswered), None)
        if lost is not None:
            dropped[lost] += 1
        rows.append([] if lost else [Sample(output.text, output.finish_reason) for output in outputs])
    provenance = {
        "model": cached.identity.settings(),
        "sampling": sampling.settings(),
        "sampling_signature": sampling.signature(),
        "samples": count,
    }
    return Samples(rows, dict(dropped), provenance, cached.answered_now)


def one_sampling(path: Path, rows: Iterable[MadeResponse]) -> str | None:
    """The sampling settings recorded in a file (seeds may differ); None if it records none.

    Errors: `UserError` if rows were drawn with different settings: their spread would come from the settings.
    """
    first: tuple[str, str | None] | None = None  # place, sampling
    for row in rows:
        sampling = _sampling_without_seed(row.sampling)
        if first is None:
            first = row.place, sampling
        elif sampling != first[1]:
            raise UserError(
                f"{path.name} mixes samples of different settings: {first[0]} has {first[1] or 'no `sampling`'}, "
                f"{row.place} has {sampling or 'no `sampling`'}.",
                "Keep the rows with one setting, or draw all again: else part of the spread is due to the settings.",
            )
    return None if first is None else first[1]


def _sampling_without_seed(value: object) -> str | None:
    """The settings in a normal form: as JSON if the file has JSON (also inside a text), else unchanged."""
    if value is None or value == "":
        return None
    if isinstance(value, str) and value.lstrip().startswith("{"):
        with contextlib.suppress(ValueError):  # e.g. a dictionary as Python prints it
            value = json.loads(value)
    if isinstance(value, dict):
        plain = {key: item for key, item in value.items() if key != "seed"}
        return json.dumps(plain, sort_keys=True)  # noqa: TID251 - one spelling, to compare
    return re.sub(r"\|seed:\d+", "", str(value))


def _differing(told: str, sampling: Sampling) -> str:
    """The settings in which a file's samples differ from the requested ones, as far as the names match."""
    try:
        settings = json.loads(told)
    except ValueError:
        return ""  # in words of its own
    asked = sampling.settings()
    return ", ".join(
        f"{name} {value}, not {asked[name]}"
        for name, value in (settings.items() if isinstance(settings, dict) else ())
        if name in asked and value != asked[name]
    )
