"""Upload an export to the hub with a data set card; private unless `--hub_public` is given."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from bleuberi.data.export.recipes import FORMATS, command, reward_file, statements
from bleuberi.hub import dataset_card, open_repository, upload


def data_card(title: str, file: Path, request: Mapping[str, Any], facts: Mapping[str, Any]) -> str:
    """The card: the file's content, how it was made, and which trainer reads it. It contains no path of this
    machine."""
    target = request["to"]
    lead = (
        f"Made by `bleuberi data export --to {target}` from `{request['source']}` "
        f"(SHA-256 {str(request['source_sha256'])[:12]})."
    )
    table = {
        "rows": f"{facts['rows']:,}",
        "left out": ", ".join(f"{count:,} {reason}" for reason, count in facts["dropped"].items()) or "none",
        "references": ", ".join(request["ref_models"]) or "all that a row has",
        "reward": request["metric"],
    }
    rows = f"load_dataset({FORMATS[file.suffix]!r}, data_files={file.name!r}, split='train')"
    if target in ("trl", "dpo"):
        use = "\n".join(["```python", *statements(target, rows), "```"])
    else:
        reward = reward_file(target)
        use = f"Read it with `{rows}`. Train with:\n\n```sh\n{command(target, Path(file.name))}\n```"
        use += f"\n\nwith this `reward.py`:\n\n```python\n{reward}```" if reward else ""
    return dataset_card(title, lead, table, use, file=file.name)


def push(repository: str, file: Path, request: Mapping[str, Any], facts: Mapping[str, Any], *, public: bool) -> str:
    """Upload the file and its card to a data set repository, creating it if missing. Returns its address.

    Errors: `UserError` without access, or for a public repository if `public` is false.
    """
    name = open_repository(repository, "dataset", public=public, publish_flag="--hub_public")
    card = data_card(name.rpartition("/")[2], file, request, facts)
    return upload(name, "dataset", {file.name: file, "README.md": card.encode()}, "An export of bleuberi")
