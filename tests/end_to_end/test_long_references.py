"""References of more than 2,000 tokens through the whole chain: used in full, or reported before generating."""

import json
import random

import pytest

from bleuberi.rewards import Bleu
from tests.conftest import save_tiny_model
from tests.end_to_end.training import bleuberi

pytest.importorskip("trl")

ROWS = 4
WORDS = 1100
LONG = 3000


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A pool whose references have more than 2,000 tokens, and a tiny model with 8,192 positions."""
    from transformers import AutoTokenizer

    folder = tmp_path_factory.mktemp("long")
    model = save_tiny_model(folder / "model", positions=8192)
    words = ["why", "does", "ice", "float", "on", "lakes", "in", "winter", "it", "is", "less", "dense", "than", "water"]
    draw = random.Random(0)
    texts = [" ".join(draw.choice(words) for _ in range(WORDS)) for _ in range(ROWS)]
    tokens = [len(ids) for ids in AutoTokenizer.from_pretrained(model)(texts)["input_ids"]]
    assert min(tokens) > 2000
    assert max(tokens) < LONG
    rows = [{"id": f"r{n}", "prompt": f"Why {n}?", "ref_output_gold": text} for n, text in enumerate(texts)]
    (folder / "pool.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return folder, model, texts, tokens


def make_data(place, name, limit, capfd):
    folder, model, *_ = place
    words = ["--hf_dataset_path", folder / "pool.jsonl", "--ref_models", "gold", "--model", model, "--metric", "bleu"]
    words += ["--num_examples", ROWS, "--inference_max_new_tokens", limit, "--output_dir", folder / name]
    assert bleuberi("data", "grpo", *words, "--output_dataset_name", "mine") == 0
    data = folder / name / "data_grpo/mine"
    assert bleuberi("data", "sft", "--input_data_path", data, "--output_dir", folder / name) == 0
    said = " ".join(capfd.readouterr().err.split())
    return data, folder / name / "data_sft/mine_SFT", said


@pytest.mark.slow
def test_short_limits_are_reported_by_every_command(place, capfd):
    folder, model, texts, _ = place
    grpo, sft, said = make_data(place, "short", 16, capfd)
    assert "100% of the rows have only references of more than 16 tokens" in said
    assert "raise --inference_max_new_tokens" in said
    from datasets import load_from_disk

    assert [row["references"] for row in load_from_disk(str(grpo))["train"]] == [[texts[int(row["id"][1:])]] for row in
            load_from_disk(str(grpo))["train"]]  # fmt: skip
    named = ["--model_name_or_path", model, "--output_dir"]
    small = ["--num_generations", "2", "--per_device_train_batch_size", "2", "--max_steps", "1"]
    words = ["--config", "grpo_cpu", "--dataset_path", grpo, *small, *named, folder / "short-grpo"]
    assert bleuberi("doctor", *words) == 2
    assert "are longer than max_completion_length 48" in " ".join(capfd.readouterr().out.split())
    assert bleuberi("train", "grpo", *words) == 0
    assert "raise --max_completion_length" in " ".join(capfd.readouterr().err.split())
    words = ["--config", "sft_cpu", "--dataset_path", sft, *named, folder / "short-sft"]
    bleuberi("doctor", *words)
    assert f"{ROWS} are cut at max_length 512 and never show their end" in " ".join(capfd.readouterr().out.split())
    assert bleuberi("train", "sft", *words) == 0
    assert "100% of the pairs are cut at max_length" in " ".join(capfd.readouterr().err.split())
    words = ["--models", f"base={model}", "--prompts", folder / "pool.jsonl", "--max_new_tokens", "16"]
    assert bleuberi("evaluate", *words, "--output_dir", folder / "short-evaluation") == 0
    assert "raise --max_new_tokens" in " ".join(capfd.readouterr().err.split())


@pytest.mark.slow
def test_fitting_limits_use_every_token(place, capfd):
    folder, model, texts, tokens = place
    grpo, sft, said = make_data(place, "long", LONG, capfd)
    assert "references of more than" not in said
    from datasets import load_from_disk

    scores = {row["id"]: row["bleu_score"] for row in load_from_disk(str(grpo))["train"]}
    lines = [json.loads(line) for path in folder.glob("long/inference_outputs/*/*.jsonl") for line in path.open()]
    cached = [line for line in lines if "key" in line]  # a shard ends with its number of rows and its hash
    assert len(cached) == ROWS
    for number, text in enumerate(texts):
        answers = [row["text"] for row in cached]
        assert scores[f"r{number}"] in Bleu()(prompts=[""] * ROWS, responses=answers, references=[[text]] * ROWS), (
            "BLEU against the whole reference"
        )
    named = ["--model_name_or_path", model, "--output_dir"]
    small = ["--num_generations", "2", "--per_device_train_batch_size", "2", "--max_steps", "1"]
    words = ["--config", "grpo_cpu", "--dataset_path", grpo, "--max_completion_length", LONG, *small, *named]
    assert bleuberi("doctor", *words, folder / "long-grpo") == 0
    assert bleuberi("train", "grpo", *words, folder / "long-grpo") == 0
    said = " ".join(capfd.readouterr().err.split())
    assert "references of more than" not in said
    words = ["--config", "sft_cpu", "--dataset_path", sft, "--max_length", LONG + 100, *named, folder / "long-sft"]
    words += ["--per_device_train_batch_size", "1"]
    assert bleuberi("train", "sft", *words) == 0
    manifest = json.loads((folder / "long-sft/manifest.json").read_text())
    assert manifest["rows_cut"] == 0
    assert manifest["tokens_in_loss"] == sum(tokens) + ROWS  # and an end token each
    words = ["--models", f"base={model}", f"sft={folder / 'long-sft'}", "--prompts", folder / "pool.jsonl"]
    assert bleuberi("evaluate", *words, "--max_new_tokens", LONG, "--output_dir", folder / "long-evaluation") == 0
    assert "references of more than" not in capfd.readouterr().err
