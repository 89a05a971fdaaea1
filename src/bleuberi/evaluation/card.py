"""The result of an evaluation for a model's card: finds the model in the evaluation, and its number for the hub."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from bleuberi.errors import UserError
from bleuberi.evaluation.record import EvaluationRecord, Model
from bleuberi.evaluation.view import scores_of
from bleuberi.generation.model_identity import folder_revision
from bleuberi.statistics.shown import numbers


class CardResult(NamedTuple):
    """The result of one model of an evaluation."""

    name: str  # of the model in the evaluation
    base: str
    stated: bool  # its responses came from a file or a server; the user says that they are this model's
    metric: str  # of the primary comparison, else the first score
    value: float | None  # its mean over the prompts
    signature: str
    prompts: int
    pool_sha256: str
    ref_models: tuple[str, ...]
    date: str  # ISO 8601
    dataset: str | None  # on the hub; None if the prompts were a file or a folder, or have no score
    split: str | None


def card_result(folder: Path, model: Path, name: str | None = None) -> CardResult:
    """The result of the model in the folder `model`, found by the hash of its files, or by its name in the evaluation.

    Errors: `UserError` for a missing evaluation, one without this model, or a model that has changed since.
    """
    result = EvaluationRecord.load(folder)
    revision = folder_revision(model)
    own = _named(result, folder, name) if name is not None else _same_files(result, folder, model, revision)
    metric = (result.primary.metric if result.primary else None) or scores_of(result)[0]
    value = numbers(own.mean.get(metric))[0]
    hub = (result.hub_dataset or {}) if value is not None else {}
    return CardResult(
        name=own.name,
        base=result.base,
        stated=not _is_made_of(own, revision),
        metric=metric,
        value=value,
        signature=result.signatures[metric],
        prompts=result.prompts,
        pool_sha256=str(result.config.get("pool_sha256")),
        ref_models=tuple(result.config.get("ref_models") or ()),
        date=result.created,
        dataset=hub.get("id"),
        split=hub.get("split"),
    )


def _named(result: EvaluationRecord, folder: Path, name: str) -> Model:
    found = next((one for one in result.models if one.name == name), None)
    if found is None:
        raise UserError(f"The evaluation {folder} has no model {name}.", f"Choose with --name: {_names(result)}.")
    return found


def _names(result: EvaluationRecord) -> str:
    return ", ".join(one.name for one in result.models)


def _is_made_of(one: Model, revision: str) -> bool:
    """Whether the evaluated model had these files. Precision settings may follow the hash in its revision."""
    return one.revision.partition(";")[0] == revision


def _same_files(result: EvaluationRecord, folder: Path, model: Path, revision: str) -> Model:
    models = result.models
    found = next((one for one in models if _is_made_of(one, revision)), None)
    if found is not None:
        return found
    changed = any(Path(one.model).expanduser().resolve() == model.resolve() for one in models)
    what = "was changed after" if changed else "is not one of the models of"
    raise UserError(
        f"The model {model} {what} the evaluation {folder}.",
        "Evaluate it with bleuberi evaluate; if its responses came from a file or a server, name it with --name: "
        f"{_names(result)}.",
    )
