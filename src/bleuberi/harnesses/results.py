"""Read other harnesses' judge results and compute intervals.

Intervals resample questions, not verdicts: two games on one question are one observation.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple

from bleuberi.artifacts import make_manifest
from bleuberi.data.raw_row import RawRow
from bleuberi.data.tables import read_rows
from bleuberi.errors import UserError
from bleuberi.harnesses.formats import UNVERIFIED, find_harness
from bleuberi.harnesses.wildbench import read_tasks, task_scores, wildbench_grades
from bleuberi.records import to_json
from bleuberi.statistics import mean_estimate

Points = dict[tuple[str, str], list[tuple[str, float]]]  # (model, measure) -> question and number
ARENA_LABELS: Final = {
    "A>>B": (1.0, 3), "A>B": (1.0, 1), "B<A": (1.0, 1), "B<<A": (1.0, 3), "A=B": (0.5, 1), "B=A": (0.5, 1),
    "B>A": (0.0, 1), "B>>A": (0.0, 3), "A<B": (0.0, 1), "A<<B": (0.0, 3),
}  # fmt: skip
"""A verdict's value for A, and its weight: a clear verdict counts three times."""


class Reader(NamedTuple):
    """Reader for one harness's results."""

    checked: str
    unit: str
    points: Callable[[Iterable[RawRow]], tuple[Points, int]]  # and the number of rows without a verdict
    caution: str = ""


def read_harness_results(harness: str, files: Sequence[Path], questions: Path | None = None) -> dict[str, Any]:
    """The content of `benchmark.json`; WildBench's `questions` define the tasks of its task-macro score.

    Errors: `UserError` for a file in another format.
    """
    find_harness(harness)
    if questions is not None and harness != "wildbench":
        raise UserError(f"--questions has no effect with --harness {harness}.", "Omit it: it is only for wildbench.")
    for path in files:
        if not path.is_file():
            raise UserError(f"File {path} does not exist.", "Give the harness's result files.")
    if harness == "alpaca_eval":
        scores, checked, warnings = _alpaca(files), "the leaderboards in alpaca-eval 0.6.6", []
    else:
        reader = READERS[harness]
        points, silent = reader.points(raw for path in files for raw in read_rows(str(path)))
        scores, checked = (
            [_score(model, what, found, reader.unit) for (model, what), found in points.items()],
            reader.checked,
        )
        warnings = [f"{silent} judgments had no usable verdict and are excluded."] if silent else []
        warnings += [reader.caution] if reader.caution and questions is None else []
    if questions is not None:
        rows = (raw for path in files for raw in read_rows(str(path)))
        scores += task_scores(wildbench_grades(rows)[0], read_tasks(questions))
    if not scores:
        raise UserError("The files contain no scores.", "Give the harness's result files.")
    if checked == UNVERIFIED:
        warnings.append("This reader was tested on made files only: compare a number with the harness's own output.")
    settings = {"harness": harness, "files": [str(path) for path in files]}
    return make_manifest(
        "benchmark", settings, harness=harness, checked=checked, verified=checked != UNVERIFIED, scores=scores,
        warnings=warnings,
    )  # fmt: skip


def _score(model: str, measure: str, found: Sequence[tuple[str, float]], unit: str) -> dict[str, Any]:
    estimate = to_json(mean_estimate([value for _, value in found], [question for question, _ in found]))
    kept = {name: estimate[name] for name in ("low", "high", "n", "n_clusters", "method")}
    return {"model": model, "measure": measure, "unit": unit, "score": estimate["value"], **kept}


def _mt_bench(rows: Iterable[RawRow]) -> tuple[Points, int]:
    """Grades of single answers (-1: no grade), or games of two models in both orders."""
    points: Points = defaultdict(list)
    silent = 0
    for raw in rows:
        row = raw.values
        question = _text(raw, "question_id")
        if "g1_winner" in row:
            first, second = _text(raw, "model_1"), _text(raw, "model_2")
            said = row["g1_winner"], row.get("g2_winner")
            if "error" in said or None in said:
                silent += 1
                continue
            won = 0.5 if said[0] != said[1] or said[0] == "tie" else 1.0 if said[0] == "model_1" else 0.0
            points[first, f"share won against {second}"].append((question, 100 * won))
        else:
            score = _number(raw, "score")
            if score < 0:
                silent += 1
                continue
            points[_text(raw, "model"), "mean grade"].append((question, score))
            points[_text(raw, "model"), f"grade of turn {row.get('turn', 1)}"].append((question, score))
    return points, silent


def _arena(rows: Iterable[RawRow]) -> tuple[Points, int]:
    """Two games per question: the baseline is A in the first, the model is A in the second."""
    points: Points = defaultdict(list)
    silent = 0
    for raw in rows:
        row = raw.values
        question = str(row.get("question_id", row.get("uid", "")))
        games = row.get("games")
        if not question or not isinstance(games, list):
            raise _unlike(raw, "games or no question id")
        labels = [game.get("score") if isinstance(game, dict) else None for game in games]
        if len(labels) != 2 or any(label not in ARENA_LABELS for label in labels):
            silent += 1
            continue
        for place, label in enumerate(labels):
            worth, times = ARENA_LABELS[str(label)]
            won = worth if place else 1.0 - worth
            points[_text(raw, "model"), "share won against the baseline"] += [(question, 100 * won)] * times
    return points, silent


def _wildbench(rows: Iterable[RawRow]) -> tuple[Points, int]:
    """Grades from 1 to 10, shifted so that 5 becomes 0."""
    points: Points = defaultdict(list)
    found, silent = wildbench_grades(rows)
    for grade in found:
        points[grade.model, "WB-Score"].append((grade.session, grade.score))
    return points, silent


def _alpaca(files: Sequence[Path]) -> list[dict[str, Any]]:
    """A leaderboard: win rates, with intervals from its standard errors."""
    scores = []
    for path in files:
        for raw in read_rows(str(path)):
            row = raw.values
            model = str(row.get("") or row.get("Unnamed: 0") or row.get("model") or "")
            if not model or "win_rate" not in row:
                raise _unlike(raw, "model name or no win_rate (use leaderboard.csv)")
            for measure, error in (("win_rate", "standard_error"), ("length_controlled_winrate", "lc_standard_error")):
                if row.get(measure) not in (None, ""):
                    value, spread = _number(raw, measure), _optional(raw, error)
                    bounds = (None, None) if spread is None else (value - 1.96 * spread, value + 1.96 * spread)
                    scores.append(
                        {"model": model, "measure": measure, "unit": "%", "score": value, "low": bounds[0],
                         "high": bounds[1], "n": int(_optional(raw, "n_total") or 0), "n_clusters": None,
                         "method": "the leaderboard's own standard error, normal 95 %"}
                    )  # fmt: skip
    return scores


READERS: Final[Mapping[str, Reader]] = {
    "mt_bench": Reader("the code of fschat 0.2.36 that writes and reads these files", "grade or %", _mt_bench),
    "arena_hard_v1": Reader(
        UNVERIFIED, "%", _arena, "No style control: the harness's own table may adjust for length."
    ),
    "arena_hard_v2": Reader(
        UNVERIFIED, "%", _arena, "No style control: the harness's own table may adjust for length."
    ),
    "wildbench": Reader(
        UNVERIFIED,
        "WB-Score",
        _wildbench,
        "A plain mean: for the task-macro score of WildBench's leaderboard add --questions FILE.",
    ),
}


def _text(raw: RawRow, name: str) -> str:
    value = raw.values.get(name)
    if not isinstance(value, str | int) or value == "":
        raise _unlike(raw, f"`{name}`")
    return str(value)


def _number(raw: RawRow, name: str) -> float:
    try:
        number = float(str(raw.values.get(name)))
    except ValueError:
        number = math.nan
    if not math.isfinite(number):
        raise _unlike(raw, f"number in `{name}`")
    return number


def _optional(raw: RawRow, name: str) -> float | None:
    return _number(raw, name) if raw.values.get(name) not in (None, "") else None


def _unlike(raw: RawRow, what: str) -> UserError:
    return UserError(f"{raw.place} has no {what}.", "Give a result file of the harness named with --harness.")
