"""Several scored responses per prompt: from a file, from the output cache of a `signal` data set, or drawn now.

Read by `data bestof`, `data pairs` and `headroom`.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final, NamedTuple

from bleuberi import columns
from bleuberi.artifacts import file_hash, json_hash
from bleuberi.data.made_responses import MadeResponse, join_responses, no_response_fits, read_responses
from bleuberi.errors import UserError
from bleuberi.flags import OUTPUT_DIR
from bleuberi.generation import check_engine, local_revision
from bleuberi.generation.base import Sampling
from bleuberi.records import Example
from bleuberi.rewards import Reward, load_reward, reward_name
from bleuberi.rewards.on_cluster import load_reward_on
from bleuberi.selection.config import SamplesConfig, SignalSettings
from bleuberi.selection.sample_prompts import read_examples
from bleuberi.selection.samples import one_sampling, samples_from_model
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
        """Whether the response has text and was not cut at the token limit."""
        return bool(self.text.strip()) and self.finish_reason != "length"


@dataclass(frozen=True, slots=True)
class SampleSource:
    """The requested sampling with all defaults filled in, fixed before the first sample is drawn."""

    config: SamplesConfig
    name: str  # of the data set or pool, for generated names
    examples: list[Example]
    rows_in: int
    dropped: Mapping[str, int]  # rows without enough references
    parents: list[dict[str, Any]]
    samples: int  # the most of a prompt
    sampling: Sampling
    output_dir: Path
    found: Mapping[str, Sequence[MadeResponse]] = field(default_factory=dict)  # in the file `outputs`, by example id

    def request(self) -> dict[str, Any]:
        """The settings and hashes that decide the samples and their scores."""
        config = self.config
        rows = [[row.id, row.messages, row.references] for row in self.examples]
        request: dict[str, Any] = {"input": self.name, "input_sha256": json_hash(rows), "num_samples": self.samples}
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
    """Samples by example id in the pool's order; each has a score. `dropped` counts prompts, `unscored` samples."""

    by_id: dict[str, list[ScoredText]]
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
    found: dict[str, list[MadeResponse]] = {}
    if config.outputs is not None:
        found = _responses_of(config, examples)
        samples = max(map(len, found.values()))
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


def _responses_of(config: SamplesConfig, examples: Sequence[Example]) -> dict[str, list[MadeResponse]]:
    """The file's responses by example id, at most `num_samples` each. Errors: `UserError` if no prompt has two."""
    path = Path(str(config.outputs))
    joined = join_responses(examples, read_responses(path, config.model)).by_id
    if not joined:
        raise no_response_fits(path)
    if max(map(len, joined.values())) < 2:
        raise UserError(
            f"{path.name} has one response per prompt: there would be nothing to choose from.",
            "Give a file with several samples per prompt.",
        )
    return {row: rows[: config.num_samples] for row, rows in joined.items()}


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
    texts = {row: [(one.text, one.finish_reason) for one in found] for row, found in drawn.by_id.items()}
    by_id, reward = _score(source, texts, columns.model_short_name(str(config.model)))
    return ScoredSamples(
        by_id,
        reward.name,
        reward.signature(),
        drawn.dropped,
        _without_score(texts, by_id, _BY_REWARD.format(reward.name)),
        drawn.provenance,
        drawn.generated_now,
    )


def _without_score(
    found: Mapping[str, Sequence[object]], scored: Mapping[str, Sequence[object]], why: str
) -> dict[str, int]:
    """How many samples have no score, with the reason; logged, since they are left out."""
    count = sum(map(len, found.values())) - sum(map(len, scored.values()))
    if count:
        log.warning("%d of %d samples are left out: %s", count, sum(map(len, found.values())), why)
    return {why: count} if count else {}


def _reward_of(signature: object, *, with_model: bool) -> str | None:
    """The name of the reward with this signature. None for an unknown one, or if loading it needs settings."""
    return reward_name(str(signature)) if with_model and signature else None


def _from_file(source: SampleSource, path: Path) -> ScoredSamples:
    rows_by_id = {row.id: source.found[row.id] for row in source.examples if row.id in source.found}
    told = one_sampling(path, [row for found in rows_by_id.values() for row in found])
    provenance = {"from": path.name, "sha256": file_hash(path), "sampling": told}
    dropped = {"without a response": len(source.examples) - len(rows_by_id)}
    column = _score_column(rows_by_id, source.config.metric)
    if column is not None:
        by_id = {
            row: [
                ScoredText(one.text, one.finish_reason, one.numbers[column]) for one in found if column in one.numbers
            ]
            for row, found in rows_by_id.items()
        }
        metric = columns.safe_name(load_reward(source.config.metric).name) if source.config.metric else SCORE
        signature = f"{metric}|imported:{file_hash(path)[:16]}"
        log.info("The scores are those of the column %s of %s", column, path.name)
        why = f"`{column}` is null or not a number"
    else:
        texts = {row: [(one.text, one.finish_reason) for one in found] for row, found in rows_by_id.items()}
        by_id, reward = _score(source, texts, path.name.split(".")[0])
        metric, signature, why = reward.name, reward.signature(), _BY_REWARD.format(reward.name)
    return ScoredSamples(by_id, metric, signature, dropped, _without_score(rows_by_id, by_id, why), provenance)


def _score_column(rows_by_id: Mapping[str, Sequence[MadeResponse]], metric: str | None) -> str | None:
    """The column with the rows' scores; None if they have to be computed. Errors: `UserError` if neither is
    possible."""
    wanted = [SCORE]
    if metric is not None:
        name = load_reward(metric).name
        wanted = [columns.score_column(name), name]
    counts = Counter(column for found in rows_by_id.values() for row in found for column in row.numbers)
    column = next((name for name in wanted if counts[name]), None)
    if column is None and metric is None:
        empty = any(SCORE in row.no_numbers for found in rows_by_id.values() for row in found)
        what = (
            "Every `score` of the responses is null or not a number"
            if empty
            else "The responses have no column `score`"
        )
        raise UserError(f"{what}, and no reward is given.", "Add --metric bleu.")
    return column


def _score(
    source: SampleSource, texts: Mapping[str, Sequence[tuple[str, str | None]]], label: str
) -> tuple[dict[str, list[ScoredText]], Reward]:
    """Score every sample in one batch; the scores are saved in `scored_outputs/`."""
    config = source.config
    cluster = config.engine_options.cluster if config.engine == "ray" else None
    reward = load_reward_on(str(config.metric), cluster)
    expanded, responses = [], {}
    for row in source.examples:
        for number, (text, _) in enumerate(texts.get(row.id, ())):
            key = f"{row.id}#{number}"
            expanded.append(replace(row, id=key))
            responses[key] = text
    stem = columns.pool_label([source.name, columns.safe_name(reward.name), columns.safe_name(label), "samples"])
    scores = score_pool(expanded, responses, reward, source.output_dir / "scored_outputs" / f"{stem}.json").by_id
    by_id = {
        row: [
            ScoredText(text, reason, scores[f"{row}#{number}"])
            for number, (text, reason) in enumerate(found)
            if f"{row}#{number}" in scores
        ]
        for row, found in texts.items()
    }
    return by_id, reward
