"""Compare all runs with `bleuberi evaluate`, and write the files to commit."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from bleuberi.artifacts import (
    MANIFEST,
    file_hash,
    json_hash,
    make_manifest,
    read_json,
    readable_json,
    write_json,
    write_text,
)
from bleuberi.columns import PROMPT, REFERENCE_PREFIX
from bleuberi.comparison.answer import RESPONSES, read_responses, responses_hash
from bleuberi.comparison.costs import Cost
from bleuberi.comparison.decision import WORTHWHILE, Decision, Spent, decide, decision_text, spent
from bleuberi.comparison.inputs import flag_words
from bleuberi.comparison.process import COMMAND, run_process
from bleuberi.comparison.protocol import Protocol
from bleuberi.comparison.record import RUNS, RunRecord, changed_promises, command_of
from bleuberi.comparison.search_costs import Searched, search_costs
from bleuberi.comparison.stages import Workshop
from bleuberi.comparison.table import cost_table
from bleuberi.data.tables import read_rows
from bleuberi.evaluation.config import TRAINED_ON
from bleuberi.evaluation.record import RESULT, EvaluationRecord
from bleuberi.made import is_complete
from bleuberi.strict_json import strict_json
from bleuberi.view.markdown import markdown_block

SCORES: Final = "scores.jsonl"
TABLE: Final = "table.md"
KIND: Final = "experiment"
_MADE: Final = "evaluation"  # the output folder of `bleuberi evaluate`
_TELLING_LETTERS: Final = 20  # shorter texts may match by chance

Records = Mapping[str, RunRecord]
Evaluate = Callable[[list[str], Path], None]
"""Runs `bleuberi evaluate` with these arguments in this folder."""


def evaluate_command(words: list[str], folder: Path) -> None:
    """Run the ordinary command in a separate process."""
    run_process([*COMMAND, "evaluate", *words], name="The evaluation", folder=folder, threads=1, cwd=folder)


def is_current(protocol: Protocol, records: Records) -> bool:
    """Whether the experiment's folder has an unchanged evaluation of exactly these runs."""
    return is_complete(protocol.folder, _request(protocol, records))


def evaluate_runs(
    protocol: Protocol, records: Records, texts: Mapping[str, Path], workshop: Workshop, evaluate: Evaluate
) -> None:
    """Evaluate all runs, and write evaluation.json, scores.jsonl, table.md and, last, the manifest.

    `texts`: each run's responses.jsonl with texts. Errors: the command's `UserError`.
    """
    request = _request(protocol, records)
    work = workshop.store.evaluation(request)
    pool = workshop.pools[protocol.prompts].path
    (work / RUNS).mkdir(parents=True, exist_ok=True)
    prompts = protocol.prompts + "".join(pool.suffixes[-2:] if pool.suffix == ".gz" else pool.suffixes[-1:])
    shutil.copyfile(pool, work / prompts)
    for name, path in texts.items():
        shutil.copyfile(path, work / _responses_file(name))
    evaluate(evaluate_words(protocol, prompts), work)
    made = work / _MADE
    content = read_json(made / RESULT)
    content["command"] = command_of(protocol)
    notes = changed_promises(records, protocol)
    evaluation = EvaluationRecord.load(made)
    scores = _scores(evaluation, made)
    metric = protocol.primary.metric
    stated = protocol.smallest_visible.get(metric)
    worthwhile = float(stated) if isinstance(stated, int | float) else WORTHWHILE
    searched = search_costs(protocol.search, protocol.path.parent)
    spent_by = spending(protocol, records, searched)
    decision = decide(evaluation, metric, protocol.arms, spent_by, worthwhile)
    content["decision"] = decision.to_json() if decision else None
    comparison = (made / "comparison.md").read_text(encoding="utf-8").rstrip("\n")
    costs = markdown_block(cost_table(protocol, records, searched))
    table = "\n".join([*_introduction(protocol, notes, decision), comparison, "", costs])
    written = {
        RESULT: strict_json(content, indent=2) + "\n",
        SCORES: "".join(readable_json(row) + "\n" for row in scores),
        TABLE: table,
    }
    if protocol.texts == "scores_only":
        refuse_texts(written, _texts_of(pool, texts.values()))
    for name, text in written.items():
        write_text(protocol.folder / name, text)
    files = {name: file_hash(protocol.folder / name) for name in written}
    manifest = make_manifest(
        KIND, request, name=protocol.name, protocol_sha256=protocol.sha256, notes=notes, files_sha256=files
    )
    write_json(protocol.folder / MANIFEST, {**manifest, "command": command_of(protocol)})


def evaluate_words(protocol: Protocol, prompts: str) -> list[str]:
    """The arguments of `bleuberi evaluate`; file names are relative to its working folder."""
    words = ["--models", *(f"{run.name}={_responses_file(run.name)}" for run in protocol.runs)]
    words += ["--prompts", prompts, "--ref_models", *protocol.examples.ref_models]
    if protocol.examples.min_references is not None:
        words += ["--min_references", str(protocol.examples.min_references)]
    words += ["--max_new_tokens", str(protocol.max_new_tokens)]
    primary = protocol.primary
    words += ["--primary", f"{primary.arm}:{primary.against}:{primary.metric}"]
    if protocol.placebos:
        words += ["--placebo", *protocol.placebos]
    trained = [arm for arm in protocol.arms.values() if arm.trained]
    # SFT on references pays for overlap with them, as BLEU does; `length` pays for no score that is compared.
    paid = {reward for arm in trained for reward in arm.rewards or TRAINED_ON} - {"length"}
    if paid - set(TRAINED_ON):
        words += ["--trained_on", *sorted(paid)]
    if untrained := [arm.name for arm in protocol.arms.values() if arm.kind == "prompted"]:
        words += ["--untrained", *untrained]
    return [*words, *flag_words(protocol.evaluate), "--output_dir", _MADE, "--overwrite"]


def _responses_file(run: str) -> str:
    return f"{RUNS}/{run}.jsonl"


def texts_in_folder(record: RunRecord) -> Path | None:
    """The run's committed responses, if they have texts."""
    path = record.folder / RESPONSES
    rows = read_responses(path)
    return path if all("response" in row for row in rows) else None


def fitting_responses(path: Path, record: RunRecord) -> Path | None:
    """The file, if it contains exactly the run's responses."""
    return path if path.is_file() and responses_hash(read_responses(path)) == record.manifest.responses_sha256 else None


def refuse_texts(written: Mapping[str, str], texts: Sequence[str]) -> None:
    """Final check that the committed files contain none of the texts. Errors: `ValueError` (a bug)."""
    for name, content in written.items():
        for text in texts:
            if len(text) >= _TELLING_LETTERS and (
                text in content or strict_json(text, ascii_only=True)[1:-1] in content
            ):
                raise ValueError(f"{name} would contain a text, but the protocol says scores_only: {text[:20]!r}")


def _request(protocol: Protocol, records: Records) -> dict[str, Any]:
    """The inputs of the evaluation."""
    found = {name: record.manifest for name, record in sorted(records.items())}
    runs = {name: {"key": one.key, "responses": one.responses_sha256} for name, one in found.items()}
    words = evaluate_words(protocol, protocol.prompts)
    return {"runs": runs, "evaluate": words, "promises": json_hash(protocol.promises()), "texts": protocol.texts}


def _scores(evaluation: EvaluationRecord, made: Path) -> list[dict[str, Any]]:
    """All runs' scores per prompt, without BLEU's factors."""
    shown = {metric.name for metric in evaluation.metrics if metric.role != "part"}
    with (made / "answers.jsonl").open(encoding="utf-8") as stream:
        rows = [json.loads(line) for line in stream]
    return [
        {
            "id": row["id"],
            "scores": {
                run: {name: _short(value) for name, value in scores.items() if name in shown}
                for run, scores in row["scores"].items()
            },
        }
        for row in rows
    ]


def _short(value: float | None) -> float | None:
    return None if value is None else round(value, 6)


def spending(protocol: Protocol, records: Records, searched: Mapping[str, Searched]) -> dict[str, Spent]:
    """The mean cost of each arm's model per run, including the search for its settings."""
    costs: dict[str, list[Cost]] = {name: [] for name in protocol.arms}
    for record in records.values():
        if "total" in record.cost:
            arm, total = record.arm, record.cost["total"]
            costs[arm].append(total + searched[arm].cost if arm in searched else total)
    return {name: spent(found) for name, found in costs.items()}


def _introduction(protocol: Protocol, notes: Sequence[str], decision: Decision | None) -> list[str]:
    """The lines of the table above the comparison."""
    primary = protocol.primary
    lines = [f"# {protocol.name}", "", protocol.question, ""]
    lines += [decision_text(decision), ""] if decision else []
    lines += [f"Primary comparison: {primary.arm} - {primary.against} in {primary.metric}. {protocol.stopping}", ""]
    if visible := protocol.smallest_visible:
        said = ", ".join(f"{name}: {value}" for name, value in visible.items())
        lines += [f"Smallest visible difference, stated beforehand: {said}.", ""]
    lines += [protocol.note, ""] if protocol.note else []
    return [*lines, *(f"Note: {note}" for note in notes), ""] if notes else lines


def _texts_of(pool: Path, responses: Iterable[Path]) -> list[str]:
    """Prompts, references and responses."""
    texts: set[str] = set()
    for raw in read_rows(str(pool)):
        shown = (value for name, value in raw.values.items() if name == PROMPT or name.startswith(REFERENCE_PREFIX))
        texts.update(value for value in shown if isinstance(value, str))
    for path in responses:
        texts.update(row["response"] for row in read_responses(path))
    return sorted(texts)
