"""A hub cache with the names that the pages use, so that the commands run offline and as written.

Behind each name lies a small model of that kind: its answers mean nothing, its files are what the real one's would be.
"""

import json
import shutil
from pathlib import Path

from tests.conftest import CHAT_TEMPLATE, ROOT, make_tokenizer

LANGUAGE_MODELS = ("Qwen/Qwen2.5-7B", "Qwen/Qwen2.5-0.5B-Instruct", "org/model")
REWARD_MODEL = "my-org/my-reward-model"
ENCODER = "sentence-transformers/all-MiniLM-L6-v2"
POOL = "yapeichang/BLEUBERI-Tulu3-50k"
_COMMIT = "0123456789abcdef0123456789abcdef01234567"
_WIDTH = 32


def make_hub(home: Path, work: Path, pool_rows: list[dict[str, str]], encoder: Path) -> None:
    """What `HF_HOME` would hold once everything that the pages name was fetched; `work` keeps the plain model."""
    model = save_short_spoken_model(work / "model")
    for name in LANGUAGE_MODELS:
        _fetched(home, name, model)
    _fetched(home, REWARD_MODEL, _save_reward_model(work / "reward_model"))
    _fetched(home, ENCODER, encoder)
    _fetched_data_set(home, work, pool_rows)


def save_short_spoken_model(folder: Path, vocab_size: int = 600, lean_to_end: float = 1.6) -> Path:
    """A Llama with long contexts; most of its answers end within 30 tokens. Larger vocabularies need less lean."""
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM

    torch.manual_seed(0)
    texts = [
        text for row in demo_rows() for key, text in row.items() if key == "prompt" or key.startswith("ref_output_")
    ]
    special = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]
    tokenizer = make_tokenizer(special, special[-1], CHAT_TEMPLATE, vocab_size, [text for text in texts if text])
    tokenizer.pad_token = "<|endoftext|>"
    config = LlamaConfig(
        vocab_size=len(tokenizer),
        hidden_size=_WIDTH,
        intermediate_size=64,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        max_position_embeddings=4096,
        tie_word_embeddings=False,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
        bos_token_id=None,
        initializer_range=0.3,
    )
    model = LlamaForCausalLM(config)
    with torch.no_grad():  # dimension 0 is the same for all tokens: a leaning towards the end token
        for layer in model.model.layers:
            for out in (layer.self_attn.o_proj.weight, layer.mlp.down_proj.weight):
                out *= 0.1
                out[0] = 0.0
        model.model.embed_tokens.weight[:, 0] = 2.0
        model.lm_head.weight[:, 0] = 0.0
        model.lm_head.weight[tokenizer.eos_token_id] = 0.0
        model.lm_head.weight[tokenizer.eos_token_id, 0] = lean_to_end
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


def _save_reward_model(folder: Path) -> Path:
    from transformers import LlamaConfig, LlamaForSequenceClassification

    tokenizer = make_tokenizer(["<|endoftext|>", "<|im_start|>", "<|im_end|>"], "<|im_end|>", CHAT_TEMPLATE)
    tokenizer.pad_token = "<|endoftext|>"
    config = LlamaConfig(
        vocab_size=len(tokenizer),
        hidden_size=_WIDTH,
        intermediate_size=64,
        num_hidden_layers=1,
        num_attention_heads=4,
        num_labels=1,
        pad_token_id=tokenizer.pad_token_id,
    )
    LlamaForSequenceClassification(config).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


def _fetched(home: Path, name: str, folder: Path) -> None:
    """The folder as the hub's client keeps a model of that name."""
    place = home / "hub" / f"models--{name.replace('/', '--')}"
    (place / "refs").mkdir(parents=True)
    (place / "refs/main").write_text(_COMMIT)
    shutil.copytree(folder, place / "snapshots" / _COMMIT)


def _fetched_data_set(home: Path, work: Path, rows: list[dict[str, str]]) -> None:
    """The pool as `datasets` keeps a data set that it has loaded from the hub once."""
    from datasets import Dataset, load_dataset
    from datasets.naming import camelcase_to_snakecase

    (work / "pool").mkdir()
    Dataset.from_list(rows).to_parquet(str(work / "pool/train.parquet"))
    load_dataset(str(work / "pool"), cache_dir=str(work / "prepared"))
    (info_file,) = (work / "prepared").rglob("dataset_info.json")
    owner, name = POOL.split("/")
    name = camelcase_to_snakecase(name)

    place = home / "datasets" / f"{owner}___{name}" / "default/0.0.0" / _COMMIT
    place.parent.mkdir(parents=True)
    shutil.copytree(info_file.parent, place)
    info = json.loads((place / "dataset_info.json").read_text(encoding="utf-8"))
    for file in place.glob("*.arrow"):
        file.rename(file.with_name(f"{name}-train.arrow"))
    info["dataset_name"] = name
    (place / "dataset_info.json").write_text(json.dumps(info), encoding="utf-8")


def demo_rows() -> list[dict[str, str]]:
    lines = (ROOT / "src/bleuberi/demo/pool.jsonl").read_text(encoding="utf-8").splitlines()
    return [json.loads(line) for line in lines]
