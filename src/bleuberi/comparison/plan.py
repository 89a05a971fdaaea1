"""The smallest difference that a planned experiment can detect, estimated from a pilot's runs.

The variance of a difference of two arms' means has a part from prompts (paired) and a part from the runs of each arm.
Both are estimated from the pilot; quantiles are those of t, with Satterthwaite's degrees of freedom for the planned
numbers. The interaction of runs and prompts is in both parts, so the plan is conservative. A pilot's few runs estimate
their spread imprecisely, so the plan states their number.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean, variance
from typing import Any

from bleuberi.comparison.evaluation import SCORES
from bleuberi.comparison.protocol import Protocol, read_protocol
from bleuberi.errors import UserError

_CONFIDENCE = 0.95
_POWER = 0.8

Scores = Mapping[str, Sequence[float]]  # by run, a score per prompt


@dataclass(frozen=True, slots=True)
class Plan:
    """The detectable difference for given numbers of prompts and runs per arm, in score points."""

    comparison: str
    metric: str
    prompts: int
    runs: int
    smallest_visible: float
    prompt_deviation: float  # standard deviation over prompts of the difference of the arms' means
    run_deviation: float  # standard deviation between runs, of the more variable arm
    pilot_prompts: int
    pilot_runs: Mapping[str, int]

    def sentence(self) -> str:
        pilot = ", ".join(f"{count} of {arm}" for arm, count in self.pilot_runs.items())
        return (
            f"{self.prompts} prompts and {self.runs} runs per arm show a difference of {self.smallest_visible:.3f} in "
            f"{self.metric} ({self.comparison}) in 80 % of experiments, at 5 %. From a pilot with {self.pilot_prompts} "
            f"prompts and {pilot}: standard deviation {self.prompt_deviation:.3f} over prompts, "
            f"{self.run_deviation:.4f} between runs."
        )


def plan(path: Path, prompts: int, runs: int) -> Plan:
    """Plan the primary comparison, based on the protocol's finished runs.

    Errors: `UserError` if it is not evaluated, has no such metric, or no arm has two runs.
    """
    if prompts < 2 or runs < 2:
        raise UserError(
            f"--plan needs at least 2 prompts and 2 runs (got {prompts} and {runs}).", "Give larger numbers."
        )
    protocol = read_protocol(path)
    primary = protocol.primary
    scores = _read_scores(protocol)
    sides = {arm: [scores[run.name] for run in protocol.runs if run.arm.name == arm and run.name in scores]
             for arm in (primary.arm, primary.against)}  # fmt: skip
    if any(not side for side in sides.values()) or max(map(len, sides.values())) < 2:
        raise UserError(
            f"A plan needs at least two runs of {primary.arm} or {primary.against}.",
            "Give the pilot's arms at least three seeds each.",
        )
    difference = [
        fmean(run[place] for run in sides[primary.arm]) - fmean(run[place] for run in sides[primary.against])
        for place in range(len(sides[primary.arm][0]))
    ]
    spreads = _run_variances(protocol, sides)
    parts = [(variance(difference) / prompts, prompts - 1)]
    parts += [(spread / runs, runs - 1) for spread in spreads if spread > 0]
    return Plan(
        comparison=f"{primary.arm} - {primary.against}",
        metric=primary.metric,
        prompts=prompts,
        runs=runs,
        smallest_visible=_visible(parts),
        prompt_deviation=math.sqrt(variance(difference)),
        run_deviation=math.sqrt(max(spreads)),
        pilot_prompts=len(difference),
        pilot_runs={arm: len(side) for arm, side in sides.items()},
    )


def _run_variances(protocol: Protocol, sides: Mapping[str, Sequence[Sequence[float]]]) -> list[float]:
    """The variance between runs per arm: 0 for an untrained arm; the other arm's if there is only one run."""
    found = {arm: variance([fmean(run) for run in side]) for arm, side in sides.items() if len(side) > 1}
    known = max(found.values())
    return [found.get(arm, known if protocol.arms[arm].trained else 0.0) for arm in sides]


def _visible(parts: Sequence[tuple[float, int]]) -> float:
    """The difference detected with the required power; `parts`: variances and their degrees of freedom."""
    from scipy.special import stdtrit  # slow import

    total = sum(part for part, _ in parts)
    if total <= 0.0:
        return 0.0
    freedom = total**2 / sum(part**2 / degrees for part, degrees in parts)
    quantiles = stdtrit(freedom, 0.5 + _CONFIDENCE / 2) + stdtrit(freedom, _POWER)
    return float(quantiles * math.sqrt(total))


def _read_scores(protocol: Protocol) -> dict[str, list[float]]:
    """The primary metric by run, over the prompts with a score in every run."""
    path = protocol.folder / SCORES
    if not path.is_file():
        raise UserError(f"{path} is missing, because the pilot is not evaluated yet.", "Run it first, without --plan.")
    with path.open(encoding="utf-8") as stream:
        rows: list[Mapping[str, Any]] = [json.loads(line)["scores"] for line in stream]
    metric = protocol.primary.metric
    known = sorted({name for row in rows for scores in row.values() for name in scores})
    if metric not in known:
        raise UserError(f"The pilot has no scores named {metric}.", f"Scores: {', '.join(known)}.")
    whole = [row for row in rows if all(scores.get(metric) is not None for scores in row.values())]
    if len(whole) < 2:
        raise UserError(f"Fewer than two prompts have a {metric} score in every run.", "Use more prompts.")
    return {run: [float(row[run][metric]) for row in whole] for run in whole[0]}
