"""Create data sets from scored samples: the best sample per prompt for SFT, the best against the worst for DPO."""

from __future__ import annotations

import logging
from array import array
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import fmean
from typing import Any, Final

from bleuberi import columns
from bleuberi.errors import UserError
from bleuberi.on_disk import Spilled
from bleuberi.records import Example, Message
from bleuberi.selection.card import open_dataset, push_dataset
from bleuberi.selection.config import BestConfig, Kind
from bleuberi.selection.dataset_folder import check_dataset_name, find_made, save_dataset
from bleuberi.selection.scored_samples import ScoredText, find_source, read_scored

log = logging.getLogger(__name__)

FOLDERS: Final[dict[Kind, str]] = {"bestof": "data_sft", "pairs": "data_dpo"}


@dataclass(frozen=True, slots=True)
class BestData:
    """A created data set of chosen samples."""

    folder: Path
    rows: int
    reused: bool
    generated_now: int = 0
    hub: str | None = None  # the address of the repository that it was pushed to


def create_best_data(config: BestConfig) -> BestData:
    """Create the data set, or reuse an equal one: `data_sft/NAME_bestofK` or `data_dpo/NAME_pairsK`. Errors:
    `UserError`."""
    if not 0 <= config.min_margin < float("inf"):
        raise UserError(f"--min_margin is {config.min_margin}.", "Give a difference of scores, 0 or more.")
    repository = open_dataset(config.push_to_hub, config.hub_public)
    made = _create(config)
    return replace(made, hub=push_dataset(made.folder, repository))


def _create(config: BestConfig) -> BestData:
    source = find_source(config.samples)
    name = config.output_dataset_name or f"{source.name}_{config.kind}{source.samples}"
    check_dataset_name(name)
    parent = source.output_dir / FOLDERS[config.kind]
    request = {"kind": config.kind, **source.request()}
    if config.kind == "pairs":
        request["min_margin"] = config.min_margin
    if not config.overwrite and (made := find_made(parent, request, name)) is not None:
        return BestData(made.folder, made.rows, True)
    scored = read_scored(source)
    dropped: Counter[str] = Counter(source.dropped)
    dropped.update(scored.dropped)
    rows: Spilled[dict[str, Any]] = Spilled()
    means: defaultdict[str, array[float]] = defaultdict(lambda: array("d"))
    for example, samples in zip(source.examples, scored.rows, strict=True):
        if samples is None:
            continue
        made_row = _row(example, samples, config, scored.metric)
        if isinstance(made_row, str):
            dropped[made_row] += 1
        else:
            rows.append(made_row[0])
            means["mean_score"].append(fmean(sample.score for sample in samples))  # of those that are not chosen too
            for which, score in made_row[1].items():
                means[f"mean_{which}"].append(score)
    reasons = ", ".join(f"{count:,} {reason}" for reason, count in dropped.items() if count)
    if not rows:
        raise UserError(
            f"None of {source.rows_in:,} rows remains: {reasons}.",
            "Draw more samples, raise --inference_max_new_tokens, or lower --min_margin, depending on the reasons.",
        )
    log.info("%s: %d rows of %d prompts%s", config.kind, len(rows), source.rows_in, f" ({reasons})" if reasons else "")
    asked = config.samples
    folder = save_dataset(
        parent / name,
        rows,
        request,
        overwrite=config.overwrite,
        inputs=[asked.input_data_path, asked.outputs, asked.engine_options.answers],
        rows_in=source.rows_in,
        rows_out=len(rows),
        dropped=dict(dropped),
        unscored_samples=scored.unscored,
        samples={what: fmean(values) for what, values in means.items()},
        outputs=scored.provenance,
        reward_signature=scored.signature,
        parents=source.parents,
    )
    return BestData(folder, len(rows), False, scored.generated_now)


def _row(
    example: Example, samples: Sequence[ScoredText], config: BestConfig, metric: str
) -> tuple[dict[str, Any], dict[str, float]] | str:
    """The row of a prompt with the scores of its responses, or the reason why it has none.

    Empty and cut samples are left out: training on them would teach the model to stop there.
    """
    if not samples:
        return "without a scored sample"
    whole = [sample for sample in samples if sample.whole]
    if not whole:
        return "with empty or cut samples alone"
    best = max(whole, key=lambda sample: sample.score)  # the first of equals
    row: dict[str, Any] = {columns.ID: example.id, columns.SOURCE: example.source, columns.PROMPT: example.messages}
    if config.kind == "bestof":
        row |= {"completion": _turn(best), columns.score_column(metric): best.score, "samples": len(samples)}
        return row, {"best": best.score}
    worst = min(whole, key=lambda sample: sample.score)
    if len(whole) < 2:
        return "with fewer than two whole samples"
    if best.score == worst.score:
        return "tied"
    if best.score - worst.score < config.min_margin:
        return f"with a margin below {config.min_margin:g}"
    row |= {"chosen": _turn(best), "rejected": _turn(worst)}
    row |= {"score_chosen": best.score, "score_rejected": worst.score}
    return row, {"best": best.score, "worst": worst.score}


def _turn(sample: ScoredText) -> list[Message]:
    return [Message(role="assistant", content=sample.text)]
