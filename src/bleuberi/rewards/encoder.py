"""Text encoders such as BERT, and a cache for their vectors.

Weights are loaded once per process and are not pickled with a reward. Vectors of references are cached; the least
recently used are dropped first.
"""

from __future__ import annotations

import json
from collections import OrderedDict
from collections.abc import Callable, Iterator, Sequence
from functools import lru_cache
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Any

from bleuberi.artifacts import content_hash, file_hash
from bleuberi.errors import MissingExtraError, UserError

if TYPE_CHECKING:
    import torch

MAX_TOKENS_WITHOUT_LIMIT = 512
KEPT_MEGABYTES = 512


def require_transformers(needed_for: str) -> None:
    """Errors: `MissingExtraError` if torch or transformers is not installed."""
    for package in ("torch", "transformers"):
        try:
            __import__(package)
        except ImportError as error:
            raise MissingExtraError(package, "train", needed_for) from error


def model_identity(model: str) -> str:
    """Name and content of a model: a folder's hash, or a hub model's commit. Part of signatures, so that a cache never
    returns scores of other weights."""
    folder = Path(model)
    if folder.is_dir():
        return f"{folder.name}@{_folder_hash(str(folder.resolve()))}"
    require_transformers(f"The model {model}")
    return f"{model}@{_hub_commit(model)}"


@lru_cache(maxsize=32)
def _folder_hash(folder: str) -> str:
    """Hash of the configuration files and all bytes of the weights, since further training may change few of them.
    Read once per process."""
    deciding = {".json", ".safetensors", ".bin", ".txt", ".model"}
    files = [path for path in sorted(Path(folder).iterdir()) if path.suffix in deciding]
    return content_hash(*(part for path in files for part in (path.name, file_hash(path))))[:12]


@lru_cache(maxsize=32)
def _hub_commit(model: str) -> str:
    """Query the hub once per process, not at every batch."""
    return str(load_config(model)._commit_hash or "unknown")[:12]


def load_config(model: str) -> Any:  # noqa: ANN401 - transformers has no types
    """A model's configuration. Errors: `UserError` if the model does not exist."""
    from transformers import AutoConfig

    try:
        return AutoConfig.from_pretrained(model, trust_remote_code=False)
    except (OSError, ValueError) as error:
        raise UserError(
            f"The model {model} could not be loaded: {error}", "Give a model's folder or its name on the hub."
        ) from error


@lru_cache(maxsize=2)
def load_encoder(model: str) -> tuple[Any, Any, int]:
    """Tokenizer, model and its maximum number of tokens; on the GPU if available."""
    require_transformers(f"The encoder {model}")
    import torch
    from transformers import AutoModel, AutoTokenizer

    config = load_config(model)
    tokenizer = AutoTokenizer.from_pretrained(model, trust_remote_code=False)
    encoder = AutoModel.from_pretrained(
        model, dtype=torch.float32, use_safetensors=True, trust_remote_code=False
    ).eval()
    encoder.to("cuda" if torch.cuda.is_available() else "cpu")
    # A tokenizer without a limit reports a 30-digit number, which overflows later.
    limits = [getattr(config, "max_position_embeddings", MAX_TOKENS_WITHOUT_LIMIT), tokenizer.model_max_length]
    if config.model_type in {"roberta", "xlm-roberta", "camembert", "longformer"}:
        limits[0] -= 2  # their positions start after the padding's
    return tokenizer, encoder, min(limit for limit in limits if limit > 0)


def hidden_states(
    model: str, texts: Sequence[str], layer: int | None, batch_size: int = 32, max_tokens: int | None = None
) -> Iterator[tuple[int, list[int], torch.Tensor]]:
    """Yield each text's index, token ids and their vectors after `layer` layers (None: all), long texts first."""
    import torch

    tokenizer, encoder, limit = load_encoder(model)
    rows = [
        tokenizer(text.strip(), truncation=True, max_length=min(limit, max_tokens or limit))["input_ids"]
        for text in texts
    ]
    order = sorted(range(len(rows)), key=lambda row: -len(rows[row]))
    for start in range(0, len(order), batch_size):
        part = order[start : start + batch_size]
        padded = tokenizer.pad({"input_ids": [rows[row] for row in part]}, return_tensors="pt").to(encoder.device)
        with torch.inference_mode():
            # Higher layers than requested run needlessly; removing them would change a shared model.
            output = encoder(**padded, output_hidden_states=layer is not None)
        states = output.last_hidden_state if layer is None else output.hidden_states[layer]
        for vectors, row in zip(states, part, strict=True):
            left = tokenizer.padding_side == "left"
            length = len(rows[row])
            yield row, rows[row], (vectors[-length:] if left else vectors[:length]).cpu()


@lru_cache(maxsize=32)
def sentence_pooling(model: str) -> tuple[str, int | None]:
    """The pooling (`mean` or `cls`) and the maximum number of tokens from a sentence encoder's configuration files."""
    pooling, lengths = (_settings(model, name) for name in ("1_Pooling/config.json", "sentence_bert_config.json"))
    return ("cls" if pooling.get("pooling_mode_cls_token") else "mean"), lengths.get("max_seq_length")


def _settings(model: str, name: str) -> dict[str, Any]:
    """A JSON file of a model; empty if absent, as in models that are not sentence encoders."""
    path: str | Path | None = Path(model) / name
    if not Path(model).is_dir():
        require_transformers(f"The model {model}")
        from transformers.utils import cached_file

        path = cached_file(model, name, _raise_exceptions_for_missing_entries=False)
    if path is None or not Path(path).is_file():
        return {}
    found: dict[str, Any] = json.loads(Path(path).read_text(encoding="utf-8"))
    return found


class VectorCache:
    """A thread-safe cache of vectors with a memory limit."""

    def __init__(self, megabytes: float) -> None:
        self._limit = int(megabytes * 1e6)
        self._entries: OrderedDict[tuple[object, ...], torch.Tensor] = OrderedDict()
        self._lock = Lock()
        self.nbytes = 0

    def fetch(
        self, space: tuple[object, ...], texts: Sequence[str], make: Callable[[list[str]], list[torch.Tensor]]
    ) -> dict[str, torch.Tensor]:
        """The vector of every text; missing ones are computed in one call."""
        wanted = list(dict.fromkeys(texts))
        with self._lock:
            found = {text: self._entries[*space, text] for text in wanted if (*space, text) in self._entries}
            for text in found:
                self._entries.move_to_end((*space, text))
        missing = [text for text in wanted if text not in found]
        made = dict(zip(missing, make(missing) if missing else [], strict=True))
        with self._lock:
            for text, vector in made.items():
                if (*space, text) not in self._entries:
                    self._entries[*space, text] = vector
                    self.nbytes += vector.nbytes
            while self.nbytes > self._limit and self._entries:
                self.nbytes -= self._entries.popitem(last=False)[1].nbytes
        return {**found, **made}


REFERENCE_VECTORS = VectorCache(KEPT_MEGABYTES)
