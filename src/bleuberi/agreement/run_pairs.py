"""Score and analyse preference pairs, and write `agreement.json`."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path

import bleuberi
from bleuberi.agreement.analysis import analyse
from bleuberi.agreement.arena import figure_1, read_arena, with_dropped
from bleuberi.agreement.choice import choice_sentence, length_sentences
from bleuberi.agreement.config import PairsConfig
from bleuberi.agreement.judge_margins import judge_sentence, judged_margins
from bleuberi.agreement.mixes import logistic_mix, parts_of_mix, z_mean
from bleuberi.agreement.pairs import PreferencePair, read_preferences
from bleuberi.agreement.record import SCHEMA, find_agreement, request_of, write_result
from bleuberi.agreement.references import choose_references, pool_references
from bleuberi.agreement.scores import (
    FloatArray,
    Scored,
    column_scores,
    named_rewards,
    reference_curve,
    score_pairs,
)
from bleuberi.agreement.tables import Row, read_rows
from bleuberi.agreement.verdict import annotators_sentence, verdicts, warnings_of
from bleuberi.agreement.votes import people_signs
from bleuberi.artifacts import file_hash, local_path
from bleuberi.errors import UserError
from bleuberi.records import Tally
from bleuberi.redaction import redact_words
from bleuberi.rewards import Reward
from bleuberi.rewards.baselines import BASELINES, LENGTH_BASELINE, REFERENCE_FREE_BASELINES
from bleuberi.rewards.blindness import blind_warnings
from bleuberi.statistics import prompt_clusters

FEWEST_PROMPTS_FOR_LOGISTIC = 10

Log = Callable[[str], None]


def run_pairs(config: PairsConfig, command: Sequence[str], log: Log) -> dict[str, object]:
    """Compute agreement with people on pairs; write `agreement.json` and return its content."""
    rewards = named_rewards(config.rewards)
    judged_by = config.judged.settings() if config.judged is not None else None
    request = {**request_of(config, "pairs", rewards), "judged": judged_by}
    if (there := find_agreement(config, request, log)) is not None:
        return there
    config, rows, missing = _rows(config)
    pairs, read = read_preferences(rows, sources=config.sources, score_columns=config.score_columns)
    read = with_dropped(read, missing)
    log(f"{config.preferences}: {read.sentence()} rows with a preference")
    pairs, references, chosen = _references(config, pairs)
    log(f"references: {chosen.sentence()} pairs")
    scored = _score_all(config, rewards, pairs, references, log)
    curves = _curves(config, rewards, pairs, references, log)
    log(f"resampling prompts {config.sureness.resamples:,} times")
    result = analyse(pairs, scored, curves, config.sureness)
    figure = figure_1(pairs, references, rewards, scored, config.sureness, log) if config.arena else None
    judged = None
    if config.judged is not None:
        log(f"asking the judge about {config.judged.share:.0%} of the pairs")
        judged = judged_margins(
            config.judged, scored[0], pairs, references, people_signs(pairs), config.output_dir / "inference_outputs",
            config.sureness.confidence,
        )  # fmt: skip
    dropped = {**read.dropped, **chosen.dropped}
    headline = [one.name for one in scored if one.kind in ("reward", "column", "mix")]
    sentences = verdicts({**result, "sureness": asdict(config.sureness)}, headline, LENGTH_BASELINE)
    document = {
        "schema": SCHEMA,
        "kind": "pairs",
        "command": redact_words(command),
        "version": bleuberi.__version__,
        "inputs": {
            "preferences": fingerprint(config.preferences),
            "pool": fingerprint(config.pool) if config.pool else None,
            "rows": _tally(read),
            "pairs_with_references": _tally(chosen),
            "references_used": {
                "models": list(config.ref_models) or "in the order of the columns",
                "most": config.max_references,
                "mean": sum(map(len, references)) / len(references),
            },
        },
        "sureness": asdict(config.sureness),
        "length_baseline": LENGTH_BASELINE,
        **result,
        **({"figure_1": figure} if figure is not None else {}),
        **({"judge": judged, "judge_sentence": judge_sentence(judged)} if judged is not None else {}),
        "warnings": [*blind_warnings(rewards.values(), references), *warnings_of(result, dropped)],
        "annotators_sentence": annotators_sentence(result, headline[0]),
        "verdicts": sentences,
        "choice": " ".join(
            [
                choice_sentence(
                    result["rewards"], result["balanced_comparisons"], "balanced", config.sureness.confidence
                ),
                *length_sentences(result["rewards"]),
            ]
        ).strip(),
        "verdict": sentences[headline[0]],
    }
    write_result(document, config.output_dir, request)
    return document


def _rows(config: PairsConfig) -> tuple[PairsConfig, list[Row], Mapping[str, int]]:
    """The rows, the reasons for excluded rows, and the config completed from the paper's files."""
    if not config.arena:
        return config, read_rows(config.preferences, split=config.split), {}
    arena = read_arena(local_path(config.preferences))
    told = replace(
        config,
        score_columns=config.score_columns or arena.score_columns,
        ref_models=config.ref_models or arena.ref_models,
    )
    return told, arena.rows, arena.dropped


def _references(
    config: PairsConfig, pairs: list[PreferencePair]
) -> tuple[list[PreferencePair], list[list[str]], Tally]:
    pool = pool_references(read_rows(config.pool, split=config.split)) if config.pool else None
    if not config.rewards and pool is None and not any(pair.reference_by_model for pair in pairs):
        return pairs, [[] for _ in pairs], Tally(len(pairs), len(pairs))  # precomputed scores need no references
    return choose_references(pairs, ref_models=config.ref_models, max_references=config.max_references, pool=pool)


def _score_all(
    config: PairsConfig,
    rewards: Mapping[str, Reward],
    pairs: Sequence[PreferencePair],
    references: Sequence[Sequence[str]],
    log: Log,
) -> list[Scored]:
    scored = []
    for name, reward in rewards.items():
        log(f"scoring {2 * len(pairs):,} responses with {name}")
        scored.append(score_pairs(reward, pairs, references, name=name))
    scored += [column_scores(name, pairs) for name in config.score_columns]
    baselines = BASELINES if any(references) else REFERENCE_FREE_BASELINES
    scored += [score_pairs(baseline(), pairs, references, "baseline") for baseline in baselines]
    repeated = {one.name for one in scored if sum(one.name == other.name for other in scored) > 1}
    if repeated:
        raise UserError(f"Duplicate score names: {', '.join(repeated)}.", "Give every reward and column a unique name.")
    people = people_signs(pairs)
    prompts = prompt_clusters([pair.asked for pair in pairs])
    many = len({name for name, sign in zip(prompts, people, strict=True) if sign}) >= FEWEST_PROMPTS_FOR_LOGISTIC
    mixes = []
    for mix in config.combine or _usual_mixes(scored[0].name, config.score_columns):
        parts = parts_of_mix(mix, scored)
        mixes.append(z_mean(parts))
        if many:
            mixes.append(logistic_mix(parts, people, prompts, config.sureness.seed))
        else:
            log(f"no logistic mix of {mix}: it needs {FEWEST_PROMPTS_FOR_LOGISTIC} prompts with decisive pairs")
    main = len(config.rewards) + len(config.score_columns)
    return [*scored[:main], *mixes, *scored[main:]]


def _usual_mixes(first: str, score_columns: Sequence[str]) -> list[str]:
    """Default mixes: the first score with each precomputed score, and with length."""
    return [f"{first}+{name}" for name in (*score_columns, LENGTH_BASELINE) if name != first]


def _curves(
    config: PairsConfig,
    rewards: Mapping[str, Reward],
    pairs: Sequence[PreferencePair],
    references: Sequence[Sequence[str]],
    log: Log,
) -> dict[str, FloatArray]:
    # As many references as at least half of the pairs have.
    longest = sorted(map(len, references))[(len(references) - 1) // 2]
    if config.curve_orders < 1 or longest < 2:
        return {}
    people = people_signs(pairs)
    curves = {}
    for name, reward in rewards.items():
        log(f"{name} with 1 to {longest} references, {config.curve_orders} orders")
        curves[name] = reference_curve(
            reward, pairs, references, people, longest=longest, orders=config.curve_orders, seed=config.sureness.seed
        )
    return curves


def fingerprint(source: str) -> dict[str, str | None]:
    """A source's name and, if it is a file, the hash of its bytes."""
    path = Path(source).expanduser()
    return {"source": source, "sha256": file_hash(path) if path.is_file() else None}


def _tally(tally: Tally) -> dict[str, object]:
    return {"in": tally.rows_in, "kept": tally.kept, "dropped": dict(tally.dropped)}
