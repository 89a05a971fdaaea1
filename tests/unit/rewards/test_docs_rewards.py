"""The examples of docs/rewards.md and docs/other_trainers.md run, with small models in place of large ones."""

import asyncio
import json
import re
from pathlib import Path

import pytest

from bleuberi.rewards import REWARDS

DOCS = Path(__file__).parents[3] / "docs"
DOCUMENT = (DOCS / "rewards.md").read_text(encoding="utf-8")
TRAINERS = (DOCS / "other_trainers.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"```python\n(.*?)```", DOCUMENT + TRAINERS, re.DOTALL)


def block(marker):
    (found,) = [code for code in BLOCKS if marker in code]
    return found


def run(marker, **replaced):
    code = block(marker)
    for old, new in replaced.items():
        assert old in code
        code = code.replace(old, new)
    names = {"__name__": "example"}
    exec(compile(code, f"docs/rewards.md: {marker}", "exec"), names)
    return names


def test_every_example_is_short_and_every_name_is_in_the_table():
    assert len(BLOCKS) == 9
    assert all(len(code.strip().splitlines()) < 28 for code in BLOCKS)
    assert all(f"`{name}`" in DOCUMENT.split("## What exactly")[0] for name in REWARDS)


def test_first_example(capsys):
    run("Say hello.")
    expected = re.search(r"# (bleu\|.*)", block("Say hello."))[1]
    assert capsys.readouterr().out.strip() == expected


def test_references_example():
    scores = run("References([")["scores"]
    assert len(scores) == 2
    assert all(0 < score < 1 for score in scores)


def test_arrow_example(tmp_path, monkeypatch, capsys):
    pa = pytest.importorskip("pyarrow", reason="pyarrow is not installed")
    import pyarrow.parquet as pq

    monkeypatch.chdir(tmp_path)
    pq.write_table(pa.table({"response": ["a", "b"], "references": [["a"], ["c"]]}), "rows.parquet")
    run("read_arrow")
    assert capsys.readouterr().out.strip() == "2"


def test_cache_example(tmp_path, monkeypatch, encoder):
    pytest.importorskip("torch", reason="torch is not installed")
    monkeypatch.chdir(tmp_path)
    run("CachedReward", **{"encoder-folder": encoder})
    assert (tmp_path / "runs" / "scores.sqlite").exists()


def test_verl_example():
    assert run("VerlScore")["compute_score"]("set", "a cat", '["a cat", "the cat"]', extra_info=None) == pytest.approx(
        1.0
    )


def test_openrlhf_example():
    pytest.importorskip("torch", reason="torch is not installed")
    found = run("OpenRlhfReward")["reward_func"](["Q: a cat</s>"], ["Q: "], [json.dumps(["a cat"])])
    assert found["rewards"].tolist() == [pytest.approx(1.0)]


def test_verifiers_example():
    vf = pytest.importorskip("verifiers.v1", reason="verifiers is not installed")
    from types import SimpleNamespace

    made = run("vf.reward")
    (task,) = made["Taskset"](vf.TasksetConfig())
    (reward,) = task.hooks("reward")
    assert asyncio.run(reward(SimpleNamespace(last_reply="On the mat."))) == pytest.approx(1.0)


def test_trl_examples(tmp_path, monkeypatch):
    pytest.importorskip("trl", reason="trl is not installed")
    from tokenizers import Tokenizer, models, pre_tokenizers
    from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

    monkeypatch.chdir(tmp_path)
    words = ["<pad>", "</s>", "<unk>", "Name", "a", "colour", ".", "Red", "Blue", "is", "one"]
    plain = Tokenizer(models.WordLevel({word: n for n, word in enumerate(words)}, unk_token="<unk>"))
    plain.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=plain, pad_token="<pad>", eos_token="</s>", unk_token="<unk>")
    config = LlamaConfig(
        vocab_size=len(words), hidden_size=16, intermediate_size=16, num_hidden_layers=1, num_attention_heads=2,
        max_position_embeddings=64, pad_token_id=0, eos_token_id=1, bos_token_id=1,
    )  # fmt: skip
    LlamaForCausalLM(config).save_pretrained("tiny")
    tokenizer.save_pretrained("tiny")
    small = 'output_dir="runs/bleu", use_cpu=True, report_to=[], logging_steps=1'
    replaced = {"Qwen/Qwen2.5-0.5B-Instruct": "tiny", 'output_dir="runs/bleu"': small}
    made = run("trainer.train()", **replaced)
    logged = [entry for entry in made["trainer"].state.log_history if "rewards/bleu/mean" in entry]
    assert logged
    assert 0.0 <= logged[0]["rewards/bleu/mean"] <= 1.0
    assert run("normalize_then_sum")["config"].multi_objective_aggregation == "normalize_then_sum"
