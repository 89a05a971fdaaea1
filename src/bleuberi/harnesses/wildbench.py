"""WildBench's grades, merged or of one shard, and the task-macro score of its leaderboard."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple

import numpy as np

from bleuberi.data.raw_row import RawRow
from bleuberi.data.tables import read_rows
from bleuberi.errors import UserError
from bleuberi.statistics import replicate_interval, resampled_means

GROUPS: Final[Mapping[str, str]] = {
    "Information seeking": "Information/Advice seeking", "Advice seeking": "Information/Advice seeking",
    "Creative Writing": "Creative Tasks", "Editing": "Creative Tasks", "Brainstorming": "Creative Tasks",
    "Role playing": "Creative Tasks", "Others": "Creative Tasks", "Coding & Debugging": "Coding & Debugging",
    "Reasoning": "Planning & Reasoning", "Planning": "Planning & Reasoning", "Math": "Math & Data Analysis",
    "Data Analysis": "Math & Data Analysis",
}  # fmt: skip
"""A question's tag -> its task."""
WEIGHTS: Final[Mapping[str, float]] = {
    "Creative Tasks": 0.5, "Planning & Reasoning": 1.25, "Math & Data Analysis": 1.0,
    "Information/Advice seeking": 0.75, "Coding & Debugging": 1.25,
}  # fmt: skip
_CUT: Final = "... (truncated)"  # the harness's mark for an answer it cut for the judge


class Grade(NamedTuple):
    """A judge's grade of one answer, rescaled from 1..10 to -8..10; `whole`: the answer is neither cut nor empty."""

    model: str
    session: str
    score: float
    whole: bool


def wildbench_grades(rows: Iterable[RawRow]) -> tuple[list[Grade], int]:
    """The grades, and the number of rows without one. Accepts merged files and single-shard files, which have the grade
    in `parsed_result` and the answer as a list."""
    found: list[Grade] = []
    silent = 0
    for raw in rows:
        row = raw.values
        model = str(row.get("generator") or row.get("model_test") or row.get("model") or "")
        if not model or "session_id" not in row:
            raise UserError(
                f"{raw.place} has no session_id or no model name.",
                "Give a result file of the harness named with --harness.",
            )
        parsed = row.get("parsed_result")
        given = row.get("score", parsed.get("score") if isinstance(parsed, dict) else None)
        try:
            grade = float(str(given))
        except ValueError:
            grade = math.nan
        if not 1 <= grade <= 10:
            silent += 1
            continue
        answer = row.get("model_output", "-")
        text = str(answer[0] if isinstance(answer, list) and answer else answer or "")
        found.append(Grade(model, str(row["session_id"]), (grade - 5.0) * 2.0, bool(text) and not text.endswith(_CUT)))
    return found, silent


def read_tasks(questions: Path) -> dict[str, frozenset[str]]:
    """The tasks per session, from the tags of the harness's questions. Errors: `UserError` if there are none."""
    tasks: dict[str, frozenset[str]] = {}
    for raw in read_rows(str(questions)):
        row = raw.values
        tags = [row.get("primary_tag"), *(row.get("secondary_tags") or [])]
        known = frozenset(GROUPS[tag] for tag in tags if isinstance(tag, str) and tag in GROUPS)
        ids = [str(row[name]) for name in ("session_id", "id") if row.get(name)]
        if not ids or not known:
            raise UserError(
                f"{raw.place} has no session_id, primary_tag or secondary_tags.",
                "Give the question file that comes with WildBench (allenai/WildBench, v2).",
            )
        tasks.update(dict.fromkeys(ids, known))
    return tasks


def task_scores(grades: Sequence[Grade], tasks: Mapping[str, frozenset[str]]) -> list[dict[str, Any]]:
    """The mean score per model and task, and the task-macro score: the mean with the leaderboard's weights.

    Questions are resampled with all their tasks. Errors: `UserError` for a session without a question.
    """
    scores: list[dict[str, Any]] = []
    for model in dict.fromkeys(grade.model for grade in grades):
        own = [grade for grade in grades if grade.model == model and grade.whole]
        if missing := next((grade.session for grade in own if grade.session not in tasks), None):
            raise UserError(f"--questions has no session {missing}.", "Give the judged question file.")
        if not own:
            continue
        table = np.array(
            [[grade.score if task in tasks[grade.session] else np.nan for task in WEIGHTS] for grade in own]
        )
        means = resampled_means(table, [grade.session for grade in own])
        # As on the leaderboard, a task without a question counts as 0 with its full weight.
        weights = np.array(list(WEIGHTS.values())) / sum(WEIGHTS.values())
        value = float(np.nansum(weights * means.values))
        sessions = len({grade.session for grade in own})
        low, high = replicate_interval(np.nansum(weights * means.replicates, axis=1), 0.95, sessions)
        entry = {"model": model, "unit": "WB-Score", "method": means.method()}
        scores.append(
            {**entry, "measure": "task-macro WB-Score", "score": value, "low": low, "high": high, "n": len(own),
             "n_clusters": sessions}
        )  # fmt: skip
        for column, task in enumerate(WEIGHTS):
            if means.counts[column]:
                found = means.estimate(column)
                scores.append(
                    {**entry, "measure": f"WB-Score, {task}", "score": found.value, "low": found.low,
                     "high": found.high, "n": found.n, "n_clusters": found.n_clusters, "method": found.method}
                )  # fmt: skip
    return scores
