"""Measure other abilities of each model with tasks of lm-evaluation-harness (IFEval, GSM8K, ...).

The harness (EleutherAI, package `lm_eval`) is run as a command, and its result files are read.
"""

from __future__ import annotations

import json
import logging
import shlex
import subprocess
import sys
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final

from bleuberi.errors import UserError
from bleuberi.evaluation.models import EvaluatedModel

log = logging.getLogger(__name__)

FOLDER: Final = "lm_eval"
INSTALL: Final = "pip install 'lm_eval[hf]>=0.4.13'"
_LAST_LINES: Final = 15


def check_lm_eval(tasks: Sequence[str], models: Sequence[EvaluatedModel]) -> None:
    """Errors: `UserError` if the harness is not installed, or a model is a file of responses."""
    if not tasks:
        return
    if find_spec("lm_eval") is None:
        raise UserError("--lm_eval needs the package lm_eval, which is not installed.", f"Install it with: {INSTALL}")
    if fixed := [entry.name for entry in models if entry.response_file is not None]:
        raise UserError(
            f"--lm_eval asks models, but {', '.join(fixed)} is a file of responses.", "Give folders or hub ids."
        )


def run_lm_eval(
    models: Sequence[EvaluatedModel], tasks: Sequence[str], words: str, folder: Path
) -> dict[str, dict[str, dict[str, float]]]:
    """Each model's numbers by task and metric, e.g. `found["grpo"]["gsm8k"]["exact_match,strict-match"]`.

    `words`: further flags of `lm_eval run`, as one text. A model that already has results in `folder` is skipped.
    Errors: `UserError` with the harness's last lines if it fails.
    """
    found = {}
    for entry in models:
        asked = [*tasks, *shlex.split(words)]
        place = folder / FOLDER / entry.name
        request = place / "request.json"
        if not (request.is_file() and json.loads(request.read_text(encoding="utf-8")) == [entry.model, *asked]):
            place.mkdir(parents=True, exist_ok=True)
            for old in place.rglob("results_*.json"):
                old.unlink()
            log.info("lm-evaluation-harness: %s on %s", ", ".join(tasks), entry.name)
            _run(entry, tasks, shlex.split(words), place)
            request.write_text(json.dumps([entry.model, *asked]), encoding="utf-8")  # noqa: TID251 - words alone
        found[entry.name] = read_results(place)
    return found


def _run(entry: EvaluatedModel, tasks: Sequence[str], words: Sequence[str], place: Path) -> None:
    command = [sys.executable, "-m", "lm_eval", "run", "--model", "hf", "--model_args", f"pretrained={entry.model}"]
    command += ["--tasks", ",".join(tasks), "--output_path", str(place), "--apply_chat_template", *words]
    done = subprocess.run(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace", check=False
    )
    (place / "output.log").write_text(done.stdout, encoding="utf-8")
    if done.returncode:
        last = "\n".join(done.stdout.splitlines()[-_LAST_LINES:])
        raise UserError(
            f"lm_eval failed on {entry.name} (exit code {done.returncode}). Its last lines:\n{last}",
            f"The whole output is in {place / 'output.log'}; further flags go to --lm_eval_args.",
        )


def read_results(place: Path) -> dict[str, dict[str, float]]:
    """The numbers of a folder that the harness wrote, by task; a standard error is called `..._stderr,...`.

    Errors: `UserError` if there are none.
    """
    files = sorted(place.rglob("results_*.json"))
    if not files:
        raise UserError(f"lm_eval wrote no results to {place}.", f"See {place / 'output.log'}.")
    results: dict[str, dict[str, Any]] = json.loads(files[-1].read_text(encoding="utf-8"))["results"]
    return {
        task: {name: float(value) for name, value in numbers.items() if isinstance(value, int | float)}
        for task, numbers in results.items()
    }
