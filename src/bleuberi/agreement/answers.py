"""Answers of several models to shared prompts, with references and labels."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from bleuberi.agreement.pairs import message_text, row_turns
from bleuberi.agreement.references import ReferencesByModel, normalized_model
from bleuberi.agreement.tables import Row
from bleuberi.data.cells import id_text
from bleuberi.data.references import references_in
from bleuberi.data.turns import conversation_key, last_user_text
from bleuberi.errors import UserError
from bleuberi.records import Tally

COPIES = 0.2  # a model with this share of answers identical to reference texts counts as a reference


@dataclass(frozen=True, slots=True)
class Answer:
    """One model's answer to one prompt; `label` is a judge's score, if given."""

    prompt_id: str
    prompt: str
    model: str
    output: str
    label: float | None
    reference_by_model: Mapping[str, str]


def read_answers(
    rows: Sequence[Row],
    *,
    id_column: str,
    label_column: str,
    pool: Mapping[str, ReferencesByModel] | None = None,
    ref_models: Sequence[str] = (),
    max_references: int = 5,
) -> tuple[list[Answer], Tally]:
    """The answers with their references, in the order of the rows. Without `pool`, references come from the rows.

    A pool is joined by `id_column` if the rows have it, else by prompt.
    """
    dropped: Counter[str] = Counter()
    answers: list[Answer] = []
    seen: set[tuple[str, str]] = set()
    known: dict[str, None] = {}
    for number, row in enumerate(rows, 1):
        if not isinstance(row.get("model"), str) or "output" not in row:
            raise UserError(
                f"Row {number} has no model or no output. Its columns: {', '.join(row)[:300]}.",
                "Give rows with model, output, and prompt_id or prompt.",
            )
        turns = row_turns(row, number)
        prompt = last_user_text(turns) or ""
        prompt_id = id_text(row.get(id_column)) or (conversation_key(turns) if turns else "")
        if row["output"] is None or not prompt_id:
            dropped["without an output or a prompt"] += 1
            continue
        model = str(row["model"])
        if (model, prompt_id) in seen:
            dropped["second answers of a model to a prompt"] += 1
            continue
        found = references_in(row) if pool is None else pool.get(prompt_id, {})
        known.update(dict.fromkeys(found))
        chosen = {name: found[name] for name in ref_models or found if name in found}
        if not chosen:
            dropped["without references"] += 1
            continue
        seen.add((model, prompt_id))
        taken = dict(list(chosen.items())[:max_references])
        output = message_text(row["output"], "assistant")
        answers.append(Answer(prompt_id, prompt, model, output, number_of(row.get(label_column)), taken))
    unknown = [name for name in ref_models if name not in known]
    if unknown:
        raise UserError(
            f"No references by {', '.join(unknown)}. Available reference models: {', '.join(known) or 'none'}.",
            "Give --ref_models names from that list, or --pool with a file that has them.",
        )
    if not answers:
        raise UserError(
            f"None of the {len(rows):,} answers have references ({dict(dropped)}).",
            "Check --id_column and --pool_id_column, or give --pool.",
        )
    return answers, Tally(len(rows), len(answers), dict(dropped))


def serving_as_references(answers: Sequence[Answer], gold_models: Sequence[str] = ()) -> dict[str, str]:
    """Models to exclude, with reasons: a reference has the model's name or repeats its answers."""
    names = {normalized_model(name) for answer in answers for name in answer.reference_by_model}
    names |= {normalized_model(name) for name in gold_models}
    given: Counter[str] = Counter(answer.model for answer in answers)
    copied = Counter(
        answer.model
        for answer in answers
        if answer.output.strip() and answer.output.strip() in {t.strip() for t in answer.reference_by_model.values()}
    )
    reasons = {}
    for model, count in given.items():
        if normalized_model(model) in names:
            reasons[model] = "is a reference model, by name"
        elif copied[model] / count >= COPIES:
            reasons[model] = f"has {copied[model] / count:.0%} of its answers word for word in common with references"
    return reasons


def labels_of(rows: Sequence[Row], label_column: str) -> dict[str, float]:
    """The label of every model in a table; models without one are omitted.

    Errors: `UserError` if no row has the column, or a row has no model.
    """
    names = dict.fromkeys(name for row in rows for name in row)
    if rows and label_column not in names:
        raise UserError(
            f"The labels have no column {label_column}. Columns: {', '.join(names)}.", "Give one as --label_column."
        )
    nameless = next((number for number, row in enumerate(rows, 1) if row.get("model") is None), None)
    if nameless is not None:
        raise UserError(f"Row {nameless} of the labels has no model.", "Give a table with model and the label.")
    found = {str(row["model"]): number_of(row.get(label_column)) for row in rows}
    return {model: value for model, value in found.items() if value is not None}


def number_of(value: object) -> float | None:
    """A number of a JSON or CSV cell; None for an empty one. Errors: `UserError` for text that is not a number."""
    if value is None or value == "" or isinstance(value, bool):
        return None
    try:
        number = float(str(value))
    except ValueError as error:
        raise UserError(f"{value!r:.60} is not a number.", "Give a column of numbers as --label_column.") from error
    return number if number == number and abs(number) != float("inf") else None
