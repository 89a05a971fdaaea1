"""An export on the hub, with a data set card: private, if nothing else is asked for."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from bleuberi.errors import MissingExtraError, UserError
from bleuberi.strict_json import strict_json

_USE: Final = {
    "trl": "TRL: `GRPOTrainer(reward_funcs=Bleu(), ...)`; `prompt` is a conversation, `references` go to the reward.",
    "verl": "verl: `data.train_files=FILE reward.custom_reward_function.path=reward.py`, with `VerlScore` in it.",
    "openrlhf": "OpenRLHF: `--data.input_key prompt --data.label_key label --data.apply_chat_template "
    "--reward.remote_url reward.py`, with `OpenRlhfReward` in it.",
    "dpo": "TRL's `DPOTrainer`; OpenRLHF: `--data.prompt_key prompt --data.apply_chat_template`.",
}
_FORMATS: Final = {".jsonl": "json", ".parquet": "parquet"}


def data_card(title: str, file: Path, request: Mapping[str, Any], facts: Mapping[str, Any]) -> str:
    """The card: what the file is, how it was made and who reads it. It names no path of this machine."""
    left_out = ", ".join(f"{count:,} {reason}" for reason, count in facts["dropped"].items()) or "none"
    references = ", ".join(request["ref_models"]) or "all that a row has"
    lines = [
        "---",
        "tags: [bleuberi, reference-based-reward]",
        "configs:",
        f"- {{config_name: default, data_files: {strict_json(file.name)}}}",
        "---",
        "",
        f"# {title}",
        "",
        f"Made by `bleuberi data export --to {request['to']}` from `{request['source']}` "
        f"(SHA-256 {str(request['source_sha256'])[:12]}).",
        "",
        "| | |",
        "|---|---|",
        f"| rows | {facts['rows']:,} |",
        f"| left out | {left_out} |",
        f"| references | {references} |",
        *([f"| reward | {request['metric']} |"] if request["metric"] else []),
        "",
        f"Read it with `load_dataset({_FORMATS[file.suffix]!r}, data_files={file.name!r})`.",
        "",
        _USE[request["to"]],
        "",
        "The licence is that of the source: this card does not give one.",
    ]
    return "\n".join(lines) + "\n"


def push(repository: str, file: Path, card: str, *, public: bool) -> str:
    """Upload the file and its card to a data set repository, made if it is missing. Returns its address.

    Errors: `UserError` without access, or for a repository that everybody can read if `public` was not asked for.
    """
    try:
        import httpx
        from huggingface_hub import CommitOperationAdd, HfApi
    except ImportError as error:
        raise MissingExtraError("huggingface_hub", "train", "Pushing to the hub") from error
    api = HfApi()
    try:
        name = api.create_repo(repository, repo_type="dataset", private=not public, exist_ok=True).repo_id
        if not public and not api.repo_info(name, repo_type="dataset").private:
            raise UserError(
                f"The hub repository {name} can be read by everybody.",
                "Name another one, or add --hub_public if the data may be published.",
            )
        files = {file.name: file.read_bytes(), "README.md": card.encode()}
        done = api.create_commit(
            name,
            [CommitOperationAdd(path_in_repo=path, path_or_fileobj=content) for path, content in files.items()],
            repo_type="dataset",
            commit_message="An export of bleuberi",
        )
    except (OSError, httpx.HTTPError, ValueError) as error:  # the hub's own errors are among them
        first = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise UserError(
            f"The hub repository {repository} cannot be written: {first}",
            "Log in with: hf auth login, or check the name of the repository.",
        ) from error
    return str(done.repo_url)
