"""Get several responses for every example, from a file or a model. Knows where samples come from; knows no scores."""

from __future__ import annotations

import json
import logging
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bleuberi.artifacts import file_hash
from bleuberi.errors import UserError
from bleuberi.generation import EngineOptions, cached_engine
from bleuberi.generation.base import Sampling
from bleuberi.records import Example
from bleuberi.selection.outputs import Sample, read_samples
from bleuberi.statistics.spread import MIN_SAMPLES

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Samples:
    """Samples by example id in the pool's order, why others have none, and where they came from."""

    by_id: dict[str, list[Sample]]
    dropped: dict[str, int]
    provenance: dict[str, Any]
    generated_now: int = 0


def samples_from_file(
    examples: Sequence[Example], path: Path, model: str | None, sampling: Sampling, most: int
) -> Samples:
    """Samples made elsewhere, at most `most` of an id. Errors: `UserError` for too few, mixed or foreign ones."""
    made = read_samples(path, model)
    by_id = {row.id: made.samples_by_id[row.id][:most] for row in examples if row.id in made.samples_by_id}
    if not by_id:
        raise UserError(f"No id in {path} is an id of the pool.", "Check that the outputs were made from this pool.")
    largest = max(map(len, by_id.values()))
    if largest < MIN_SAMPLES:
        raise UserError(
            f"{path.name} has {largest} {'sample' if largest == 1 else 'samples'} of a prompt at most; "
            f"--selection_mode signal needs {MIN_SAMPLES} or more, one row each.",
            "Draw more (8 is a good number), or choose --selection_mode hard, which needs one.",
        )
    if made.sampling is None:
        log.warning("%s does not tell how its samples were drawn (no column `sampling`)", path.name)
    elif differing := _differing(made.sampling, sampling):
        log.warning("The samples were drawn otherwise than those of the training to come: %s", differing)
    provenance: dict[str, Any] = {"from": path.name, "sha256": file_hash(path), "sampling": made.sampling}
    if all(sample.finish_reason is None for samples in by_id.values() for sample in samples):
        log.warning("%s does not tell which samples were cut (no column `finish_reason`)", path.name)
        provenance["cut_outputs"] = "not known"
    return Samples(by_id, {"without an output": len(examples) - len(by_id)}, provenance)


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
    by_id: dict[str, list[Sample]] = {}
    dropped: Counter[str] = Counter()
    for row_id, outputs in cached.answer_samples([row.conversation for row in examples], sampling, count).items():
        lost = next((output.unanswered for output in outputs if output.unanswered), None)
        if lost is not None:
            dropped[lost] += 1
        else:
            by_id[row_id] = [Sample(output.text, output.finish_reason) for output in outputs]
    provenance = {
        "model": cached.identity.settings(),
        "sampling": sampling.settings(),
        "sampling_signature": sampling.signature(),
        "samples": count,
    }
    return Samples(by_id, dict(dropped), provenance, cached.answered_now)


def _differing(told: str, sampling: Sampling) -> str:
    """In which settings a file's samples differ from the ones asked for, as far as they have the same names."""
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
