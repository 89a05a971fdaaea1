"""The card of a data set (README.md in its folder), and the data set with its card on the hub."""

from __future__ import annotations

import io
import logging
import shlex
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any, Final

from bleuberi import columns
from bleuberi.artifacts import MANIFEST, read_manifest
from bleuberi.data.export.recipes import MODEL
from bleuberi.errors import UserError
from bleuberi.hub import check_push, dataset_card, open_repository, upload, without_path
from bleuberi.rewards import reward_name
from bleuberi.strict_json import strict_json

log = logging.getLogger(__name__)

CARD: Final = "README.md"
_FILE: Final = "train.parquet"


def _use(rows: str, method: str, train: str, others: str, *, imports: str = "") -> str:
    """A template about the columns of the rows, and how to train on them with TRL, with other trainers and with
    bleuberi."""
    return f"""\
{rows}

```python
from datasets import {{loader}}
from trl import {method.upper()}Trainer
{imports}
data = {{load}}
{train}
```

{others}

bleuberi:

```sh
{{get}}bleuberi train {method} --config {method}_cpu --dataset_path {{folder}} --model_name_or_path {{model}} \
--output_dir out
```"""


def _openrlhf(method: str, keys: str) -> str:
    return f"""\
OpenRLHF:

```sh
python -m openrlhf.cli.train_{method} --data.dataset {{name}} {keys} \\
    --data.apply_chat_template --model.model_name_or_path {{model}}
```"""


_GRPO: Final = _use(
    """\
`messages` are the turns of the prompt and, as the last one, the gold answer; `references` are what a response is scored
against. `prompt` is plain text, and trainers render no chat template for plain text: give them the turns. TRL:""",
    "grpo",
    """\
data = data.map(lambda row: {{"prompt": row["messages"][:-1]}}, remove_columns="messages")
GRPOTrainer("{model}", reward_funcs=load_reward("{reward}"), train_dataset=data).train()""",
    """\
verl (or `--to openrlhf`, `--to verifiers`; the command prints how to train on the file):

```sh
bleuberi data export {name} --to verl --output train.parquet
```""",
    imports="\nfrom bleuberi.rewards import load_reward\n",
)
_SFT: Final = _use(
    "`messages` are the turns of the prompt and, as the last one, a reference. "
    "TRL, with the loss on the reference only:",
    "sft",
    """\
data = data.map(
    lambda row: {{"prompt": row["messages"][:-1], "completion": row["messages"][-1:]}}, remove_columns="messages"
)
SFTTrainer("{model}", train_dataset=data).train()""",
    "verl's SFT trainer reads `messages` of a Parquet file. " + _openrlhf("sft", "--data.input_key messages"),
)
_BESTOF: Final = _use(
    "`prompt` are the turns of the prompt, `completion` is the sample with the highest score. TRL:",
    "sft",
    'SFTTrainer("{model}", train_dataset=data.select_columns(["prompt", "completion"])).train()',
    _openrlhf("sft", "--data.input_key prompt --data.output_key completion"),
)
_PAIRS: Final = _use(
    "`prompt` are the turns of the prompt, `chosen` is the sample with the highest score, `rejected` the one with the "
    "lowest.\nTRL:",
    "dpo",
    'DPOTrainer("{model}", train_dataset=data.select_columns(["prompt", "chosen", "rejected"])).train()',
    _openrlhf("dpo", "--data.prompt_key prompt"),
)


def folder_card(name: str, manifest: Mapping[str, Any], names: Collection[str], *, on_hub: bool = False) -> str:
    """The card of a data set with these columns. `name` is the folder's name, or `OWNER/NAME` if `on_hub` is set.

    It describes how the data set was made, as far as the manifest records it, and contains no path of this machine.
    """
    signature = str(manifest.get("reward_signature") or _request(manifest).get("metric") or "")
    folder = name.rpartition("/")[2]
    kind, template = _kind(names)
    shell = {"name": shlex.quote(name), "folder": shlex.quote(folder), "get": ""}
    shell |= {"loader": "load_from_disk", "load": f'load_from_disk({strict_json(name)})["train"]'}
    if on_hub:
        shell |= {"loader": "load_dataset", "load": f'load_dataset({strict_json(name)}, split="train")'}
        shell["get"] = f"hf download {shell['name']} --repo-type dataset --local-dir {shell['folder']}\n"
    use = template.format(model=MODEL, reward=reward_name(signature) or "bleu", **shell)
    lead = f"Made by `bleuberi data {kind}`. The method: [arXiv 2505.11080](https://arxiv.org/abs/2505.11080)."
    facts = _facts(manifest, signature) | {"columns": ", ".join(f"`{column}`" for column in names)}
    return dataset_card(folder, lead, facts, use, file=_FILE if on_hub else None, tags=[kind, "trl"])


def open_dataset(repository: str | None, public: bool) -> str | None:
    """Open the data set's repository, creating it if missing. Called before the long work, so that errors come early.
    None without a name.

    Errors: as `open_repository`, and `UserError` for `public` without a name.
    """
    check_push(repository, public)
    if repository is None:
        return None
    return open_repository(repository, "dataset", public=public, publish_flag="--hub_public")


def push_dataset(folder: Path, repository: str | None) -> str | None:
    """Upload the rows of a finished data set as Parquet, and its card; no other file. Returns the repository's address.

    Errors: `UserError` for a data set of another program, because its card could not describe how it was made.
    """
    if repository is None:
        return None
    from datasets import load_from_disk

    manifest = read_manifest(folder)
    if manifest is None:
        raise UserError(
            f"{folder} has no {MANIFEST}, so its card could not describe how it was made.",
            "Leave --push_to_hub out, or choose another --output_dir to make it again.",
        )
    rows, parquet = load_from_disk(str(folder))["train"], io.BytesIO()
    rows.to_parquet(parquet)
    card = folder_card(repository, manifest, rows.column_names, on_hub=True)
    files = {_FILE: parquet.getvalue(), CARD: card.encode()}
    place = upload(repository, "dataset", files, "A data set of bleuberi")
    log.info("The data set is on the hub: %s", place)
    return place


def _kind(names: Collection[str]) -> tuple[str, str]:
    if columns.REFERENCES in names:
        return "grpo", _GRPO
    if "completion" in names:
        return "bestof", _BESTOF
    return ("pairs", _PAIRS) if "rejected" in names else ("sft", _SFT)


def _request(manifest: Mapping[str, Any]) -> Mapping[str, Any]:
    """The request that created the rows; for SFT pairs, the request of their GRPO data set."""
    found: Mapping[str, Any] = manifest.get("input_request") or manifest["config"]
    return found


def _facts(manifest: Mapping[str, Any], signature: str) -> dict[str, object]:
    request = _request(manifest)
    dropped = ", ".join(f"{count:,} {reason}" for reason, count in manifest.get("dropped", {}).items() if count)
    least = request.get("min_references")
    revision = f" ({request['model_revision']})" if request.get("model_revision") else ""
    chosen = request.get("num_examples")
    shuffled = request.get("shuffle_references")
    settings = request.get("signal") or {}
    return {
        "rows": f"{manifest['rows']:,}",
        "rows of the source": f"{manifest['rows_in']:,}" if "rows_in" in manifest else "",
        "left out": dropped,
        "pool": _hashed(request.get("pool"), request.get("pool_sha256")),
        "made from": _hashed(manifest["config"].get("input"), manifest["config"].get("input_sha256")),
        "references": ", ".join(request.get("ref_models") or ()) + (f", at least {least} per row" if least else ""),
        "reward": f"`{signature}`" if signature else "",
        "policy": without_path(str(request["model"])) + revision if request.get("model") else "",
        "responses": f"of a file (SHA-256 {request['outputs_sha256'][:12]})" if request.get("outputs_sha256") else "",
        "selection": ", ".join(
            part
            for part in (
                str(request.get("selection_mode") or ""),
                f"{chosen:,} asked for" if chosen else "",
                *(f"{name} {strict_json(value)}" for name, value in settings.items()),
            )
            if part
        ),
        "samples": request.get("num_samples"),
        "seed": request.get("seed"),
        "prompts": "a system turn asks for thoughts and an answer in tags" if request.get("reasoning") else "",
        "placebo": "" if shuffled is None else f"each row has another row's references (seed {shuffled})",
        "least margin": request.get("min_margin"),
        "version": f"bleuberi {manifest['versions']['bleuberi']}",
    }


def _hashed(name: object, digest: object) -> str:
    return f"{name} (SHA-256 {str(digest)[:12]})" if name and digest else ""
