"""Several scored responses per prompt: from a file, from the output cache of a `signal` data set, or drawn now.

Read by `data bestof`, `data pairs` and `headroom`.
"""

from __future__ import annotations

import logging
import math
from array import array
from bisect import bisect_left
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import chain
from pathlib import Path
from typing import Any, Final, NamedTuple

import numpy as np

from bleuberi import columns
from bleuberi.artifacts import file_hash, json_rows_hash
from bleuberi.data.made_responses import MadeResponse, responses_to
from bleuberi.errors import UserError
from bleuberi.flags import OUTPUT_DIR
from bleuberi.generation import check_engine, local_revision
from bleuberi.generation.base import Sampling, is_whole
from bleuberi.on_disk import Mapped, Spilled
from bleuberi.records import Example
from bleuberi.rewards import load_reward, reward_name
from bleuberi.rewards.on_cluster import load_reward_on
from bleuberi.selection.config import SamplesConfig, SignalSettings
from bleuberi.selection.sample_prompts import read_examples
from bleuberi.selection.samples import Sample, one_sampling, samples_from_model
from bleuberi.selection.scores import score_pool

log = logging.getLogger(__name__)

SCORE: Final = "score"  # the column of scores whose reward a file does not name
_DRAWN: Final = SignalSettings()
_BY_REWARD: Final = "{} gives no score"


class ScoredText(NamedTuple):
    """One response of a prompt; `finish_reason` is None if its file has none."""

    text: str
    finish_reason: str | None
    score: float

    @property
    def whole(self) -> bool:
        """As `is_whole`."""
        return is_whole(self.text, self.finish_reason)


@dataclass(frozen=True, slots=True)
class SampleSource:
    """The requested sampling with all defaults filled in, fixed before the first sample is drawn."""

    config: SamplesConfig
    name: str  # of the data set or pool, for generated names
    examples: Sequence[Example]  # N
    rows_in: int
    dropped: Mapping[str, int]  # rows without enough references
    parents: list[dict[str, Any]]
    samples: int  # the most of a prompt
    sampling: Sampling
    output_dir: Path
    found: Sequence[list[MadeResponse]] = ()  # N, in the file `outputs`; empty for an example without a response

    def request(self) -> dict[str, Any]:
        """The settings and hashes that decide the samples and their scores."""
        config = self.config
        rows = Mapped(self.examples, lambda row: [row.id, row.messages, row.references])
        request: dict[str, Any] = {
            "input": self.name,
            "input_sha256": json_rows_hash(rows),
            "num_samples": self.samples,
        }
        request["metric"] = load_reward(config.metric).signature() if config.metric else SCORE
        if config.outputs is not None:
            return request | {"outputs_sha256": file_hash(config.outputs), "model": config.model}
        revision = local_revision(str(config.model), config.engine, config.engine_options)
        local = (revision or "").startswith("files:")
        return request | {
            "model": columns.model_short_name(str(config.model)) if local else config.model,
            "model_revision": revision,
            "sampling": self.sampling.signature(),
        }


@dataclass(frozen=True, slots=True)
class ScoredSamples:
    """The samples of N examples; each has a score. `dropped` counts prompts, `unscored` samples."""

    rows: Sequence[list[ScoredText] | None]  # N; None for an example without samples
    metric: str  # the reward's name
    signature: str
    dropped: dict[str, int]
    unscored: dict[str, int]  # by reason
    provenance: dict[str, Any]
    generated_now: int = 0


def find_source(config: SamplesConfig) -> SampleSource:
    """Read prompts and references, and fill in the settings. Errors: `UserError` if no file of samples is given and no
    model or no reward is known."""
    if config.outputs is not None and not config.outputs.is_file():
        raise UserError(f"File {config.outputs} does not exist.", "Check the path given with --outputs.")
    name, examples, rows_in, dropped, manifest = read_examples(
        config.input_data_path, config.split, config.ref_models, config.min_references
    )
    drawn: Mapping[str, Any] = (manifest or {}).get("outputs") or {}
    stored = drawn["sampling"] if isinstance(drawn.get("sampling"), dict) else {}
    settings = (manifest or {}).get("config") or {}
    model = config.model or (drawn.get("model") or {}).get("model")
    metric = config.metric or _reward_of(settings.get("metric"), with_model=config.outputs is None)
    if config.outputs is None and model is None:
        cure = "Add --outputs FILE with several responses per prompt, or --model MODEL to draw them."
        if drawn.get("from"):
            cure = f"It was made from {drawn['from']}: add --outputs with that file."
        raise UserError(f"{config.input_data_path} does not say which samples to use.", cure)
    if config.outputs is None and metric is None:
        raise UserError("No reward is given.", "Add --metric bleu.")
    samples = config.num_samples or drawn.get("samples") or _DRAWN.num_samples
    if samples < 2:
        raise UserError(f"--num_samples is {samples}, which leaves nothing to choose from.", "Give 2 or more.")
    found: Sequence[list[MadeResponse]] = ()
    if config.outputs is not None:
        found = _responses_of(config, examples)
        samples = max(map(len, found))
    plain = _DRAWN.sampling(512, 42)
    asked = {
        "max_new_tokens": config.inference_max_new_tokens,
        "temperature": config.sample_temperature,
        "top_p": config.sample_top_p,
        "top_k": config.sample_top_k,
        "seed": config.seed,
    }
    chosen = {key: value for key, value in asked.items() if value is not None}
    sampling = Sampling(**{**plain.settings(), **stored, **chosen})
    sampling.check()
    if config.outputs is None:
        if sampling.temperature == 0:
            raise UserError("--sample_temperature is 0, so all samples of a prompt would be equal.", "Give e.g. 0.9.")
        check_engine(model, config.engine, config.engine_options)
    given = Path(config.input_data_path)
    place = given.resolve().parent.parent if given.parent.name == "data_grpo" else OUTPUT_DIR
    parents = []
    if manifest:
        parents = [{"folder": name, **{key: manifest.get(key) for key in ("files_sha256", "rows_sha256")}}]
    filled = replace(config, model=model, metric=metric)
    return SampleSource(
        filled, name, examples, rows_in, dropped, parents, samples, sampling, config.output_dir or place, found
    )


def _responses_of(config: SamplesConfig, examples: Sequence[Example]) -> Sequence[list[MadeResponse]]:
    """The file's responses to each example, at most `num_samples` each. Errors: `UserError` if no prompt has two."""
    path = Path(str(config.outputs))
    joined = responses_to(examples, path, config.model).by_id
    found = Spilled(joined.get(row.id, [])[: config.num_samples] for row in examples)
    if max(map(len, found)) < 2:
        raise UserError(
            f"{path.name} has one response per prompt: there would be nothing to choose from.",
            "Give a file with several samples per prompt.",
        )
    return found


def read_scored(source: SampleSource) -> ScoredSamples:
    """Read or draw the samples, and score those that come without scores. Errors: `UserError`."""
    config = source.config
    if config.outputs is not None:
        return _from_file(source, config.outputs)
    cache = source.output_dir / "inference_outputs"
    options = config.engine_options
    drawn = samples_from_model(
        source.examples, str(config.model), source.sampling, config.engine, cache, source.samples, options
    )
    label = columns.model_short_name(str(config.model))
    return _score(source, drawn.rows, label, drawn.dropped, drawn.provenance, drawn.generated_now)


def _without_score(count: int, samples: int, why: str) -> dict[str, int]:
    """How many samples have no score, with the reason; logged, since they are left out."""
    if count:
        log.warning("%d of %d samples are left out: %s", count, samples, why)
    return {why: count} if count else {}


def _reward_of(signature: object, *, with_model: bool) -> str | None:
    """The name of the reward with this signature. None for an unknown one, or if loading it needs settings."""
    return reward_name(str(signature)) if with_model and signature else None


def _from_file(source: SampleSource, path: Path) -> ScoredSamples:
    told = one_sampling(path, chain.from_iterable(source.found))
    provenance = {"from": path.name, "sha256": file_hash(path), "sampling": told}
    dropped = {"without a response": sum(not rows for rows in source.found)}
    column = _score_column(source.found, source.config.metric)
    if column is None:
        texts = Mapped(source.found, lambda rows: [Sample(one.text, one.finish_reason) for one in rows])
        return _score(source, texts, path.name.split(".")[0], dropped, provenance)
    metric = columns.safe_name(load_reward(source.config.metric).name) if source.config.metric else SCORE
    log.info("The scores are those of the column %s of %s", column, path.name)

    def scored(rows: list[MadeResponse]) -> list[ScoredText] | None:
        found = [ScoredText(one.text, one.finish_reason, one.numbers[column]) for one in rows if column in one.numbers]
        return found if rows else None

    samples = sum(map(len, source.found))
    unscored = sum(column not in one.numbers for one in chain.from_iterable(source.found))
    return ScoredSamples(
        Mapped(source.found, scored),
        metric,
        f"{metric}|imported:{file_hash(path)[:16]}",
        dropped,
        _without_score(unscored, samples, f"`{column}` is null or not a number"),
        provenance,
    )


def _score_column(found: Sequence[list[MadeResponse]], metric: str | None) -> str | None:
    """The column with the rows' scores; None if they have to be computed. Errors: `UserError` if neither is
    possible."""
    wanted = [SCORE]
    if metric is not None:
        name = load_reward(metric).name
        wanted = [columns.score_column(name), name]
    counts = Counter(column for row in chain.from_iterable(found) for column in row.numbers)
    column = next((name for name in wanted if counts[name]), None)
    if column is None and metric is None:
        empty = any(SCORE in row.no_numbers for row in chain.from_iterable(found))
        what = (
            "Every `score` of the responses is null or not a number"
            if empty
            else "The responses have no column `score`"
        )
        raise UserError(f"{what}, and no reward is given.", "Add --metric bleu.")
    return column


def _score(
    source: SampleSource,
    texts: Sequence[list[Sample]],  # N
    label: str,
    dropped: dict[str, int],
    provenance: dict[str, Any],
    generated_now: int = 0,
) -> ScoredSamples:
    """Score every sample; the scores are saved in `scored_outputs/`."""
    config = source.config
    cluster = config.engine_options.cluster if config.engine == "ray" else None
    reward = load_reward_on(str(config.metric), cluster)
    places = array("q", (place for place, found in enumerate(texts) for _ in found))  # of each sample its example's
    example = lru_cache(1)(source.examples.__getitem__)  # it is asked for once per sample

    def asked(number: int) -> Example:
        row = example(places[number])
        return replace(row, id=f"{row.id}#{number - bisect_left(places, places[number])}")

    stem = columns.pool_label([source.name, columns.safe_name(reward.name), columns.safe_name(label), "samples"])
    scores = score_pool(
        Mapped(range(len(places)), asked),
        (sample.text for found in texts for sample in found),
        reward,
        source.output_dir / "scored_outputs" / f"{stem}.json",
    )
    values = np.full(len(places), np.nan)
    values[scores.places] = scores.values

    def scored(place: int) -> list[ScoredText] | None:
        found, first = texts[place], bisect_left(places, place)
        own = zip(found, values[first : first + len(found)].tolist(), strict=True)
        return [ScoredText(*sample, value) for sample, value in own if not math.isnan(value)] if found else None

    return ScoredSamples(
        Mapped(range(len(texts)), scored),
        reward.name,
        reward.signature(),
        dropped,
        _without_score(len(places) - len(scores.places), len(places), _BY_REWARD.format(reward.name)),
        provenance,
        generated_now,
    )
