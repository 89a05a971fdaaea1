"""Add an evaluation to a model's card: a part of README.md, and an entry in `.eval_results` for prompts that are on the
hub."""

from __future__ import annotations

from pathlib import Path
from typing import Final, NamedTuple

from bleuberi.artifacts import write_text
from bleuberi.atomic_files import disk_errors
from bleuberi.errors import UserError
from bleuberi.evaluation.card import CardResult, card_result
from bleuberi.evaluation.view import evaluation_section
from bleuberi.folders import ModelFolder
from bleuberi.hub import check_push, open_repository, upload
from bleuberi.report.config import CardConfig
from bleuberi.training.folder.hub import model_files
from bleuberi.view.markdown import markdown
from bleuberi.view.without_texts import without_texts

RESULTS: Final = Path(".eval_results/bleuberi.yaml")
_BEGIN: Final = "<!-- bleuberi card: begin of the evaluation -->"
_END: Final = "<!-- bleuberi card: end of the evaluation -->"
_BEFORE: Final = "\n## Curves\n"


class Card(NamedTuple):
    """The written files, and the address that the model was uploaded to."""

    path: Path
    results: Path | None  # the entry for the hub; None if the prompts are not a data set there
    hub: str | None


def make_card(config: CardConfig) -> Card:
    """Add the evaluation to the card, replacing an earlier one; the rest of the card is kept. Then upload the model.

    Errors: `UserError` for a folder that is not a finished model, or an evaluation of other models.
    """
    check_push(config.push_to_hub, config.hub_public)
    if config.evaluation is None and config.push_to_hub is None:
        raise UserError("Nothing to do.", "Add --evaluation FOLDER, --push_to_hub OWNER/NAME, or both.")
    card = config.model / "README.md"
    trained = ModelFolder.load(config.model)
    if trained is None or not card.is_file():
        raise UserError(
            f"{config.model} is not a finished model with a card.", "Give the --output_dir of bleuberi train."
        )
    result = None if config.evaluation is None else card_result(config.evaluation, config.model, config.name)
    repository = None
    if config.push_to_hub is not None:
        repository = open_repository(config.push_to_hub, "model", public=config.hub_public, publish_flag="--hub_public")
    results = config.model / RESULTS
    if config.evaluation is not None and result is not None:
        section = evaluation_section(config.evaluation, "evaluation", config.evaluation.name, examples=False)
        (section,) = without_texts([section], [config.evaluation, config.model])
        write_text(card, _with_part(card.read_text(encoding="utf-8"), _part(result, markdown(section))))
        _write_entry(results, result, config.task_id)
    place = None
    if repository is not None:
        files = model_files(
            config.model,
            own_code=bool(trained.config.get("trust_remote_code")),
            base=str(trained.config.get("model_name_or_path")),
        )
        place = upload(repository, "model", files, "The model, with its evaluation")
    return Card(card, results if results.is_file() else None, place)


def _part(result: CardResult, tables: str) -> str:
    stated = " Its responses came from a file or a server; that they are this model's was stated." * result.stated
    references = f", references: {', '.join(result.ref_models)}" if result.ref_models else ""
    entry = (
        f"`{RESULTS.as_posix()}` has the mean of {result.metric} for the data set `{result.dataset}`."
        if result.dataset
        else "There is no entry in `.eval_results`: the prompts are not a data set on the hub."
    )
    lead = (
        f"`{result.name}` is this model, `{result.base}` the base.{stated} {result.prompts:,} prompts (pool SHA-256 "
        f"{result.pool_sha256[:12]}){references}. A gain that is not above its controls may be what they stand for."
    )
    return "\n\n".join([_BEGIN, "## Evaluation", lead, tables.rstrip("\n"), entry, _END])


def _with_part(card: str, part: str) -> str:
    before, begin, rest = card.partition(_BEGIN)
    _, end, after = rest.partition(_END)
    if begin and not end:
        raise UserError(
            f"The card has the line {_BEGIN} without {_END}, so the end of its evaluation is not known.",
            "Remove the old evaluation and that line from README.md, then run the command again.",
        )
    if begin:
        return before + part + after
    before, heading, rest = card.partition(_BEFORE)
    if heading:
        return f"{before}\n{part}\n{heading}{rest}"
    return f"{card.rstrip()}\n\n{part}\n"


def _write_entry(path: Path, result: CardResult, task_id: str) -> None:
    """Write the hub's entry if the prompts are on the hub; otherwise remove the entry of an earlier evaluation."""
    if result.dataset is None or result.value is None:
        with disk_errors(path):
            path.unlink(missing_ok=True)
        return
    import yaml
    from huggingface_hub import EvalResultEntry, eval_result_entries_to_yaml

    notes = f"mean {result.signature}; split {result.split}; {result.prompts} prompts"
    notes += f"; references {', '.join(result.ref_models)}; controls in the model card"
    entry = EvalResultEntry(result.dataset, task_id, round(result.value, 6), date=result.date, notes=notes)
    write_text(path, yaml.safe_dump(eval_result_entries_to_yaml([entry]), sort_keys=False))
