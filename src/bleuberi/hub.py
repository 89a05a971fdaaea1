"""Repositories and cards on the Hugging Face hub. A repository is private unless public is requested."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal

from bleuberi.errors import MissingExtraError, UserError
from bleuberi.plain_text import one_line

if TYPE_CHECKING:
    from huggingface_hub import CardData, HfApi

Kind = Literal["model", "dataset"]

_LICENCE: Final = (
    "Not stated. The terms of the prompts, of the references and of the models that wrote them apply: add a licence "
    "before you publish."
)


def check_push(repository: str | None, public: bool) -> None:
    """Errors: `UserError` for `--hub_public` without `--push_to_hub`."""
    if public and repository is None:
        raise UserError("--hub_public does nothing without --push_to_hub.", "Give --push_to_hub OWNER/NAME.")


def open_repository(name: str, kind: Kind, *, public: bool, publish_flag: str, token: str | None = None) -> str:
    """Open the repository, creating it if missing, and return its full name.

    Errors: `UserError` without access, and for a public repository if `public` is false; `publish_flag` is the flag
    that allows it.
    """
    api = _api(token)
    with _hub_errors(name):
        found = str(api.create_repo(name, repo_type=kind, private=not public, exist_ok=True).repo_id)
        if not public and not api.repo_info(found, repo_type=kind).private:
            raise UserError(
                f"The hub repository {found} is public.",
                f"Name another one, or add {publish_flag} if it may be published.",
            )
    return found


def upload(
    name: str,
    kind: Kind,
    files: Mapping[str, Path | bytes],
    message: str,
    *,
    token: str | None = None,
    revision: str | None = None,
) -> str:
    """Upload files (path in the repository -> a file, or its content) in one commit. Returns the repository's address.

    Errors: `UserError` without access.
    """
    api = _api(token)
    from huggingface_hub import CommitOperationAdd

    with _hub_errors(name):
        done = api.create_commit(
            name,
            [CommitOperationAdd(path_in_repo=path, path_or_fileobj=content) for path, content in files.items()],
            repo_type=kind,
            commit_message=message,
            revision=revision,
        )
    return str(done.repo_url)


def card(data: CardData, body: str) -> str:
    """A card: the hub's metadata block, then Markdown."""
    return f"---\n{data.to_yaml()}\n---\n\n{body}"


def dataset_card(
    title: str, lead: str, facts: Mapping[str, object], use: str, *, file: str | None = None, tags: Sequence[str] = ()
) -> str:
    """The card of a data set. `facts`: rows of its table; `use`: Markdown; `file`: its name in the repository, if any.

    The licence is left to whoever publishes the data. Errors: `MissingExtraError` without huggingface_hub.
    """
    _api(None)
    from huggingface_hub import DatasetCardData

    found: dict[str, Any] = {"configs": [{"config_name": "default", "data_files": file}]} if file else {}
    data = DatasetCardData(tags=["bleuberi", "reference-based-reward", *tags], **found)
    table = [f"| {name} | {_cell(value)} |" for name, value in facts.items() if value not in (None, "")]
    parts = [f"# {title}", lead, "\n".join(["| | |", "| --- | --- |", *table]), "## Use", use, "## Licence", _LICENCE]
    return card(data, "\n\n".join(parts) + "\n")


def _cell(value: object) -> str:
    return one_line(str(value)).replace("|", "\\|").replace("<", "&lt;")


def without_path(text: str, *, folder: bool = False) -> str:
    """The last component of a path; hub ids (`organisation/name`) are kept. `folder`: the text is a path even if it
    looks like an id."""
    looks_local = text.startswith(("/", "~", ".")) or text.count("/") > 1 or Path(text).exists()
    return Path(text).name if folder or looks_local else text


def _api(token: str | None) -> HfApi:
    try:
        from huggingface_hub import HfApi
    except ImportError as error:
        raise MissingExtraError("huggingface_hub", "train", "Pushing to the hub") from error
    return HfApi(token=token)


@contextmanager
def _hub_errors(repository: str) -> Iterator[None]:
    import httpx

    try:
        yield
    except (OSError, httpx.HTTPError, ValueError) as error:  # the hub's own errors are among them
        first = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise UserError(
            f"The hub repository {repository} cannot be written: {first}",
            "Log in with: hf auth login, check the repository's name, or leave --push_to_hub out.",
        ) from error
