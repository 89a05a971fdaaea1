"""Several scored responses per prompt: of a file, of the cache of a `signal` data set, or drawn now.

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
from bleuberi.artifacts import file_hash, json_hash, read_manifest
from bleuberi.data.grpo_rows import prompt_messages
from bleuberi.data.made_responses import MadeResponse, join_responses, no_response_fits, read_responses
from bleuberi.data.pool import pool_name, read_pool
from bleuberi.data.references import join_references
from bleuberi.data.tables import read_rows
from bleuberi.errors import UserError
from bleuberi.generation import EngineOptions, check_engine, local_revision
from bleuberi.generation.base import Sampling
from bleuberi.records import Example
from bleuberi.rewards import REWARDS, Reward, load_reward
from bleuberi.rewards.on_cluster import load_reward_on
from bleuberi.selection.samples import one_sampling, samples_from_model
from bleuberi.selection.scores import score_pool
from bleuberi.selection.signal import SignalSettings

log = logging.getLogger(__name__)

SCORE: Final = "score"  # the column of scores whose reward a file does not name
_DRAWN: Final = SignalSettings()


@dataclass(frozen=True, slots=True)
class SamplesConfig:
    """Which prompts, which samples and which reward. Settings that are None are those of a `signal` data set, else
    `data grpo`'s."""

    input_data_path: str  # a GRPO data set, or a pool
    split: str = "train"
    ref_models: tuple[str, ...] = (columns.ALL_REFERENCES,)
    min_references: int | None = None
    outputs: Path | None = None
    model: str | None = None
    metric: str | None = None
    num_samples: int | None = None
    sample_temperature: float | None = None
    sample_top_p: float | None = None
    sample_top_k: int | None = None
    inference_max_new_tokens: int | None = None
    seed: int | None = None
    engine: str = "auto"
    engine_options: EngineOptions = field(default_factory=EngineOptions)
    output_dir: Path | None = None  # None: where the GRPO data set lies, else ../data


class ScoredText(NamedTuple):
    """One response of a prompt; `finish_reason` is None if its file has none."""

    text: str
    finish_reason: str | None
    score: float

    @property
    def whole(self) -> bool:
        """Whether it is neither empty nor cut at the token limit."""
        return bool(self.text.strip()) and self.finish_reason != "length"


@dataclass(frozen=True, slots=True)
class SampleSource:
    """What was asked for, with every setting filled in, before anything is drawn."""

    config: SamplesConfig
    name: str  # of the data set or pool, for generated names
    examples: list[Example]
    rows_in: int
    dropped: Mapping[str, int]  # rows without enough references
    parents: list[dict[str, Any]]
    samples: int
    sampling: Sampling
    output_dir: Path

    def request(self) -> dict[str, Any]:
        """What decides the samples and their scores."""
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
    unscored: int
    provenance: dict[str, Any]
    generated_now: int = 0


def find_source(config: SamplesConfig) -> SampleSource:
    """Read prompts and references, and fill in the settings. Errors: `UserError` if no samples or scores are named."""
    if config.outputs is not None and not config.outputs.is_file():
        raise UserError(f"There is no file {config.outputs}.", "Check the path given with --outputs.")
    name, examples, rows_in, dropped, manifest = _read_examples(config)
    drawn: Mapping[str, Any] = (manifest or {}).get("outputs") or {}
    stored = drawn["sampling"] if isinstance(drawn.get("sampling"), dict) else {}
    settings = (manifest or {}).get("config") or {}
    model = config.model or (drawn.get("model") or {}).get("model")
    metric = config.metric or _reward_of(settings.get("metric"), with_model=config.outputs is None)
    if config.outputs is None and model is None:
        cure = "Add --outputs FILE with several responses per prompt, or --model MODEL to draw them."
        if drawn.get("from"):
            cure = f"It was made from {drawn['from']}: add --outputs with that file."
        raise UserError(f"{config.input_data_path} does not name the samples to use.", cure)
    if config.outputs is None and metric is None:
        raise UserError("No reward is named.", "Add --metric bleu.")
    samples = config.num_samples or drawn.get("samples") or _DRAWN.num_samples
    if samples < 2:
        raise UserError(f"--num_samples is {samples}: there would be nothing to choose from.", "Give 2 or more.")
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
            raise UserError("--sample_temperature is 0: all samples of a prompt would be the same.", "Give e.g. 0.9.")
        check_engine(model, config.engine, config.engine_options)
    given = Path(config.input_data_path)
    place = given.resolve().parent.parent if given.parent.name == "data_grpo" else Path("../data")
    parents = [{"folder": name, "files_sha256": manifest.get("files_sha256")}] if manifest else []
    filled = replace(config, model=model, metric=metric)
    return SampleSource(
        filled, name, examples, rows_in, dropped, parents, samples, sampling, config.output_dir or place
    )


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
    unscored = sum(map(len, texts.values())) - sum(map(len, by_id.values()))
    return ScoredSamples(
        by_id, reward.name, reward.signature(), drawn.dropped, unscored, drawn.provenance, drawn.generated_now
    )


def _reward_of(signature: object, *, with_model: bool) -> str | None:
    """The name of the reward that has this signature; None if there is none, or it needs settings to be loaded."""
    name = str(signature or "").partition("|")[0]
    if not with_model or name not in REWARDS or load_reward(name).signature() != signature:
        return None
    return name


def _read_examples(
    config: SamplesConfig,
) -> tuple[str, list[Example], int, Mapping[str, int], Mapping[str, Any] | None]:
    """Name, examples, rows, dropped rows by reason, and the manifest of a data set."""
    source, name = config.input_data_path, pool_name(config.input_data_path)
    first = next(iter(read_rows(source, config.split)), None)
    if first is not None and {columns.REFERENCES, columns.MESSAGES} <= first.values.keys():
        rows = [dict(raw.values) for raw in read_rows(source, config.split)]
        examples = [
            Example(
                str(row[columns.ID]),
                row.get(columns.SOURCE) or name,
                prompt_messages(row),
                row[columns.PROMPT],
                row.get(columns.GROUND_TRUTH) or "",
                list(row[columns.REFERENCES]),
            )
            for row in rows
        ]
        manifest = read_manifest(Path(source)) if Path(source).is_dir() else None
        return name, examples, len(rows), {}, manifest
    pool = read_pool(source, config.ref_models, config.split)
    examples, tally = join_references(pool, config.ref_models, config.min_references)
    return name, examples, len(pool.rows), tally.dropped, None


def _from_file(source: SampleSource, path: Path) -> ScoredSamples:
    rows_by_id = join_responses(source.examples, read_responses(path, source.config.model)).by_id
    if not rows_by_id:
        raise no_response_fits(path)
    rows_by_id = {row: found[: source.samples] for row, found in rows_by_id.items()}
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
    else:
        texts = {row: [(one.text, one.finish_reason) for one in found] for row, found in rows_by_id.items()}
        by_id, reward = _score(source, texts, path.name.split(".")[0])
        metric, signature = reward.name, reward.signature()
    unscored = sum(map(len, rows_by_id.values())) - sum(map(len, by_id.values()))
    return ScoredSamples(by_id, metric, signature, dropped, unscored, provenance)


def _score_column(rows_by_id: Mapping[str, Sequence[MadeResponse]], metric: str | None) -> str | None:
    """The column with the scores of the rows; None if they have to be computed. Errors: neither is possible."""
    wanted = [SCORE]
    if metric is not None:
        name = load_reward(metric).name
        wanted = [columns.score_column(name), name]
    counts = Counter(column for found in rows_by_id.values() for row in found for column in row.numbers)
    column = next((name for name in wanted if counts[name]), None)
    if column is None and metric is None:
        raise UserError("The responses have no column `score`, and no reward is named.", "Add --metric bleu.")
    return column


def _score(
    source: SampleSource, texts: Mapping[str, Sequence[tuple[str, str | None]]], label: str
) -> tuple[dict[str, list[ScoredText]], Reward]:
    """Every sample scored in one batch; scores are kept in `scored_outputs/`."""
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
